"""Tokens that a fake worker generates (contract 6.5)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

WORDS = (  # noqa: SIM905  in the order of the contract
    "the a small bee hive queen worker keeper model token light field river stone garden morning "
    "found made told kept over under with from slow bright quiet warm old new and then"
).split()
DEFAULT_TOKENS = ("Once", " upon", " a", " time", "...")


def generated(prompt: str, seed: int, count: int) -> Iterator[str]:
    """Yields `count` tokens, each a function of prompt, seed and index alone.

    Args:
        prompt: the prompt.
        seed: the seed of the request.
        count: number of tokens.
    """
    for index in range(count):
        digest = hashlib.sha256(f"{prompt}\0{seed}\0{index}".encode()).digest()
        word = WORDS[int.from_bytes(digest[:8], "big") % len(WORDS)]
        yield f" {word}" if index else word


def split_answer(text: str) -> list[str]:
    """Splits a text into tokens, before each blank."""
    return [part for part in re.split("(?= )", text) if part]
