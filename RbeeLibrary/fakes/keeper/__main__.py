"""Runs the program: `python -m RbeeLibrary.fakes.keeper`."""

import sys

from . import main

sys.exit(main())
