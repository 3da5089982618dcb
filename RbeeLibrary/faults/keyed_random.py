"""Keyed draws: a number that depends on its keys and on nothing else, so that a seed replays although requests race."""

from __future__ import annotations

import hashlib

_RANGE = 2**64


def draw(*keys: object) -> float:
    """A number from 0 up to, but not including, 1."""
    text = "\0".join(map(str, keys)).encode("utf-8", "replace")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") / _RANGE
