"""fake-ssh: stands in for OpenSSH's client when it is first on PATH (contract 8.6).

It imports nothing of this package, so that it starts quickly and passes its environment on to the commands unchanged.
"""

from __future__ import annotations

import getopt
import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

_OPTIONS = "1246ab:c:e:fgi:kl:m:no:p:qstvxAB:CD:E:F:GI:J:KL:MNO:P:Q:R:S:TVw:W:XYy"
"""Options of OpenSSH for getopt: a letter with a colon takes a value."""
_HELP = """usage: fake-ssh [-i KEY] [-o K=V] [-p PORT] [-l USER] [USER@]HOST [COMMAND]

Stands in for OpenSSH's client: it runs the command on this machine, or fails as the rules of its host say. A queen finds it as `ssh` first on its PATH.

examples:
  fake-ssh vince@workstation.home.arpa 'echo hello'
  FAKE_SSH_HOSTS=hosts.json fake-ssh workstation.home.arpa true

environment:
  FAKE_SSH_HOSTS   JSON file, host -> {"outcome": ok, timeout, refused, denied, bad-key, unresolved,
                   missing, host-key-changed, hangs, lost or real, "delay": seconds until it has logged in, "env": {}}
  FAKE_SSH_LOG     file that gets a line of JSON at the start and at the end of each call"""
_SSH_FAILED = 255
_NOT_FOUND = 127


class BadArguments(Exception):
    """The command line is one that ssh would refuse."""


class Call:
    """One call of ssh: host, port, user and command from argv.

    Raises:
        BadArguments: argv names no host, or an option lacks its value.
    """

    def __init__(self, argv: list[str]):
        self.port = "22"
        self.user = os.environ.get("USER") or "root"
        self.connect_timeout = 10.0
        self.takes_any_host_key = False
        words = self._take_options(argv)
        if not words:
            raise BadArguments("usage: ssh [-i KEY] [-o K=V] [-p PORT] [-l USER] [USER@]HOST [COMMAND]")
        user, at, host = words.pop(0).rpartition("@")
        self.host = host
        self.user = user if at else self.user
        command = " ".join(self._take_options(words))  # options may follow the host, but not the command
        self.command = command or None

    def _take_options(self, argv: list[str]) -> list[str]:
        try:
            options, words = getopt.getopt(argv, _OPTIONS)
        except getopt.GetoptError as error:
            raise BadArguments(f"ssh: {error.msg}") from None
        for name, value in options:
            self._take(name, value)
        return list(words)

    def _take(self, option: str, value: str) -> None:
        if option == "-p":
            self.port = value
        elif option == "-l":
            self.user = value
        elif option == "-o" and value.lower().startswith("connecttimeout="):
            self.connect_timeout = float(value.partition("=")[2])
        elif option == "-o" and value.lower() in ("stricthostkeychecking=no", "stricthostkeychecking=off"):
            self.takes_any_host_key = True


class Host:
    """Behaviour of a host: from the file of `FAKE_SSH_HOSTS`, else derived from its name."""

    def __init__(self, name: str):
        path = os.environ.get("FAKE_SSH_HOSTS")
        rules: dict[str, Any] = {}
        if path and os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                rules = json.load(file).get(name, {})
        default = "timeout" if "unreachable" in name else "unresolved" if name.endswith(".invalid") else "ok"
        self.outcome = rules.get("outcome", default)
        self.delay = float(rules.get("delay", 0))
        self.env: dict[str, str] = rules.get("env", {})
        self.client: list[str] = rules.get("client", [])


def run(argv: list[str]) -> int:
    """Carries out a call as the rules of its host say; returns the exit code."""
    began = time.time()
    try:
        call = Call(argv)
    except (BadArguments, ValueError) as error:
        print(error, file=sys.stderr)
        return _SSH_FAILED
    host = Host(call.host)
    entry = {"id": f"{os.getpid()}-{began}", "argv": argv, "host": call.host, "outcome": host.outcome, "start": began}
    _log(entry)  # now, because ssh may be killed before it ends
    script: bytes | None = None
    if call.command is None and host.outcome in ("ok", "missing", "hangs", "lost", "host-key-changed"):
        script = sys.stdin.buffer.read()
    code = _outcome(call, host, script, argv)
    stdin = script.decode("utf-8", "replace") if script is not None else None
    _log({**entry, "stdin": stdin, "exit_code": code, "end": time.time()})
    return code


def _outcome(call: Call, host: Host, script: bytes | None, argv: list[str]) -> int:
    prefix = f"ssh: connect to host {call.host} port {call.port}"
    denied = f"{call.user}@{call.host}: Permission denied (publickey)."
    refusals = {
        "timeout": f"{prefix}: Connection timed out",
        "refused": f"{prefix}: Connection refused",
        "denied": denied,
        "bad-key": f"@ WARNING: UNPROTECTED PRIVATE KEY FILE! @\nPermissions for the key are too open.\n{denied}",
        "unresolved": f"ssh: Could not resolve hostname {call.host}: Name or service not known",
    }
    if host.outcome == "real":
        return subprocess.run([*host.client, *argv]).returncode
    time.sleep(min(call.connect_timeout, host.delay))
    if host.outcome != "timeout" and host.delay >= call.connect_timeout:
        print(f"Connection timed out during banner exchange\nConnection to {call.host} port {call.port} timed out", file=sys.stderr)
        return _SSH_FAILED
    if host.outcome in refusals:
        print(refusals[host.outcome], file=sys.stderr)
        return _SSH_FAILED
    if host.outcome == "host-key-changed":
        print("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", file=sys.stderr)
        if not call.takes_any_host_key:
            print("Host key verification failed.", file=sys.stderr)
            return _SSH_FAILED
    if host.outcome == "hangs":
        while True:
            signal.pause()
    if host.outcome == "missing":
        words = (call.command or "sh").split()
        print(f"sh: 1: {words[0]}: command not found", file=sys.stderr)
        return _NOT_FOUND
    env = {**os.environ, **host.env}
    home = env.get("HOME", "/")
    command = ["sh", "-c", call.command] if call.command is not None else ["sh", "-s"]
    folder = home if os.path.isdir(home) else "/"
    if host.outcome == "lost":
        out = subprocess.run(command, input=script, env=env, cwd=folder, stdout=subprocess.PIPE).stdout
        sys.stdout.buffer.write(out[: len(out) // 2])
        sys.stdout.flush()
        print(f"Connection to {call.host} closed by remote host.", file=sys.stderr)
        return _SSH_FAILED
    return subprocess.run(command, input=script, env=env, cwd=folder).returncode


def _log(entry: dict[str, Any]) -> None:
    path = os.environ.get("FAKE_SSH_LOG")
    if path:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(fd, json.dumps(entry).encode() + b"\n")
        os.close(fd)


def main() -> int:
    """The program `fake-ssh`."""
    if sys.argv[1:] == ["--help"]:
        print(_HELP)
        return 0
    code = run(sys.argv[1:])
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
