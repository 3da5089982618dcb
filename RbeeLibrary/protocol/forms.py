"""Forms of option values that are texts: each is read by one function, on the command line and as an argument of a keyword."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from .units import ByteSize, Duration

_LAST_PORT = 65535
_REPOSITORY = re.compile(r"[^/\s=]+/[^/\s=]+\Z")


def port_range(text: str) -> tuple[int, int]:
    """Reads `A-B`, or one port; `0` is the system's choice.

    Raises:
        ValueError: it is neither.
    """
    low, dash, high = text.partition("-")
    if not low.isdigit() or (dash and not high.isdigit()):
        raise ValueError("expected A-B, such as 8001-8099, or 0")
    first, last = int(low), int(high or low)
    if first > last or last > _LAST_PORT:
        raise ValueError(f"expected A-B with A <= B <= {_LAST_PORT}")
    return first, last


def split_durations(text: str) -> list[float]:
    """Reads `1s,2s,4s`; an empty text is an empty list.

    Raises:
        ValueError: a part is not a duration.
    """
    return [Duration.parse(part) for part in text.split(",") if part.strip()]


def url(text: str) -> str:
    """Reads `http://HOST:PORT`; an empty text is no URL.

    Raises:
        ValueError: it is none.
    """
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number, or a bracket that is not closed
        valid = False
    if text and not valid:
        raise ValueError("expected a URL such as http://127.0.0.1:8080")
    return text.rstrip("/")


def node_url(text: str) -> tuple[str, str]:
    """Reads `NODE=URL`.

    Raises:
        ValueError: it is not of this form.
    """
    node, equals, address = text.partition("=")
    try:
        return node, url(address if node and equals and address else "no URL")
    except ValueError:
        raise ValueError("expected NODE=URL, such as workstation=http://127.0.0.1:9200") from None


def host_and_port(text: str) -> tuple[str, int]:
    """Reads `HOST:PORT`; an IPv6 address stands in brackets.

    Raises:
        ValueError: it is not of this form.
    """
    host, _, port = text.removeprefix("http://").rpartition(":")
    if not host or not port.isdigit() or int(port) > _LAST_PORT:
        raise ValueError("expected HOST:PORT, such as 127.0.0.1:8001")
    return host.strip("[]"), int(port)


def hub_file(text: str) -> tuple[str, str, int]:
    """Reads `ORG/REPO/NAME=SIZE`: repository, name, bytes.

    Raises:
        ValueError: it is not of this form.
    """
    path, _, size = text.rpartition("=")
    parts = path.split("/")
    if len(parts) != 3 or not all(parts):
        raise ValueError("expected ORG/REPO/NAME=SIZE, such as TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF/tinyllama-q4.gguf=5MB")
    return "/".join(parts[:2]), parts[2], int(ByteSize.parse(size))


def repository(text: str) -> str:
    """Reads `ORG/REPO`.

    Raises:
        ValueError: it is not of this form.
    """
    if not _REPOSITORY.match(text):
        raise ValueError("expected ORG/REPO")
    return text


def numbers(text: str) -> list[int]:
    """Reads `5,17,2,9`.

    Raises:
        ValueError: a part is not a whole number.
    """
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise ValueError("expected numbers such as 5,17,2,9") from None


FORMS: dict[str, Callable[[str], Any]] = {
    "port range": port_range,
    "list of durations": split_durations,
    "URL": url,
    "NODE=URL": node_url,
    "HOST:PORT": host_and_port,
    "ORG/REPO/NAME=SIZE": hub_file,
    "ORG/REPO": repository,
    "list of numbers": numbers,
}
"""Name of a form -> the function that reads it."""
