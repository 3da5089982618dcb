"""Other programs that stand in for a server, beside a fake: whatever of them is installed. None is ever a dependency."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness import HERE, LIMIT, PYTHON, Readers, Report, compare, free_port, get, in_turns, library, pss, script, timed

FAKE = "fake worker"
SHORT, LONG = 5, 2048
_RELAYED = 20480
STARTS = 5
_WORD = "abcd"
_PER_ROUND = 50
_HTTPSERVER = """
import sys, time
from pytest_httpserver import HTTPServer
server = HTTPServer("127.0.0.1", int(sys.argv[1]), threaded=True)
server.expect_request("/v1/health").respond_with_json({"status": "healthy", "state": "idle"})
server.start()
time.sleep(3600)
"""
places: dict[str, str] = {}
"""Name of a peer -> path of its program, or of its interpreter, where it is not on PATH."""


@dataclass(frozen=True)
class Peer:
    """A program to compare with.

    Attributes:
        words: its command line, with `{port}` and `{folder}`.
        health: path that it answers.
        stream: path of a request that is answered with a stream; empty if it has none.
        body: that request, for a number of tokens.
        token: what each of its events contains.
        prepare: makes it answer these paths; called with its port.
    """

    words: list[str]
    health: str = "/v1/health"
    stream: str = ""
    body: Callable[[int], dict[str, object]] = lambda tokens: {"prompt": "x", "max_tokens": tokens}
    token: bytes = b'data: {"t'
    prepare: Callable[[int], object] = lambda port: None


NAMES = ("aimock", "pytest-httpserver", "wiremock", "toxiproxy-server", "llm-worker-rbee")


def installed() -> dict[str, Peer]:
    """Those that are installed here, by name; says which are not."""
    found = {"bare script": Peer([PYTHON, str(HERE / "bare.py"), "{port}"], stream="/v1/inference")}
    if path := _place("aimock"):
        words = [path, "-c", "{folder}/aimock.json", "-p", "{port}"]
        found["aimock"] = Peer(words, "/health", "/v1/chat/completions", _chat, b'{"content":"' + _WORD.encode())
    if python := places.get("pytest-httpserver") or (PYTHON if importlib.util.find_spec("pytest_httpserver") else None):
        found["pytest-httpserver"] = Peer([python, "-c", _HTTPSERVER, "{port}"])
    if path := _place("wiremock"):
        start = ["java", "-jar", path] if path.endswith(".jar") else [path]
        found["WireMock"] = Peer([*start, "--port", "{port}", "--bind-address", "127.0.0.1"], prepare=_stub)
    if path := _place("llm-worker-rbee"):
        # It reports to nobody if the callback is to port 9999 of localhost.
        words = [path, "--worker-id", "w", "--model", "/dev/null", "--port", "{port}", "--callback-url", "http://localhost:9999"]
        found["llm-worker-rbee"] = Peer(words, stream="/v1/inference", body=_inference, token=b'"t":"')
    for name in NAMES:
        if name not in {one.lower() for one in found} and _place(name) is None:
            print(f"peers: {name} is not here; --peer {name}=PATH says where it is")
    return found


def _place(name: str) -> str | None:
    return places.get(name) or shutil.which(name)


def _chat(tokens: int) -> dict[str, object]:
    return {"model": "x", "stream": True, "messages": [{"role": "user", "content": f"tokens-{tokens}."}]}


def _inference(tokens: int) -> dict[str, object]:
    return {"job_id": "job", "prompt": "x", "max_tokens": tokens, "temperature": 0.0}


def _stub(port: int) -> None:
    mapping = {"request": {"method": "GET", "urlPath": "/v1/health"}, "response": {"status": 200, "jsonBody": {"status": "healthy", "state": "idle"}}}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/__admin/mappings", json.dumps(mapping).encode(), {"Content-Type": "application/json"})
    get(port, "/__admin/mappings")  # as soon as it serves
    urllib.request.urlopen(request, timeout=LIMIT).close()


class Running:
    """A peer that runs, in a process group of its own.

    Args:
        peer: to run.
        folder: where its files are.
    """

    def __init__(self, peer: Peer, folder: Path):
        self.port = free_port()
        words = [word.replace("{port}", str(self.port)).replace("{folder}", str(folder)) for word in peer.words]
        began = time.perf_counter()
        self._process = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            peer.prepare(self.port)
            get(self.port, peer.health)
        except BaseException as error:
            self.stop()
            if not isinstance(error, OSError):
                raise
            raise RuntimeError(f"{' '.join(words)} does not answer on port {self.port}: {error}") from error
        self.start = time.perf_counter() - began
        self.memory = pss(self._process.pid)

    def stop(self) -> float:
        """Ends it as one does from a shell; returns the seconds that it took."""
        began = time.perf_counter()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(LIMIT)
        finally:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        return time.perf_counter() - began


def peers(report: Report, rounds: int) -> None:
    """Programs of others beside a fake: start, memory, stop, requests, streams; and a relay beside toxiproxy."""
    with tempfile.TemporaryDirectory(prefix="rbee-peers-") as place:
        folder = Path(place)
        _write_aimock(folder)
        found = installed()
        _lives(report, found, folder, min(rounds, STARTS))
        _answers(report, found, folder, rounds)
        _relays(report, folder, rounds)


def _write_aimock(folder: Path) -> None:
    fixtures = [{"match": {"userMessage": f"tokens-{tokens}."}, "response": {"content": _WORD * tokens}} for tokens in (SHORT, LONG)]
    (folder / "fixtures").mkdir()
    (folder / "fixtures/tokens.json").write_text(json.dumps({"fixtures": fixtures}))
    (folder / "aimock.json").write_text(json.dumps({"llm": {"fixtures": str(folder / "fixtures"), "chunkSize": len(_WORD), "latency": 0}}))


def _lives(report: Report, found: dict[str, Peer], folder: Path, rounds: int) -> None:
    starts: dict[str, list[float]] = {FAKE: [], **{name: [] for name in found}}
    memory: dict[str, list[float]] = {name: [] for name in starts}
    stops: dict[str, list[float]] = {name: [] for name in starts}
    with library() as lib:
        lib.start_worker("first", hive=None)
        for number in range(rounds):
            began = time.perf_counter()
            fake = lib.start_worker(f"w{number}", hive=None)
            get(fake.port)
            starts[FAKE].append(time.perf_counter() - began)
            memory[FAKE].append(pss(fake.pid))
            stops[FAKE].append(timed(lambda name=fake.name: lib.stop(name)))
            for name, peer in found.items():
                running = Running(peer, folder)
                starts[name].append(running.start)
                memory[name].append(running.memory)
                stops[name].append(running.stop())
    compare(report, "peers: start", starts, FAKE, {})
    compare(report, "peers: stop", stops, FAKE, {})
    compare(report, "peers: MB", {name: [value / 1e6 for value in values] for name, values in memory.items()}, FAKE, {}, "")


def _answers(report: Report, found: dict[str, Peer], folder: Path, rounds: int) -> None:
    with ExitStack() as stack:
        lib = stack.enter_context(library())
        ports = {FAKE: lib.start_worker("answering", hive=None).port}
        for name, peer in found.items():
            running = Running(peer, folder)
            stack.callback(running.stop)
            ports[name] = running.port
        everyone = {FAKE: Peer([], stream="/v1/inference"), **found}
        streaming = {name: peer for name, peer in everyone.items() if peer.stream}
        plain = {name: (lambda name=name, peer=peer: _plain(ports[name], peer)) for name, peer in everyone.items()}
        short = {name: (lambda name=name, peer=peer: _short(ports[name], peer)) for name, peer in streaming.items()}
        long = {name: (lambda name=name, peer=peer: _long(ports[name], peer)) for name, peer in streaming.items()}
        compare(report, "peers: request", in_turns(plain, rounds), FAKE, {}, "us")
        compare(report, "peers: 5 tokens", in_turns(short, rounds), FAKE, {}, "us")
        compare(report, "peers: a token", in_turns(long, rounds), FAKE, {}, "us")


def _plain(port: int, peer: Peer) -> float:
    """Seconds of a request on a connection that is kept."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)

    def ask() -> None:
        connection.request("GET", peer.health)
        connection.getresponse().read()

    ask()
    try:
        return timed(lambda: [ask() for _ in range(_PER_ROUND)]) / _PER_ROUND
    finally:
        connection.close()


def _short(port: int, peer: Peer) -> float:
    """Seconds of an inference of a few tokens, from connecting to its end."""
    text = json.dumps(peer.body(SHORT))

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
        connection.request("POST", peer.stream, text, {"Content-Type": "application/json"})
        answer = connection.getresponse().read()
        assert answer.count(peer.token) == SHORT, answer
        connection.close()

    return timed(lambda: [ask() for _ in range(_PER_ROUND)]) / _PER_ROUND


def _long(port: int, peer: Peer, tokens: int = LONG) -> float:
    """Seconds of a token in a long stream, from connecting to its end: some peers join events into few writes."""
    began = time.perf_counter()
    readers = Readers(port, peer.stream, peer.body(tokens), 1, peer.token)
    readers.read()
    assert readers.tokens == tokens, readers.tokens
    return (time.perf_counter() - began) / tokens


def _relays(report: Report, folder: Path, rounds: int) -> None:
    """A stream through a relay, against the same stream without one."""
    with ExitStack() as stack:
        raw = stack.enter_context(script("raw_writer.py"))
        lib = stack.enter_context(library())
        ports = {"raw socket writer": raw, "fake relay": lib.start_relay("raw", to=f"127.0.0.1:{raw}").port}
        if path := _place("toxiproxy-server"):
            ports["toxiproxy"] = stack.enter_context(_toxiproxy(path, raw))

        everyone = {name: (lambda port=port: _long(port, Peer([], stream="/"), _RELAYED)) for name, port in ports.items()}
        found = in_turns(everyone, rounds)
    compare(report, "peers: relay", found, "raw socket writer", {"fake relay": "<= 1.3"}, "us")


@contextmanager
def _toxiproxy(path: str, upstream: int) -> Iterator[int]:
    admin, port = free_port(), free_port()
    server = subprocess.Popen([path, "-host", "127.0.0.1", "-port", str(admin)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        get(admin, "/version")
        proxy = {"name": "raw", "listen": f"127.0.0.1:{port}", "upstream": f"127.0.0.1:{upstream}"}
        request = urllib.request.Request(f"http://127.0.0.1:{admin}/proxies", json.dumps(proxy).encode(), {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=LIMIT).close()
        yield port
    finally:
        server.kill()
        server.wait()
