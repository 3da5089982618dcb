"""fake-worker, mock-worker: stands in for `llm-worker-rbee` (contract 6)."""

from .worker import main as main
