"""Why fakes answer otherwise than the real programs, where they do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from parity_facts import Case

Facts = dict[str, Any]


@dataclass(frozen=True)
class Reason:
    """A reason for a difference.

    Args:
        text: for the table.
        section: of the contract.
        explains: whether it explains what the real program and the fake answered to a request.
    """

    text: str
    section: str
    explains: Callable[[Case, Facts, Facts], bool]


def _of(*names: str) -> Callable[[Case, Facts, Facts], bool]:
    return lambda case, real, fake: case.name in names


def _is_envelope(facts: Facts) -> bool:
    return isinstance(facts["body"], dict) and "error" in facts["body"]


REASONS = (
    Reason("errors are JSON, not text or nothing", "13", lambda case, real, fake: real["status"] == fake["status"] >= 400 and _is_envelope(fake)),
    Reason("a field that is missing or wrong is 400, not 422", "1.3", lambda case, real, fake: (real["status"], fake["status"]) == (422, 400)),
    Reason("the content type of a body does not matter", "1.3", lambda case, real, fake: real["status"] == 415 and case.content_type != "application/json"),
    Reason("the real program has no such route", "17", lambda case, real, fake: real["status"] == 404 and real["content-type"] is None),
    Reason("an empty body is an empty object", "1.3", lambda case, real, fake: case.sent == "" and real["status"] == 400),
    Reason(
        "the queen itself checks what the worker or the hive would refuse",
        "4.2",
        lambda case, real, fake: (real["status"], fake["status"]) == (500, 400) and case.path == "/v2/tasks",
    ),
    Reason("the name of a node has to be a text", "4.2", _of("remove number", "remove list body")),
    Reason("a name has to have a letter, a port is 1 to 65535", "4.2", _of("add port 0", "add empty name")),
    Reason("the field has a default", "4.2, 5.2", _of("add no git_branch", "tasks missing temperature", "tasks missing max_tokens", "spawn {}")),
    Reason("the field has a default", "5.2", _of(*(f"spawn no {name}" for name in ("backend", "device", "model_path", "model_ref")))),
    Reason("a hive without a hub takes any model that it can read the name of", "5.5", _of("spawn bad ref", "spawn unknown model", "spawn unknown provider")),
    Reason("the node has no such backend", "5.5", _of("spawn backend metal")),
    Reason("rows have `worker_id` too, and the time as text", "5.2, 17", _of("list")),
    Reason("a worker that nobody spawned is unknown", "5.3", _of("ready unknown", "ready no model_ref", "ready real worker body")),
    Reason("no id is an unknown id", "5.2", _of("progress no id")),
    Reason("health says the state, not the memory", "6.2", _of("health alias")),
    Reason("the progress of a loaded model is its last event", "6.6", _of("progress")),
    Reason("a request without an id gets one", "6.5", _of("infer", "infer max_tokens 3")),
    Reason("the mock worker of the origin checks no field", "6.5", lambda case, real, fake: case.name.startswith("infer ") and fake["status"] == 400),
    Reason("the node was added before, without git_branch", "4.2", _of("remove")),
    Reason("something unknown is 404", "4.2", _of("workers health unknown", "shutdown unknown")),
)
