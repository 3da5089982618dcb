"""A service does not grow with the requests that it has answered."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

import pytest
from running import portion
from test_programs import program

FIRST, HALF, ALL, BATCH = 1_000, 5_500, 10_000, 50
MEBIBYTE = 1024
TASK = {"node": "n", "model": "mock-model", "prompt": "x"}
WORDS = {
    "fake-worker": (("--worker-id", "x"), ("GET", "/v1/status", None, 200), ("POST", "/v1/inference", {"prompt": "x"}, 200)),
    "fake-hive": (("--provision", "off"), ("GET", "/v1/workers/list", None, 200), ("POST", "/v1/workers/spawn", {"device": -1}, 400)),
    "fake-queen": (("--database", "{folder}/db", "--progress-keep", "10ms"), ("GET", "/v2/workers/list", None, 200), ("POST", "/v2/tasks", TASK, 404)),
    "fake-hub": ((), ("GET", "/health", None, 200), ("GET", "/api/models/org/unknown", None, 404)),
}


def pss(pid: int) -> int:
    """Its own memory in KiB, without its share of files, which depends on who else has them open."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:"))


def request(method: str, path: str, body: dict | None, more: str = "") -> bytes:
    text = json.dumps(body) if body is not None else ""
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{more}Content-Length: {len(text)}\r\n\r\n{text}".encode()


@pytest.mark.parametrize("name", portion(list(WORDS), 2, "RBEE_LONG"))
def test_memory_between_the_thousandth_and_the_ten_thousandth_request(name, tmp_path):
    """Fifty on each connection, one after the other without waiting; the last one is the one that does more than read.

    A program that keeps something of each request grows in both halves; a thread that is needed on a busy machine costs its memory once.
    """
    words, often, last = WORDS[name]
    sizes = []
    batch = request(*often[:3]) * (BATCH - 1) + request(*last[:3], "Connection: close\r\n")
    with program(name, "--port", "0", *(word.format(folder=tmp_path) for word in words), output=subprocess.DEVNULL) as process:
        for number in range(BATCH, ALL + 1, BATCH):
            with socket.create_connection(("127.0.0.1", process.ready["port"]), 10) as connection:
                connection.sendall(batch)
                answers = b""
                while piece := connection.recv(1 << 18):
                    answers += piece
            assert answers.count(b"HTTP/1.1 ") == BATCH
            assert answers.rindex(b"HTTP/1.1 %d " % last[3]) == answers.rindex(b"HTTP/1.1 ")
            if number in (FIRST, HALF, ALL):
                sizes.append(pss(process.pid))
    first, half, all_of_them = sizes
    grown = min(half - first, all_of_them - half)
    assert grown < MEBIBYTE / 2, f"{sizes} KiB after {FIRST}, {HALF} and {ALL} requests"
