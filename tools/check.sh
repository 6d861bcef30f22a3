#!/bin/sh
# Look whether the machine has what building needs; one line of advice for each thing that is missing.
set -u
missing=0

advise() {
    echo "$1" >&2
    missing=1
}

if ! version=$(rustc --version 2>/dev/null) || ! cargo --version >/dev/null 2>&1; then
    advise "no rustc and cargo: install Rust 1.85 or newer, for example from https://rustup.rs"
else
    number=$(echo "$version" | cut -d ' ' -f 2)
    major=${number%%.*}
    rest=${number#*.}
    if [ "$major" -eq 1 ] && [ "${rest%%.*}" -lt 85 ]; then
        advise "rustc $number is too old, quinde needs 1.85: \`rustup update\`, or install it from https://rustup.rs"
    fi
fi
command -v "${CC:-cc}" >/dev/null 2>&1 ||
    advise "no C compiler (${CC:-cc}), which Rust needs to link: install gcc, or set CC"

for part in "$@"; do
    case $part in
        lint)
            cargo clippy --version >/dev/null 2>&1 && cargo fmt --version >/dev/null 2>&1 ||
                advise "no clippy or rustfmt: \`rustup component add clippy rustfmt\`" ;;
        audit)
            cargo deny --version >/dev/null 2>&1 ||
                advise "no cargo-deny: \`cargo install --locked cargo-deny\`" ;;
        *)
            echo "check.sh knows no part '$part'" >&2
            exit 2 ;;
    esac
done
exit "$missing"
