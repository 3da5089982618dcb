"""Generated requests against all services: `python tests/tools/fuzz.py [how many]`, 20,000 if nothing is said. Ends with 1 if something was found.

Schemathesis makes the cases of what a service says of itself at `/openapi.json`, half of them as described, half of them not. Every answer has to be one that
the description has, with a body that fits it; an error code has to be one of the route's; the program lives on, is well, and has the processes that it lists.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))

import psutil
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance
from test_programs import ask, program

from RbeeLibrary.protocol.schema.conformity import wrong_answer
from RbeeLibrary.protocol.schema.routes import find_route
from RbeeLibrary.protocol.sse import Parser

load_all_checks()
LIMIT = 20.0
MOST_PROBLEMS = 20
MOST_TOKENS = 10
ENDS_IT = ("/v1/admin/shutdown", "/v1/shutdown")
WORKER = ("fake-worker", "--port", "0", "--worker-id", "fuzzed", "--fault", "ignore-shutdown", "--slots", "2")
HIVE = ("fake-hive", "--port", "0", "--provision", "off", "--worker-ports", "8900-8904", "--queen-url", "http://127.0.0.1:9")
QUEEN = ("fake-queen", "--port", "0", "--task-wait", "10ms", "--ssh-program", "/bin/false", "--no-hive-start", "--connect-delays", "0,0,0")
HUB = ("fake-hub", "--port", "0", "--file", "org/repo/small.gguf=4KB")


@dataclass
class Outcome:
    """What came of the cases of one service."""

    service: str
    cases: int = 0
    statuses: Counter = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    growth: int = 0
    """KiB of PSS between the first tenth and the end."""

    def take(self, case: Case, port: int, session: requests.Session) -> None:
        """Sends one case and judges its answer."""
        self.cases += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems += _send(case, self, f"http://127.0.0.1:{port}", session)

    def __str__(self) -> str:
        said = ", ".join(f"{count} x {status}" for status, count in sorted(self.statuses.items()))
        return f"{self.service}: {self.cases} cases, {said}; {len(self.problems)} problems; PSS grew by {self.growth} KiB"


def fuzz(service: str, count: int, folder: Path, draw: int = 1) -> Outcome:
    """Sends `count` requests to a service."""
    outcome = Outcome(service)
    with ExitStack() as stack:
        words = {"worker": WORKER, "hive": HIVE, "queen": (*QUEEN, "--database", str(folder / "beehives.db")), "hub": HUB}[service]
        if service == "queen":
            hive = stack.enter_context(program(*HIVE, output=subprocess.DEVNULL))
            words = (*words, "--hive-url", f"*=http://127.0.0.1:{hive.ready['port']}")
        process = stack.enter_context(program(*words, env={"MOCK_SSH": "1", "HOME": str(folder)}, output=subprocess.DEVNULL))
        port = process.ready["port"]
        schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/openapi.json")
        operations = [found.ok() for found in schema.get_all_operations()]
        operations = [one for one in operations if service != "hive" or one.path not in ENDS_IT]
        session = stack.enter_context(requests.Session())
        early = 0
        weights = {one.label: 1 if one.method.upper() in ("GET", "HEAD") else 6 for one in operations}
        modes = {one.label: [GenerationMode.POSITIVE, GenerationMode.NEGATIVE] for one in operations}
        while outcome.cases < count:  # of small spaces there are fewer cases than were asked for
            left = count - outcome.cases
            for operation in operations:
                portion = max(1, round(left * weights[operation.label] / sum(weights.values()) / 2))
                for mode in modes[operation.label]:
                    if not _send_all(operation, mode, portion, draw, lambda case: outcome.take(case, port, session)):
                        modes[operation.label] = [GenerationMode.POSITIVE]  # nothing is wrong for a path that takes any text
                if process.poll() is not None:
                    outcome.problems.append(f"{service} ended with {process.returncode} in {operation.label}")
                    return outcome
                early = early or (_pss(process.pid) if outcome.cases >= count / 10 else 0)
            draw += 1
        outcome.growth = _pss(process.pid) - early
        outcome.problems += _health(service, port, process.pid)
    return outcome


def _send_all(operation, mode: GenerationMode, portion: int, draw: int, take) -> bool:
    @seed(draw)
    @settings(max_examples=portion, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(generation_mode=mode))
    def one(case: Case) -> None:
        take(case)

    try:
        one()
    except Exception as error:
        if type(error).__name__ not in ("Unsatisfiable", "SkipTest"):
            raise
        return False
    return True


def _send(case: Case, outcome: Outcome, url: str, session: requests.Session) -> list[str]:
    if isinstance(case.query, dict) and "follow" in case.query:
        case.query = {**case.query, "follow": "false"}  # else it never ends
    if isinstance(case.body, dict) and type(tokens := case.body.get("max_tokens")) is int and MOST_TOKENS < tokens <= 2048:
        case.body = {**case.body, "max_tokens": 1 + tokens % MOST_TOKENS}  # schemathesis reads only some events of a stream
    try:
        response = case.call(base_url=url, session=session, timeout=LIMIT, allow_redirects=False)
    except requests.exceptions.InvalidURL:
        return []
    except requests.RequestException as error:
        return [f"{case.method} {case.formatted_path}: {error}; body {case.body!r}"]
    outcome.statuses[response.status_code] += 1
    told = _told(response)
    if told in ("NOT_FOUND", "METHOD_NOT_ALLOWED") and response.status_code in (404, 405):
        return []  # a path that was generated for this route leads to another one, or to none
    route = find_route(outcome.service, case.operation.method.upper(), case.operation.path)
    found = wrong_answer(route, response.status_code, _body(response, case.operation.method.upper()), exact=True)
    try:
        case.validate_response(response, checks=[content_type_conformance, response_schema_conformance])
    except Exception as failure:
        found.append(f"{type(failure).__name__}: {failure}"[:500])
    return [f"{case.operation.label} {case.formatted_path}: {text}; body {str(case.body)[:200]}" for text in found]


def _told(response) -> str | None:
    try:
        return response.json()["error"]["code"]
    except (ValueError, KeyError, TypeError):
        return None


def _body(response, method: str):
    if method == "HEAD" or not response.content:
        return None
    kind = response.headers.get("content-type", [""])[0]
    if kind.startswith("text/event-stream"):
        return Parser().feed(response.content)
    return json.loads(response.content) if kind.startswith("application/json") else response.content


def _health(service: str, port: int, pid: int) -> list[str]:
    found = []
    path = "/health" if service in ("queen", "hub") else "/v1/health"
    if ask(port, "GET", path)[0] != 200:
        found.append(f"{service} is not well")
    if service == "hive":
        listed = {row["pid"] for row in json.loads(ask(port, "GET", "/v1/workers/list")[1])["workers"]}
        children = {child.pid for child in psutil.Process(pid).children() if child.name().startswith("mock-worker")}
        if listed != children:
            found.append(f"hive lists {sorted(listed)}, its children are {sorted(children)}")
    return found


def _pss(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def main() -> int:
    """Prints a line for each service, and what was found."""
    import tempfile

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    bad = total = 0
    for service, share in (("worker", 0.25), ("hive", 0.25), ("queen", 0.4), ("hub", 0.1)):
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            outcome = fuzz(service, round(count * share), Path(folder))
        bad, total = bad + len(outcome.problems), total + outcome.cases
        print(f"{outcome}; {time.monotonic() - began:.0f} s", flush=True)
        for problem in outcome.problems:
            print(f"  {problem}", flush=True)
    print(f"{total} cases, {bad} problems")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
