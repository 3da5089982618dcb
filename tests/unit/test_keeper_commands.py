"""Commands of a keeper: what they say, with a queen and with daemons that do not do as they should."""

from __future__ import annotations

import io
import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.fakes.keeper import main
from RbeeLibrary.fakes.keeper.child_daemon import ChildDaemon
from RbeeLibrary.fakes.keeper.console import Console
from RbeeLibrary.fakes.keeper.explanations import Failure, explain
from RbeeLibrary.fakes.keeper.installation import install
from RbeeLibrary.fakes.keeper.queen_commands import QueenCommand
from RbeeLibrary.fakes.runtime.program import Job
from RbeeLibrary.journal.writer import Journal
from RbeeLibrary.net.http_client import HttpClient
from RbeeLibrary.protocol.error_codes import RbeeError
from RbeeLibrary.protocol.keeper_options import InstallOptions, ListWorkersOptions, LogsOptions

LIMIT = 5.0


def keeper() -> Any:
    """A keeper that writes nothing down."""
    clock = Clock(None)
    http = HttpClient(clock, "rbee-keeper")
    return SimpleNamespace(
        clock=clock, client=http, journal=Journal(None, "rbee-keeper", clock), control=None, spawn=lambda work, *args, name: Job(clock, work, args, name)
    )


@contextmanager
def queen(status: int, body: bytes, length: int | None = None) -> Iterator[Any]:
    """Answers one request and closes nothing: `url`, and whether the client has closed the connection in `ended`."""
    ended: list[bool] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(LIMIT)
            connection.recv(65536)
            connection.sendall(f"HTTP/1.1 {status} -\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n".encode() + body)
            try:
                ended.append(connection.recv(1) == b"")
            except TimeoutError:
                ended.append(False)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield SimpleNamespace(url=f"http://127.0.0.1:{listener.getsockname()[1]}", ended=ended)
        thread.join()


def logs(url: str, console: Any) -> QueenCommand:
    return QueenCommand(keeper(), LogsOptions(queen_url=url, node="alpha"), console, QueenCommand.logs)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, json.dumps({"error": {"code": "NODE_NOT_FOUND", "message": "no alpha"}}), "Error: NODE_NOT_FOUND: no alpha\n"),
        (503, "", "Error: HIVE_ERROR: /v2/logs?node=alpha answered 503\n"),
        (202, "{}", "Error: HIVE_ERROR: /v2/logs?node=alpha was answered with 202\n"),
    ],
)
def test_log_that_is_refused_is_explained(capfd, status, body, said):
    with queen(status, body.encode()) as asked:
        assert logs(asked.url, Console()).run() == 1
    shown = capfd.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines(keepends=True)[-1] == said


def test_failure_is_explained_with_its_details():
    assert explain(Failure("VRAM_EXHAUSTED", "no room", {"required": 8000, "available": 5000}), "alpha", "127.0.0.1:9200", "127.0.0.1:8080") == [
        "VRAM_EXHAUSTED: no room",
        "  Node: alpha",
        "  Required: 8000 MB",
        "  Available: 5000 MB",
        "  Hint: take a smaller quantized model, such as Q4 instead of Q8",
    ]


def test_interrupt_cuts_the_log_that_is_read():
    seen: list[Any] = []
    with queen(200, b"first line\n", length=1000) as asked:
        command = logs(asked.url, SimpleNamespace(progress=None, token=lambda text: seen.extend([text, command.interrupt()])))
        command.run()
        assert seen == ["first line\n", 130]
    assert asked.ended == [True]


def test_interrupted_command_asks_nobody_and_says_nothing(capfd):
    command = QueenCommand(keeper(), ListWorkersOptions(queen_url="http://127.0.0.1:1"), Console(), QueenCommand.list_workers)
    assert command.interrupt() == 130
    assert command.run() == 130
    assert capfd.readouterr() == ("", "")


def test_progress_is_a_line_where_no_terminal_is(capfd):
    console = Console()
    console.progress({"stage": "downloading", "bytes_downloaded": 1048576, "bytes_total": 4194304, "speed_mbps": 12.5})
    console.progress({"stage": "loading_to_vram", "layers_loaded": 32, "layers_total": 32})
    assert capfd.readouterr() == ("", "25% 1.0 MB / 4.0 MB, 12.5 MB/s\n100% 32/32 layers\n")


def test_progress_is_a_bar_where_a_terminal_is(capfd, monkeypatch):
    monkeypatch.setattr(os, "isatty", lambda fd: True)
    Console().progress({"stage": "loading_to_vram", "layers_loaded": 16, "layers_total": 32})
    shown = capfd.readouterr().err
    assert "[====" in shown
    assert not shown.endswith("\n")


def test_progress_of_a_stage_that_the_keeper_does_not_know_is_not_shown(capfd):
    Console().progress({"stage": "thinking"})
    assert capfd.readouterr() == ("", "")


def test_installation_says_what_it_has_done_and_what_comes_next(tmp_path, capfd):
    (tmp_path / "rbee-hive").write_text("#!/bin/sh\n")
    root = tmp_path / "root"
    assert install(InstallOptions(system=True, root=str(root), from_dir=str(tmp_path)), Console()) == 0
    assert capfd.readouterr().out.splitlines() == [
        f"warning: rbee-keeper is not in {tmp_path} and was not installed",
        f"installed {root}/usr/local/bin/rbee-hive",
        f"warning: llm-worker-rbee is not in {tmp_path} and was not installed",
        f"wrote {root}/etc/rbee/config.toml",
        f"models go to {root}/var/lib/rbee/models",
        f"Next: put {root}/usr/local/bin on your PATH, then register a node: rbee-keeper setup add-node --help",
    ]


def test_installation_that_meets_a_file_instead_of_a_folder_changes_nothing(tmp_path, capfd):
    (tmp_path / "var").write_text("")
    assert install(InstallOptions(system=True, root=str(tmp_path), from_dir=str(tmp_path)), Console()) == 1
    assert capfd.readouterr() == ("", f"Error: {tmp_path}/var/lib/rbee/models cannot be written: {tmp_path}/var is in the way\n")
    assert [path.name for path in tmp_path.iterdir()] == ["var"]


def test_versions_that_do_not_fit_are_told_as_the_hive_has_seen_them():
    failure = Failure.of(RbeeError("VERSION_MISMATCH", "they do not fit", {"keeper_version": "0.9.0", "hive_version": "0.2.0"}))
    assert explain(failure, "workstation", "127.0.0.1:9200", "127.0.0.1:8080") == [
        "VERSION_MISMATCH: they do not fit",
        "  keeper: v0.9.0, hive: v0.2.0",
        "  Hint: upgrade the keeper: cargo install rbee-keeper --version 0.2.0",
    ]


def test_daemon_that_does_not_serve_in_time_is_given_up(tmp_path):
    silent = tmp_path / "queen-rbee"
    silent.write_text("#!/bin/sh\nexec sleep 60\n")
    silent.chmod(0o700)
    daemon = ChildDaemon(keeper(), "queen", str(silent), 0)
    try:
        with pytest.raises(RbeeError) as refused:
            daemon.await_serving(0.001)
    finally:
        daemon.end(LIMIT)
    assert (refused.value.code, refused.value.message) == ("INTERNAL", "the queen does not serve after 0.001 s")


def test_words_of_the_command_line_do_not_come_from_standard_input(monkeypatch, capfd):
    monkeypatch.delenv("RBEE_KEEPER_ARGS", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO("no-such-command"))
    assert main(["--version"]) == 0
    assert capfd.readouterr().out.startswith("rbee-keeper ")
    assert sys.stdin.read() == "no-such-command"


def test_queen_that_does_not_answer_is_named(capfd):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        assert logs(f"http://{address}", Console()).run() == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith(f"Error: CONNECTION_TIMEOUT: the queen at {address} did not answer: ")
