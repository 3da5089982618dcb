"""Which text a worker answers with (contract 6.5)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

WORDS = (  # noqa: SIM905  as the contract prints them
    "the a small bee hive queen worker keeper model token light field river stone garden morning "
    "found made told kept over under with from slow bright quiet warm old new and then"
).split()
DEFAULT_TOKENS = ("Once", " upon", " a", " time", "...")


def generated(prompt: str, seed: int, count: int) -> Iterator[str]:
    """Exactly `count` tokens that depend on nothing but prompt, seed and index."""
    for index in range(count):
        digest = hashlib.sha256(f"{prompt}\0{seed}\0{index}".encode()).digest()
        word = WORDS[int.from_bytes(digest[:8], "big") % len(WORDS)]
        yield f" {word}" if index else word


def split_answer(text: str) -> list[str]:
    """An answer as tokens, split before each blank."""
    return [part for part in re.split("(?= )", text) if part]
