"""Facts of HTTP answers: status, content type, `Allow`, and the shape of the body; no sentence of any program."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).parent.parent / "data/parity"
TELLING = ("status", "state", "type", "success", "ready", "api_version")
"""Fields whose values are facts."""
LONG_PROMPT = 2_200_000
"""Characters of the prompt that `LONG` stands for."""


@dataclass(frozen=True)
class Case:
    """A request, and what a program answered.

    Args:
        name: of the request.
        method: of the request.
        path: with the query string.
        sent: body of the request; None = none.
        content_type: of the request; None = none.
        facts: of the answer: `status`, `content-type`, `allow`, `body`.
    """

    name: str
    method: str
    path: str
    sent: str | None
    content_type: str | None
    facts: dict[str, Any]

    @property
    def body(self) -> bytes | None:
        """The body to send."""
        return None if self.sent is None else self.sent.replace("LONG", "x" * LONG_PROMPT).encode()


def recorded(program: str) -> list[Case]:
    """The recordings of a real program."""
    return [Case(**row) for row in json.loads((RECORDINGS / f"{program}.json").read_text())]


def save(program: str, cases: list[Case]) -> None:
    """Writes recordings, a line each."""
    lines = ",\n".join(json.dumps(vars(case)) for case in cases)
    (RECORDINGS / f"{program}.json").write_text(f"[\n{lines}\n]\n")


def facts_of(status: int, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """Facts of an answer.

    Args:
        status: of the answer.
        headers: of the answer, names in lower case.
        body: of the answer.
    """
    kind = headers.get("content-type", "").partition(";")[0] or None
    return {"status": status, "content-type": kind, "allow": headers.get("allow"), "body": _body(kind, body)}


def _body(kind: str | None, body: bytes) -> Any:
    if not body:
        return None
    if kind == "text/event-stream":
        shapes = []
        for event in body.decode().strip().split("\n\n"):
            data = event.removeprefix("data: ")
            shape = data if data == "[DONE]" else shape_of(json.loads(data))
            if shape not in shapes[-1:]:
                shapes.append(shape)
        return shapes
    return shape_of(json.loads(body)) if kind == "application/json" else "text"


def shape_of(value: Any, name: str = "") -> Any:
    """The type of a JSON value; of an object, its fields; of a list, its first item; of a telling field, the value."""
    if isinstance(value, dict):
        return {key: shape_of(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [shape_of(value[0])] if value else []
    if name in TELLING:
        return f"={value}".lower() if isinstance(value, bool) else f"={value}"
    return {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}[type(value)]


def example_of(shape: Any) -> Any:
    """A JSON value of a shape."""
    if isinstance(shape, dict):
        return {key: example_of(item) for key, item in shape.items()}
    if isinstance(shape, list):
        return [example_of(item) for item in shape]
    if shape.startswith("="):
        return {"=true": True, "=false": False}.get(shape, shape[1:])
    return {"string": "x", "boolean": True, "integer": 1, "number": 1.5, "null": None}[shape]
