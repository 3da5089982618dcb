"""Reads JSON that other programs have written, which may be of any form."""

from __future__ import annotations

import json
from typing import Any

MOST_NESTED = 200
"""Levels; a value that is nested deeper is refused, because code that walks through it would exceed Python's recursion limit."""


def read_json(text: str | bytes) -> Any:
    """Decodes JSON.

    Args:
        text: as text, or as bytes in UTF-8. No other encoding is guessed.

    Raises:
        ValueError: it is not JSON, or is nested too deeply; the message says which and where.
    """
    text = text if isinstance(text, str) else _decoded(text)
    try:
        value = json.loads(text)
    except RecursionError:
        raise _too_deep() from None
    if text.count("[") + text.count("{") > MOST_NESTED and _is_deep(value):
        raise _too_deep()
    return value


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ValueError(str(error)) from None


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MOST_NESTED):
        level = [inner for outer in level if isinstance(outer, dict | list) for inner in (outer.values() if isinstance(outer, dict) else outer)]
    return any(isinstance(one, dict | list) for one in level)


def _too_deep() -> ValueError:
    return ValueError(f"nested deeper than {MOST_NESTED} levels")
