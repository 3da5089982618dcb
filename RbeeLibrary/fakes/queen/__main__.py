"""Runs the program: `python -m RbeeLibrary.fakes.queen`."""

import sys

from . import main

sys.exit(main())
