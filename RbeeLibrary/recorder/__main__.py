"""`python -m RbeeLibrary.recorder`."""

import sys

from .recorder import main

if __name__ == "__main__":
    sys.exit(main())
