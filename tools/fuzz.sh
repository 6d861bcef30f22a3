#!/bin/sh
# Run fuzz targets one after the other: `make fuzz` calls it, fuzz/README.md explains it.
#
#   tools/fuzz.sh [target…]     none means all
#
#   FUZZ_SECONDS=600      how long each
#   SANITIZER=address     or none, which is faster
#   ARGS='-jobs=2'        more arguments for libFuzzer
#
# Builds without cargo-fuzz: the flags below are what it comes to. Nightly is not needed, but its flags are:
# RUSTC_BOOTSTRAP lets a stable compiler take them, here and nowhere else.
set -u
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-600}
sanitizer=${SANITIZER:-address}
target_dir=$PWD/target/fuzz
seeds=$target_dir/seeds
known=$(cd fuzz/fuzz_targets && ls ./*.rs | sed 's/^\.\///; s/\.rs$//')
[ $# -gt 0 ] || set -- $known

command -v "${CXX:-c++}" >/dev/null 2>&1 || {
    echo "no C++ compiler (${CXX:-c++}), which libFuzzer is built with: install g++, or set CXX" >&2
    exit 1
}
for target in "$@"; do
    [ -f "fuzz/fuzz_targets/$target.rs" ] || {
        echo "no target '$target'; there are:" $known >&2
        exit 2
    }
done
host=$(rustc -vV | sed -n 's/^host: //p') || exit 1

flags="--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
flags="$flags -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
flags="$flags -Cllvm-args=-sanitizer-coverage-trace-compares"
[ "$sanitizer" = none ] || flags="$flags -Zsanitizer=$sanitizer"
echo "== the fuzzers, sanitizer: $sanitizer"
RUSTC_BOOTSTRAP=1 RUSTFLAGS="$flags" cargo build --locked --quiet --release --manifest-path fuzz/Cargo.toml \
    --features libfuzzer --bins --target "$host" --target-dir "$target_dir/$sanitizer" || exit 1

if [ ! -d "$seeds" ] || [ -n "$(find crates/http/tests fuzz/examples -newer "$seeds")" ]; then
    echo "== seeds from the tests of crates/http"
    rm -rf "$seeds" "$seeds.wires"
    {
        QUINDE_SEEDS=$seeds.wires cargo test --locked --profile fast --quiet -p quinde-http &&
            cargo run --locked --quiet --manifest-path fuzz/Cargo.toml --target-dir "$target_dir/seeding" \
                --example seeds "$seeds.wires" "$seeds"
    } >"$target_dir/seeds.log" 2>&1 || {
        cat "$target_dir/seeds.log" >&2
        rm -rf "$seeds"
        exit 1
    }
fi

failed=0
for target in "$@"; do
    program=$target_dir/$sanitizer/$host/release/$target
    case $target in
        request_head | server_connection) from="$seeds/server" ;;
        response_head | client_connection) from="$seeds/client" ;;
        chunked_body) from="$seeds/chunked" ;;
        differential) from="$seeds/server $seeds/client" ;;
        *) from= ;;
    esac
    mkdir -p "fuzz/corpus/$target" "fuzz/artifacts/$target"
    log=$target_dir/$target.log
    echo "== $target: $seconds s"
    # $from and $ARGS are words.
    "$program" "fuzz/corpus/$target" $from -max_total_time="$seconds" -dict=fuzz/http.dict \
        -artifact_prefix="fuzz/artifacts/$target/" -max_len=1024 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        ${ARGS:-} >"$log" 2>&1
    status=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -1)
    speed=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log" | tail -1)
    seen=$(sed -n 's/.*\(cov: [0-9]* ft: [0-9]* corp: [0-9]*\).*/\1/p' "$log" | tail -1)
    if [ $status -eq 0 ]; then
        echo "$target: no finding in ${runs:-?} runs, ${speed:-?} a second, $seen"
    else
        failed=1
        input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -1)
        grep -E "panicked at|ERROR: |SUMMARY: " "$log" | head -3
        sed -n '/panicked at/{n;p;}' "$log" | head -1
        echo "$target: FINDING after ${runs:-?} runs, ${speed:-?} a second, $seen"
        echo "    the whole log: ${log#"$PWD"/}"
        [ -z "$input" ] || echo "    again: ${program#"$PWD"/} $input"
    fi
done
exit $failed
