"""fake-hive: stands in for `rbee-hive` (contract 5, 16)."""

from .hive import main as main
