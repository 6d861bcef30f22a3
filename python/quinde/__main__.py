"""`python -m quinde`: the same program as the `quinde` console script."""

from quinde.cli import main

if __name__ == "__main__":
    main()
