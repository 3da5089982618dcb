"""fake-queen: stands in for `queen-rbee` (contract 4, 16)."""

from .queen import main as main
