"""Runs the program: `python -m RbeeLibrary.fakes.worker`."""

import sys

from . import main

sys.exit(main())
