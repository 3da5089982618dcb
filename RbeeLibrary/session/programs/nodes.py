"""The nodes of a test: folders that stand for machines, and the `ssh` that leads to them."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..artifacts import private_folder, write_private
from ..run import Run
from ..types import Node, SshOutcome, SshServer

_PACKAGE = Path(__file__).parent.parent.parent
_SSH = """#!/bin/sh
exec {python} -ES {package}/fakes/ssh/ssh.py "$@"
"""
_HIVE = """#!/bin/sh
exec {python} -m RbeeLibrary.fakes.hive "$@"
"""
_GIT = """#!/bin/sh
echo "git $*" >> "$HOME/commands.log"
"""
_CARGO = """#!/bin/sh
echo "cargo $*" >> "$HOME/commands.log"
for word; do last=$word; done
mkdir -p target/release
cp "$HOME/built/rbee-hive" "target/release/$last"
"""


@dataclass
class SshCall:
    """One call of `ssh`: `${c.argv}`, `${c.host}`, `${c.stdin}`, `${c.outcome}`, `${c.exit_code}`, `${c.start}`, `${c.end}` (seconds since 1970).

    `exit_code`, `stdin` and `end` are None for a call that still runs or was killed.
    """

    id: str
    argv: list[str]
    host: str
    outcome: str
    start: float
    stdin: str | None = None
    exit_code: int | None = None
    end: float | None = None


@dataclass
class NodeDirectory:
    """All nodes of the run; every queen and keeper of the run finds this run's `ssh` first on its PATH, once there is a node."""

    run: Run
    _nodes: dict[str, Node] = field(default_factory=dict)
    _hosts: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """What the run's `ssh` reads and writes; it goes with the run."""
        return private_folder(Path(self.run.supervisor.folder) / "ssh")

    def environment(self) -> dict[str, str]:
        """What a program needs to find the nodes, now or later."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return {"PATH": path, "FAKE_SSH_HOSTS": str(self.folder / "hosts.json"), "FAKE_SSH_LOG": str(self.folder / "ssh.jsonl")}

    def urls(self) -> list[str]:
        """NODE=URL of the hives of all nodes."""
        return [f"{node.name}={node.hive_url}" for node in self._nodes.values()]

    def add(self, node: Node, outcome: SshOutcome, server: SshServer, delay: float, env: dict[str, str], client: list[str]) -> None:
        """Makes a node reachable, in the way it is told to be."""
        self._nodes[node.name] = node
        told = "real" if server is SshServer.real else outcome.value
        self._hosts[node.host] = {"outcome": told, "delay": delay, "env": env, "client": client}
        write_program(self.folder / "bin" / "ssh", _SSH)
        self._write()

    def names(self) -> set[str]:
        """Names of all nodes."""
        return set(self._nodes)

    def remove_all_but(self, keep: set[str]) -> None:
        """Forgets nodes at the end of what set them up; without any, `ssh` is the system's own again."""
        gone = [name for name in self._nodes if name not in keep]
        for name in gone:
            self._hosts.pop(self._nodes.pop(name).host, None)
        if not gone:
            return
        if not self._nodes:
            for path in (self.folder / "bin" / "ssh", self.folder / "ssh.jsonl"):
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()
        self._write()

    def host_of(self, name: str) -> str:
        """Host name of a node; a name that is none of them is taken for a host itself."""
        return self._nodes[name].host if name in self._nodes else name

    def calls(self, host: str | None) -> list[SshCall]:
        """The calls of `ssh` so far, to one host or to all."""
        path = self.folder / "ssh.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        calls = [SshCall(**json.loads(line)) for line in lines]
        latest = {call.id: call for call in calls}  # each call is written at its start, and again at its end
        return [call for call in latest.values() if host in (None, call.host)]

    def _write(self) -> None:
        if not self.run.is_running:
            return
        write_private(self.folder / "hosts.json", json.dumps(self._hosts))


def furnish(home: Path, install_path: Path, installed: bool) -> None:
    """Makes the folder of a node: its key, `git` and `cargo` that only note what they were asked for, and, if it is installed, a hive."""
    for program, text in (("bin/git", _GIT), ("bin/cargo", _CARGO), ("built/rbee-hive", _HIVE)):
        write_program(home / program, text)
    private_folder(install_path)
    if installed:
        write_program(install_path / "rbee-hive", _HIVE)
    private_folder(home / ".rbee" / "logs")
    key = home / "id_ed25519"
    if not key.exists():
        key.touch(mode=0o600)


def write_program(path: Path, text: str) -> None:
    """Writes a script that this interpreter's programs are found by."""
    private_folder(path.parent)
    filled = text.format(python=shlex.quote(sys.executable), package=shlex.quote(str(_PACKAGE))) if "{python}" in text else text
    write_private(path, filled)
    path.chmod(0o700)
