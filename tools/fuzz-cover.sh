#!/bin/sh
# Say which lines of the crates the fuzzers' inputs reach: `make fuzz-cover`, after `make fuzz`. What no input reaches,
# no check has seen; mostly a seed is missing then (fuzz/examples/seeds.rs).
set -eu
cd "$(dirname "$0")/.."
seeds=$PWD/target/fuzz/seeds
into=$PWD/target/fuzz/cover
llvm=$(echo "$(rustc --print sysroot)"/lib/rustlib/*/bin)
[ -x "$llvm/llvm-cov" ] || {
    echo "no llvm-cov that fits this compiler: \`rustup component add llvm-tools\`" >&2
    exit 1
}
[ -d "$seeds" ] || {
    echo "no seeds and no corpus yet: run \`make fuzz-quick\` first" >&2
    exit 1
}
RUSTFLAGS=-Cinstrument-coverage cargo build --locked --quiet --manifest-path fuzz/Cargo.toml --target-dir "$into" \
    --example replay
program=$into/debug/examples/replay
rm -f "$into"/*.profraw
for target in $(cd fuzz/fuzz_targets && ls ./*.rs | sed 's/^\.\///; s/\.rs$//'); do
    mkdir -p "fuzz/corpus/$target"
    LLVM_PROFILE_FILE=$into/$target.profraw "$program" "$target" "fuzz/corpus/$target" "$seeds"/* >/dev/null
done
"$llvm/llvm-profdata" merge -sparse "$into"/*.profraw -o "$into/all.profdata"
"$llvm/llvm-cov" report "$program" -instr-profile="$into/all.profdata" crates/http/src crates/router/src |
    awk '$8 + 0 { printf "%5d of %5d lines not reached  %s\n", $9, $8, $1 }'
echo "which ones: $llvm/llvm-cov show $program -instr-profile=$into/all.profdata crates/http/src/h1"
