#!/bin/sh
# Print the path of the Python to use: the newest CPython >= 3.11 that really runs and can make virtual environments.
# $PYTHON overrides the search; an argument such as 3.11 asks for exactly that series.
# Each candidate is run, as a pyenv shim can stand in PATH and still refuse.
set -u
series=${1:-}

probe='
import sys, sysconfig, ensurepip, venv
version = sys.version_info
usable = (sys.implementation.name == "cpython" and version >= (3, 11) and version.releaselevel == "final"
          and not sysconfig.get_config_var("Py_GIL_DISABLED"))
wanted = sys.argv[1] in ("", "%d.%d" % version[:2])
if not (usable and wanted):
    sys.exit(1)
print("%03d%03d%03d %s" % (*version[:3], sys.executable))
'

candidates() {
    if [ -n "${PYTHON:-}" ]; then
        command -v "$PYTHON" || echo "$PYTHON"
        return
    fi
    ls -d "$HOME"/.pyenv/versions/*/bin/python3 2>/dev/null
    for name in python3.15 python3.14 python3.13 python3.12 python3.11 python3 python; do
        command -v "$name"
    done
}

newest=$(candidates | while read -r python; do "$python" -c "$probe" "$series" 2>/dev/null; done | sort -r | head -n 1)
if [ -z "$newest" ]; then
    if [ -n "${PYTHON:-}" ]; then
        echo "PYTHON=$PYTHON is no CPython ${series:->= 3.11} that runs and has venv and ensurepip" >&2
    else
        echo "no CPython ${series:->= 3.11} with venv found: install python3 and python3-venv," \
             "or say PYTHON=/path/to/python" >&2
    fi
    exit 1
fi
echo "${newest#* }"
