"""Pseudo-random numbers that depend on keys only, so that a seed gives the same faults although requests race."""

from __future__ import annotations

import hashlib

_RANGE = 2**64


def draw(*keys: object) -> float:
    """Number from 0 (inclusive) to 1 (exclusive), computed from the keys."""
    text = "\0".join(map(str, keys)).encode("utf-8", "replace")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") / _RANGE
