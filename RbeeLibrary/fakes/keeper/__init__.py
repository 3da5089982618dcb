"""fake-keeper: stands in for `rbee-keeper` (contract 7)."""

from .cli import main as main
