"""`python -m manyviews` is the command `manyviews`."""

import sys

from manyviews.cli import main

if __name__ == "__main__":
    sys.exit(main())
