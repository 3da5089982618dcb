"""fake-hub: a model hub that serves the part of Hugging Face's API that rbee uses (contract 9.2)."""

from .hub import main as main
