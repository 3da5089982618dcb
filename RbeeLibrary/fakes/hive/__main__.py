"""Runs the program: `python -m RbeeLibrary.fakes.hive`."""

import sys

from . import main

sys.exit(main())
