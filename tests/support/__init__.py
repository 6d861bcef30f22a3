"""What tests share: modes (`modes`), servers on free ports (`servers`) and raw wires (`wire`)."""
