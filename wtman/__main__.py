"""`python -m wtman`, the same program as `wtman`."""

import sys

from wtman.cli import main

if __name__ == "__main__":
    sys.exit(main())
