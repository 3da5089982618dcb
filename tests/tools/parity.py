"""Sends recorded requests to programs, and compares their answers with those of the real programs.

`parity.py table` writes resources/parity.md from what the fakes answer. `parity.py record queen-rbee=PATH rbee-hive=PATH ...` renews the recordings in
tests/data/parity/ from real programs. `parity.py check queen-rbee=PATH ...` says where programs answer something else than what is recorded.
"""

from __future__ import annotations

import dataclasses
import http.client
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))

from parity_facts import Case, facts_of, recorded, save
from parity_reasons import REASONS

from RbeeLibrary.protocol.profiles import PROFILES
from RbeeLibrary.python_api import Rbee

PAGE = Path(__file__).parent.parent.parent / "resources/parity.md"
LIMIT = 10.0
MODEL = "hf:TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF"
ENDS_IT = ("/v1/admin/shutdown", "/v1/shutdown")
PROGRAMS = ("queen-rbee", "rbee-hive", "llm-worker-rbee", "mock-worker")


@contextmanager
def serving(program: str, path: str | None, env: dict[str, str] | None = None) -> Iterator[str]:
    """URL of a program with the neighbours that its requests need.

    Args:
        program: name of its profile.
        path: of the real program; None = the fake of its role.
        env: further environment variables of the real program.
    """
    given: dict[str, Any] = {"program": path, "profile": program, "env": env} if path else {}
    with tempfile.TemporaryDirectory() as folder, Rbee(folder, timeout=LIMIT) as rbee:
        start = rbee.session.start
        role = PROFILES[program].role
        if role == "queen":
            hive = rbee.start_hive(queen=None)
            options = {} if path else {"env": {"MOCK_SSH": "1"}, "hive_url": [f"ws={hive.url}"]}
            yield start.queen("queen", **given, **options).url
        elif role == "hive":
            yield start.hive("hive", queen=None, **given).url
        else:
            options = {"model": "/dev/null"} if program == "llm-worker-rbee" and path else {}
            shape = {} if path else {"event_shape": "typed" if program == "llm-worker-rbee" else "plain"}
            yield start.worker("worker-1", hive=None, **given, **options, **shape).url


def answered(url: str, case: Case) -> dict[str, Any]:
    """Facts of what a program answers to a request."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=LIMIT)
    try:
        headers = {"Content-Type": case.content_type} if case.content_type else {}
        connection.request(case.method, case.path, case.body, headers)
        answer = connection.getresponse()
        return facts_of(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def all_answers(program: str, path: str | None, env: dict[str, str] | None = None) -> list[tuple[Case, dict[str, Any]]]:
    """Each recorded request of a program, and what a program answers to it now."""
    found: list[tuple[Case, dict[str, Any]]] = []
    left = recorded(program)
    while left:
        with serving(program, path, env) as url:
            while left:
                case = left.pop(0)
                found.append((case, answered(url, case)))
                if case.path in ENDS_IT and found[-1][1]["status"] < 300:
                    break
    return found


@dataclass(frozen=True)
class Comparison:
    """How an answer of a fake compares with the real one.

    Args:
        verdict: same, compatible, or documented; `differs` if nobody has given a reason.
        reason: of a difference.
    """

    verdict: str
    reason: str = ""


def compared(program: str, case: Case, seen: dict[str, Any]) -> Comparison:
    """Compares what a fake answers with what the real program was recorded to answer.

    Same: status, content type and shape. Compatible: the same status, and all fields that the real one has, so that its clients can read it. Documented: there
    is a reason for the difference, with a section of the contract.
    """
    if matches(case.facts, seen):
        return Comparison("same")
    if case.facts["status"] == seen["status"] and case.facts["content-type"] == seen["content-type"] and _contains(seen["body"], case.facts["body"]):
        return Comparison("compatible")
    for reason in REASONS:
        if reason.explains(case, case.facts, seen):
            return Comparison("documented", f"{reason.text} ({reason.section})")
    return Comparison("differs")


def matches(expected: dict[str, Any], seen: dict[str, Any]) -> bool:
    """Whether two answers have the same facts. A list may be empty, and a stream that was recorded without its end only has to begin so."""
    if any(expected[name] != seen[name] for name in ("status", "content-type", "allow")):
        return False
    ours, theirs = expected["body"], seen["body"]
    if isinstance(ours, list) and isinstance(theirs, list) and expected["content-type"] == "text/event-stream" and ours[-1:] != ["[DONE]"]:
        return theirs[: len(ours)] == ours
    return _alike(ours, theirs)


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_alike(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return not one or not other or (len(one) == len(other) and all(map(_alike, one, other)))
    return bool(one == other or {one, other} == {"string", "null"} or {one, other} == {"integer", "null"})


def _contains(whole: Any, part: Any) -> bool:
    """Whether a shape has all that another one has."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(name in whole and _contains(whole[name], value) for name, value in part.items())
    if isinstance(part, list):
        return isinstance(whole, list) and (not part or not whole or all(any(_contains(one, item) for one in whole) for item in part))
    return _alike(whole, part)


def page() -> str:
    """The parity table."""
    lines = [_HEAD]
    for program in PROGRAMS:
        rows = [(case, seen, compared(program, case, seen)) for case, seen in all_answers(program, None)]
        counts = ", ".join(f"{sum(row[2].verdict == verdict for row in rows)} {verdict}" for verdict in ("same", "compatible", "documented"))
        lines += [f"\n## {program}\n\n{len(rows)} requests: {counts}.\n", "| request | real | fake | verdict |", "|---|---|---|---|"]
        for case, seen, found in rows:
            verdict = f"{found.verdict}: {found.reason}" if found.reason else found.verdict
            lines.append(f"| {case.name}: `{case.method} {case.path}` | {_short(case.facts)} | {_short(seen)} | {verdict} |")
    return "\n".join(lines) + "\n"


_HEAD = """\
# Parity of fakes and real programs

Each request was sent to the real program of the origin's time and to its fake. *Same*: status, content type, `Allow`, and fields with their types are the same.
*Compatible*: the fake answers with the same status, and all that the real program has, so that clients of the real one can read it.
*Documented*: it differs for a reason, with its section of [the contract](contract.md). This page is generated by `tests/tools/parity.py table`, and a test
fails if it is out of date."""


def _short(facts: dict[str, Any]) -> str:
    kind = {"application/json": "JSON", "text/plain": "text", "text/event-stream": "events", None: "no body"}.get(facts["content-type"], facts["content-type"])
    return f"{facts['status']} {kind}"


def main() -> int:
    """Writes the table, renews recordings, or compares programs with them."""
    what, paths = (sys.argv[1:2] or [""])[0], dict(word.split("=", 1) for word in sys.argv[2:])
    if what not in ("table", "record", "check") or set(paths) - set(PROGRAMS) or (what != "table" and not paths):
        print(f"usage: parity.py table | record PROGRAM=PATH ... | check PROGRAM=PATH ...; programs: {', '.join(PROGRAMS)}", file=sys.stderr)
        return 2
    if what == "table":
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    different = 0
    for program, path in paths.items():
        found = all_answers(program, path)
        if what == "record":
            save(program, [dataclasses.replace(case, facts=seen) for case, seen in found])
            continue
        for case, seen in found:
            if not matches(case.facts, seen):
                different += 1
                print(f"{program}: {case.name}: recorded {case.facts}, seen {seen}")
    print(f"{different} answers differ from the recordings" if what == "check" else "recorded")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
