"""Who reaches the programs, who is let in, and what runs on whose behalf."""

from __future__ import annotations

import ast
import dataclasses
import hmac
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import ROOT, robot
from test_programs import ask, end, program

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.fakes.hive.hive import Hive
from RbeeLibrary.fakes.hub.hub import Hub
from RbeeLibrary.fakes.queen.queen import Queen
from RbeeLibrary.fakes.runtime import http_app as http_app_module
from RbeeLibrary.fakes.runtime.http_app import HttpApp
from RbeeLibrary.fakes.worker.orphan_listener import OrphanListenerOptions
from RbeeLibrary.fakes.worker.worker import Worker
from RbeeLibrary.protocol.error_codes import RbeeError
from RbeeLibrary.protocol.options import DaemonOptions
from RbeeLibrary.protocol.program_options import HiveOptions, HubOptions, QueenOptions, RelayOptions, WorkerOptions
from RbeeLibrary.run.tcp_ports import is_loopback

PACKAGE = ROOT / "RbeeLibrary"
FILES = sorted(PACKAGE.rglob("*.py"))
CONTRACT = (ROOT / "resources/contract.md").read_text()
KEY = "the-right-key"

# --- loopback only, unless asked ---

PROGRAMS = {
    "fake-queen": ["--no-hive-start"],
    "fake-hive": ["--provision", "off", "--worker-ports", "0"],
    "mock-worker": ["--worker-id", "w"],
    "fake-hub": [],
    "fake-relay": ["--to", "127.0.0.1:1"],
}
WARNING = "warning: listening on {host}, which other machines may reach"


@pytest.mark.parametrize("options", [QueenOptions, HiveOptions, WorkerOptions, HubOptions, RelayOptions, OrphanListenerOptions])
def test_default_address_is_loopback(options):
    (host,) = [field.default for field in dataclasses.fields(options) if field.name == "host"]
    assert host == DaemonOptions.host == "127.0.0.1"


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_listens_on_loopback_and_warns_where_it_was_told_otherwise(name, tmp_path):
    for host, expected in (
        (None, "127.0.0.1"),
        ("127.0.0.2", "127.0.0.2"),
        ("0.0.0.0", "0.0.0.0"),
    ):
        with program(name, "--port", "0", *(["--host", host] if host else []), *PROGRAMS[name], env={"HOME": str(tmp_path)}) as process:
            assert process.ready is not None, process.stderr.read()
            assert listening_at(process.ready["port"]) == [expected]
            _, said = end(process)
        assert (WARNING.format(host=host) in said) is (host == "0.0.0.0"), said


def test_warning_says_whether_a_key_is_asked_for(tmp_path):
    for env, missing in (({}, True), ({"RBEE_API_KEY": KEY}, False)):
        with program("fake-hive", "--addr", "0.0.0.0:0", *PROGRAMS["fake-hive"], env={"HOME": str(tmp_path), **env}) as process:
            _, said = end(process)
        assert WARNING.format(host="0.0.0.0") in said
        assert (", and no key is asked for" in said) is missing


def listening_at(port: int) -> list[str]:
    """Addresses at which somebody listens on a port, from the kernel's tables."""
    found = []
    for table, size in (("tcp", 4), ("tcp6", 16)):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            address, _, number = local.partition(":")
            if state == "0A" and int(number, 16) == port:
                raw = bytes.fromhex(address)
                found.append(socket.inet_ntop(socket.AF_INET if size == 4 else socket.AF_INET6, raw[::-1] if size == 4 else raw))
    return found


@pytest.mark.parametrize(
    ("host", "is_one"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("localhost", True)]
    + [(host, False) for host in ("0.0.0.0", "::", "10.0.0.1", "192.168.1.1", "example.org", "", "128.0.0.1")],
)
def test_loopback_is_told_from_the_rest(host, is_one):
    assert is_loopback(host) is is_one


def test_library_warns_of_a_program_that_others_may_reach(tmp_path):
    suite = tmp_path / "reachable.robot"
    test = "Reachable\n    Start Queen    host=0.0.0.0\n    Start Hive    host=127.0.0.2\n"
    suite.write_text(f"*** Settings ***\nLibrary    RbeeLibrary\n\n*** Test Cases ***\n{test}")
    run = robot(tmp_path, str(suite))
    assert run.rc == 0, run.output
    warnings = [str(message.message) for message in run.result().errors]
    assert warnings == ["queen listens on 0.0.0.0, which other machines may reach, and no key is asked for"]


# --- keys ---

SECRET = re.compile(r"api_key|hf_token|options\.token|authorization|bearer", re.IGNORECASE)


def nodes_of(path: Path) -> Iterator[ast.AST]:
    yield from ast.walk(ast.parse(path.read_text()))


def test_nothing_but_compare_digest_compares_a_secret():
    """Neither ==, != and in, nor startswith and re.match on a value that is a key, a token or an Authorization header."""
    found, digests = [], []
    for path in FILES:
        for node in nodes_of(path):
            where = f"{path.relative_to(PACKAGE)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Compare):
                constants = all(isinstance(part, ast.Constant) for part in node.comparators) and isinstance(node.comparators[0].value, (bool, type(None)))
                values = [part for part in (node.left, *node.comparators) if not isinstance(part, ast.Constant) and not isinstance(part, ast.Tuple)]
                if not constants and any(SECRET.search(ast.unparse(part)) for part in values):
                    found.append(f"{where} {ast.unparse(node)}")
            elif isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
                if name == "compare_digest":
                    digests.append(str(path.relative_to(PACKAGE)))
                elif name in ("startswith", "endswith", "match", "fullmatch") and SECRET.search(ast.unparse(node)):
                    found.append(f"{where} {ast.unparse(node)}")
    assert found == []
    assert digests == ["fakes/hub/hub.py", "fakes/runtime/http_app.py"]


@pytest.mark.parametrize("answer", [True, False])
def test_answer_of_compare_digest_is_the_answer(monkeypatch, answer):
    """With a right key and with a wrong one: nothing else has a say, so nothing else takes a time that tells."""
    asked = []

    def compare(one: bytes, other: bytes) -> bool:
        asked.append((one, other))
        return answer

    monkeypatch.setattr(http_app_module.hmac, "compare_digest", compare)
    front = HttpApp(DaemonOptions(api_key=KEY), Clock(), None, None, lambda line: None, "worker")  # type: ignore[arg-type]
    for said in (f"Bearer {KEY}", "Bearer wrong", "", "x" * 10000, "Bearer \xe4"):
        try:
            front._check_key({"Authorization": said})
            let_in = True
        except RbeeError as error:
            assert error.code == "INVALID_API_KEY"
            let_in = False
        assert let_in is answer
        assert asked.pop() == (said.encode(), f"Bearer {KEY}".encode())
    assert asked == []
    assert hmac.compare_digest is compare


# --- every route ---


SERVICES = {
    "queen": (Queen, QueenOptions(), "4.2", ["--task-wait", "10ms", "--no-hive-start"]),
    "hive": (Hive, HiveOptions(provision="off"), "5.2", ["--provision", "off", "--worker-ports", "0"]),
    "worker": (Worker, WorkerOptions(worker_id="w"), "6.2", ["--worker-id", "w"]),
}
DESCRIPTION = ("GET", "/openapi.json")
OPEN = {
    "queen": {DESCRIPTION, ("GET", "/health"), ("GET", "/v1/health")},
    "hive": {DESCRIPTION, ("GET", "/health"), ("GET", "/v1/health")},
    "worker": {DESCRIPTION, ("GET", "/health"), ("GET", "/v1/health"), ("GET", "/v1/ready")},
}
"""Contract 14: a key is needed on everything but these."""
NAMES = {"queen": "fake-queen", "hive": "fake-hive", "worker": "mock-worker"}
WRONG = [
    *(None, "", "Bearer", "Bearer ", "Bearer wrong", KEY, f"bearer {KEY}", f"Basic {KEY}"),
    *(f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", f"Bearer {KEY.upper()}", f"Bearer  {KEY}", f"Bearer {KEY}, Bearer {KEY}"),
]
PROTECTED = {"queen": "/v2/workers/list", "hive": "/v1/workers/list", "worker": "/v1/status"}


def contract_routes(section: str) -> set[tuple[str, str]]:
    """Methods and paths of the table of endpoints in a section of the contract."""
    text = CONTRACT.partition(f"### {section} ")[2].partition("\n### ")[0]
    assert "GET `/openapi.json` of queen, hive, worker and hub: 200, OpenAPI 3.1 of the service, without a key" in CONTRACT
    found = {DESCRIPTION}
    for method, path, more in re.findall(r"^\| (GET|POST|PATCH|DELETE) `([^`]+)`([^|]*)\|", text, re.MULTILINE):
        for one in [path, *re.findall(r"alias `([^`]+)`", more)]:
            found.add((method, re.sub(r"<[^>]*>", "<id>", re.split(r"[?[]", one)[0])))
    return found


def registered_routes(role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """Methods and paths that a program really has."""
    kind, options, _, _ = SERVICES[role]
    monkeypatch.setenv("HOME", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        service = kind(options, listener)
        return {(route.method, re.sub(r"<[^>]*>", "<id>", route.rule)) for route in service._http_app.app.routes}


@pytest.mark.parametrize("role", SERVICES)
def test_routes_are_those_of_the_contract(role, tmp_path, monkeypatch):
    assert registered_routes(role, tmp_path, monkeypatch) == contract_routes(SERVICES[role][2])
    assert OPEN[role] <= contract_routes(SERVICES[role][2])


@pytest.mark.parametrize("role", SERVICES)
def test_every_route_but_the_open_ones_needs_the_key(role, tmp_path, monkeypatch):
    assert "needed on everything but health (and the worker's `/v1/ready`) and the description of 1.6" in CONTRACT
    routes = sorted(registered_routes(role, tmp_path, monkeypatch), key=lambda route: ("shutdown" in route[1], route))
    assert len(routes) > 8
    env = {"HOME": str(tmp_path), "RBEE_API_KEY": KEY}
    with program(NAMES[role], "--port", "0", *SERVICES[role][3], env=env) as process:
        port = process.ready["port"]

        def status(method: str, path: str, said: str | None) -> int:
            body = "{}" if method in ("POST", "PATCH") else None
            return ask(port, method, path.replace("<id>", "some-id"), body, headers={} if said is None else {"Authorization": said})[0]

        for method, path in routes:
            expected = {status(method, path, None), status(method, path, "Bearer wrong")}
            assert (expected == {401}) is ((method, path) not in OPEN[role]), f"{method} {path} without a key and with a wrong one: {expected}"
        assert {said: status("GET", PROTECTED[role], said) for said in WRONG} == dict.fromkeys(WRONG, 401)
        assert process.poll() is None, "a request without a key ended the program"
        for method, path in routes:
            if "/v1/admin/shutdown" not in path and "/v1/shutdown" not in path:
                assert status(method, path, f"Bearer {KEY}") != 401, f"{method} {path} with the right key"
        if role != "queen":
            assert status("POST", "/v1/admin/shutdown", f"Bearer {KEY}") == 202


def test_health_of_a_hive_can_be_protected_too(tmp_path):
    with program("fake-hive", "--port", "0", *PROGRAMS["fake-hive"], "--auth-health", "on", env={"HOME": str(tmp_path), "RBEE_API_KEY": KEY}) as process:
        for path in ("/health", "/v1/health"):
            assert ask(process.ready["port"], "GET", path)[0] == 401
            assert ask(process.ready["port"], "GET", path, headers={"Authorization": f"Bearer {KEY}"})[0] == 200


def test_key_of_a_hub_protects_all_but_health(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        routes = {(route.method, re.sub(r"<[^>]*>", "id", route.rule)) for route in Hub(HubOptions(), listener)._http_app.app.routes}
    with program("fake-hub", "--port", "0", env={"RBEE_API_KEY": KEY}) as process:
        refused = {(method, path) for method, path in routes if ask(process.ready["port"], method, path)[0] == 401}
    assert routes - refused == {("GET", "/health"), DESCRIPTION}


# --- no shell ---

SHELLS = {"fakes/ssh/ssh.py", "fakes/ssh/sshd.py"}
"""They stand for a machine at the other end of ssh, and what ssh is told goes to that machine's shell."""
FORBIDDEN = {
    "os.system",
    "os.popen",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
    "asyncio.create_subprocess_shell",
    "pty.spawn",
    "eval",
    "exec",
    "compile",
    "pickle.loads",
    "marshal.loads",
    "yaml.load",
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_shell_runs_but_that_of_the_fake_ssh(path):
    found = []
    for node in nodes_of(path):
        if isinstance(node, ast.Call):
            if ast.unparse(node.func) in FORBIDDEN or any(word.arg == "shell" for word in node.keywords):
                found.append(f"line {node.lineno}: {ast.unparse(node)[:80]}")
        elif isinstance(node, (ast.List, ast.Tuple)) and str(path.relative_to(PACKAGE)) not in SHELLS:
            words = [part.value for part in node.elts if isinstance(part, ast.Constant)]
            if any(word in ("sh", "bash", "/bin/sh", "/bin/bash") for word in words):
                found.append(f"line {node.lineno}: {ast.unparse(node)[:80]}")
    assert found == []


def test_the_fake_ssh_is_a_shell():
    """Else the test above looks for something that is written in another way by now."""
    for name in SHELLS:
        assert '"sh", "-c"' in (PACKAGE / name).read_text(), name
