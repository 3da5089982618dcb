"""Taking figures in turns, so that what disturbs one disturbs all; ratios of medians, never a limit in seconds."""

from __future__ import annotations

import http.client
import json
import mmap
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import psutil

ROOT = Path(__file__).parent.parent.parent
HERE = Path(__file__).parent
PYTHON = sys.executable
sys.path.insert(0, str(ROOT))

from RbeeLibrary import RbeeLibrary  # noqa: E402

Timed = Callable[[], float]
LIMIT = 60.0
_TOKEN = b"data: {"


@dataclass
class Row:
    """One figure: a ratio, what it is made of, and what it should be."""

    group: str
    what: str
    ratio: float
    spread: float
    detail: str
    target: str = ""
    rounds: int = 0


@dataclass
class Report:
    """All rows."""

    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Shows a row at once."""
        self.rows.append(row)
        print(f"{row.group:12} {row.what:58} {row.ratio:9.3f}  ±{row.spread:4.0%}  {row.target:>12}  {row.detail}", flush=True)


def in_turns(contenders: dict[str, Timed], rounds: int) -> dict[str, list[float]]:
    """Runs every contender once a round; seconds (or whatever they return) by name."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for contender in contenders.values():
        contender()  # warm
    for _ in range(rounds):
        for name, contender in contenders.items():
            found[name].append(contender())
    return found


def spread(values: list[float]) -> float:
    """Half the distance of the quartiles, against the median."""
    if len(values) < 4:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / 2 / statistics.median(values)


def timed(action: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def touch_memory(size: int) -> None:
    """Has the host of a virtual machine back this much memory, of which at most half of what is free: the first touch of a page costs three times as much."""
    free = psutil.virtual_memory().available // 2
    with mmap.mmap(-1, min(size, free)) as memory:
        for start in range(0, len(memory), mmap.PAGESIZE):
            memory[start] = 1


def compare(report: Report, group: str, found: dict[str, list[float]], base: str, targets: dict[str, str], unit: str = "ms") -> None:
    """Adds a row for every contender against the base."""
    scale = {"ms": 1000.0, "us": 1e6, "": 1.0}[unit]
    under = statistics.median(found[base])
    for name, values in found.items():
        middle = statistics.median(values)
        detail = f"{middle * scale:.4g} {unit}".strip()
        report.add(Row(group, name if name == base else f"{name} / {base}", middle / under, spread(values), detail, targets.get(name, ""), len(values)))


@contextmanager
def library() -> Iterator[RbeeLibrary]:
    """A library that runs, without Robot Framework around it."""
    with tempfile.TemporaryDirectory(prefix="rbee-bench-") as folder:
        lib = RbeeLibrary(artifacts=Path(folder) / "rbee")
        lib.start_suite(SimpleNamespace(name="benchmark", test_count=1), None)
        try:
            yield lib
        finally:
            lib.close()


@contextmanager
def script(name: str, *words: str) -> Iterator[int]:
    """A script of this folder on a free port."""
    port = free_port()
    process = subprocess.Popen([PYTHON, str(HERE / name), str(port), *words], stdout=subprocess.DEVNULL)
    try:
        await_port(port)
        yield port
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    """A port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pss(pid: int) -> int:
    """Bytes of memory of a process, shared pages divided among those that share them."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def await_port(port: int) -> None:
    """Returns as soon as the port accepts."""
    deadline = time.monotonic() + LIMIT
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.0005)


def get(port: int, path: str = "/v1/health") -> bytes:
    """One GET on a fresh connection; waits for a port that does not accept yet."""
    deadline = time.monotonic() + LIMIT
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        except ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.0005)
        finally:
            connection.close()


class Readers:
    """Reads several streams at once, as fast as they come.

    Args:
        port: of the server.
        path: of the request.
        body: of the request.
        streams: how many.
        token: what the event of each token contains, once.
    """

    def __init__(self, port: int, path: str, body: dict[str, object], streams: int, token: bytes = _TOKEN):
        text = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n"
        self.arrivals: list[float] = []
        self.tokens = 0
        self._token = token
        self._selector = selectors.DefaultSelector()
        self._ends: dict[int, bytes] = {}
        for _ in range(streams):
            connection = socket.create_connection(("127.0.0.1", port), LIMIT)
            connection.sendall(head.encode() + text)
            self._selector.register(connection, selectors.EVENT_READ)
            self._ends[connection.fileno()] = b""

    def read(self) -> float:
        """Reads all to their ends; returns the seconds from the first token to the last."""
        first = last = 0.0
        while self._selector.get_map():
            for key, _ in self._selector.select(LIMIT):
                data = key.fileobj.recv(262144)  # type: ignore[union-attr]
                if not data:
                    self._selector.unregister(key.fileobj)
                    key.fileobj.close()  # type: ignore[union-attr]
                    continue
                text = self._ends[key.fd] + data  # an event may come in two pieces
                count = text.count(self._token)
                self._ends[key.fd] = text[-len(self._token) + 1 :]
                if count:
                    last = time.perf_counter()
                    first = first or last
                    self.tokens += count
                    self.arrivals.extend([last] * count)
        return last - first
