"""Runs the program: `python -m RbeeLibrary.fakes.hub`."""

import sys

from . import main

sys.exit(main())
