#!/bin/sh
# Run something with the extension that was built for AddressSanitizer (`make asan`): the interpreter is not, so the
# sanitizer's runtime has to be there before it.
set -eu
runtime=$("${CC:-cc}" -print-file-name=libasan.so)
[ -f "$runtime" ] || {
    echo "no libasan.so beside ${CC:-cc}: install gcc with its sanitizers (Debian: gcc and libasan)" >&2
    exit 1
}
# PYTHONMALLOC: each object an allocation of its own, so that the sanitizer sees what is used after it was freed.
# No leaks are looked for: the interpreter itself leaves a lot behind at exit.
export PYTHONMALLOC=malloc
export ASAN_OPTIONS="detect_leaks=0:detect_stack_use_after_return=1:abort_on_error=1:${ASAN_OPTIONS:-}"
LD_PRELOAD="$runtime${LD_PRELOAD:+:$LD_PRELOAD}" exec "$@"
