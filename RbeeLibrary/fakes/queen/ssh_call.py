"""Runs `ssh` for a queen: argv, limits in real time, and the error of each outcome (contract 8.1, 8.4)."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...fleet.children import OWN_GROUP
from ...protocol.error_codes import RbeeError
from ...protocol.program_options import HiveOptions, HubOptions, QueenOptions
from ...protocol.ssh_config import quoted_path
from ...run import environment
from ..runtime.service import Service

_SECRETS = tuple(
    name
    for options in (QueenOptions, HiveOptions, HubOptions)
    for field in dataclasses.fields(options)
    if field.metadata["secret"]
    for name in field.metadata["env"]
)
"""Variables with secrets; ssh starts without them."""
_REASONS = (
    ("timed out", "Connection timeout", "SSH_TIMEOUT"),
    ("Permission denied", "Permission denied (publickey)", "SSH_AUTH_FAILED"),
    ("Connection refused", "Connection refused", "SSH_FAILED"),
    ("Could not resolve", "Host not found", "SSH_FAILED"),
    ("Host key verification failed", "Host key has changed", "SSH_HOST_KEY_CHANGED"),
    ("closed by remote host", "Connection lost during the command", "SSH_CONNECTION_LOST"),
    ("Broken pipe", "Connection lost during the command", "SSH_CONNECTION_LOST"),
)
_SSH_ITSELF = 255
_LINE = 4096


@dataclass(frozen=True)
class SshResult:
    """Outcome of one call; `exit_code` is None if ssh was killed at the limit.

    `connected` says whether ssh must have been connected then: it ends by itself when it cannot connect within its own, shorter limit.
    """

    exit_code: int | None
    stdout: str
    stderr: str
    connected: bool = False

    @property
    def ok(self) -> bool:
        """Whether the remote command succeeded."""
        return self.exit_code == 0

    def failure(self) -> RbeeError:
        """The error for the caller (8.4)."""
        if self.exit_code is None and self.connected:
            return RbeeError("SSH_COMMAND_TIMEOUT", "Command did not end in time")
        if self.exit_code is None:
            return RbeeError("SSH_TIMEOUT", "Connection timeout")
        if self.exit_code == _SSH_ITSELF:
            for sign, message, code in _REASONS:
                if sign in self.stderr:
                    return RbeeError(code, message)
        return RbeeError("SSH_FAILED", f"ssh failed with exit code {self.exit_code}")


class Ssh:
    """Runs commands on nodes over ssh.

    Args:
        queen: the queen.
        options: of the queen.
    """

    def __init__(self, queen: Service, options: QueenOptions):
        self._queen = queen
        self._options = options

    def run(self, node: dict[str, Any], command: str, secret: str | None = None) -> SshResult:
        """Runs one command; raises SSH_FAILED if there is no ssh program.

        Args:
            node: row of the node in the registry.
            command: for the node's shell.
            secret: line for its standard input; argv would be visible to all users and recorded.
        """
        process = self._start(self._argv(node, command), subprocess.DEVNULL if secret is None else subprocess.PIPE)
        with process, self._queen.real_clock.limit(self._options.ssh_timeout, lambda: _end_group(process), "ssh") as timer:
            out, err = process.communicate(None if secret is None else f"{secret}\n".encode())
        connected = self._options.ssh_timeout > self._options.ssh_connect_timeout
        result = SshResult(None if timer.fired else process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"), connected)
        self._record(process.args, None, result)
        return result

    def run_script(self, node: dict[str, Any], script: str) -> Iterator[str | SshResult]:
        """Runs a script from standard input; yields each line of its output, then the result."""
        with self._start(self._argv(node, None), subprocess.PIPE) as process:
            assert process.stdin is not None and process.stdout is not None and process.stderr is not None
            with self._queen.real_clock.limit(self._options.install_timeout, lambda: _end_group(process), "install") as timer:
                try:
                    process.stdin.write(script.encode())
                    process.stdin.close()
                except OSError:
                    pass  # ssh ended without reading; its exit code shows the reason
                lines: list[str] = []
                for line in process.stdout:
                    lines.append(line.decode("utf-8", "replace").rstrip("\n")[:_LINE])
                    yield lines[-1]
                err = process.stderr.read().decode("utf-8", "replace")
                process.wait()
        result = SshResult(None if timer.fired else process.returncode, "\n".join(lines), err, connected=True)
        self._record(process.args, script, result)
        yield result

    def _argv(self, node: dict[str, Any], command: str | None) -> list[str]:
        key = _key_words(node["ssh_key_path"]) if node.get("ssh_key_path") else []
        options = [f"ConnectTimeout={self._options.ssh_connect_timeout:g}", "BatchMode=yes", f"StrictHostKeyChecking={self._options.ssh_host_key_checking}"]
        words = [word for option in options for word in ("-o", option)]
        target = f"{node['ssh_user']}@{node['ssh_host']}"
        return [self._options.ssh_program, *key, *words, "-p", str(node["ssh_port"]), target, *([command] if command is not None else [])]

    def _start(self, argv: list[str], stdin: int) -> subprocess.Popen[bytes]:
        env = {name: value for name, value in environment.for_children().items() if name not in _SECRETS}
        try:
            return subprocess.Popen(argv, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, **OWN_GROUP)
        except OSError:
            raise RbeeError("SSH_FAILED", "ssh program not found") from None

    def _record(self, argv: Any, stdin: str | None, result: SshResult) -> None:
        self._queen.journal.record("ssh", argv=argv, stdin=stdin, outcome="ok" if result.ok else result.failure().message, exit_code=result.exit_code)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    # The whole group: a child that survives would keep the output pipe open.
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)


def _key_words(path: str) -> list[str]:
    """Words that name the key. ssh expands `%` in `-i`, but looks for the file before that: such a path has to be an option with `%%`."""
    if "%" not in path:
        return ["-i", path]
    return ["-o", f"IdentityFile={quoted_path(path)}"]
