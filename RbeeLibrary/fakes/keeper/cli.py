"""fake-keeper: stands in for `rbee-keeper`, the command line of rbee (contract 7)."""

from __future__ import annotations

import dataclasses
import os
import shlex
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Protocol

from ...errors import OWN_ERROR, with_place
from ...protocol.keeper_options import (
    AddNodeOptions,
    InferOptions,
    InstallNodeOptions,
    InstallOptions,
    KeeperOptions,
    ListNodesOptions,
    ListWorkersOptions,
    LogsOptions,
    PoolOptions,
    RemoveNodeOptions,
    ShutdownWorkerOptions,
    WorkersHealthOptions,
)
from ...protocol.options import VERSION, masked, parse
from ...run.proctitle import set_proctitle
from ..runtime.program import Program, exit_now
from .console import Console
from .infer import INTERRUPTED, Infer
from .installation import install, pool
from .queen_commands import QueenCommand

PROGRAM = "rbee-keeper"
_TERMINATED = 143
_USAGE = 2


@dataclasses.dataclass(frozen=True)
class Command:
    """One command: its words, its options, and the method that runs it."""

    words: str
    options: type[Any]
    run: Callable[..., int] | None = None

    @property
    def help(self) -> str:
        """What it does, in one line."""
        return (self.options.__doc__ or "").splitlines()[0]


COMMANDS = (
    Command("setup add-node", AddNodeOptions, QueenCommand.add_node),
    Command("setup update-node", AddNodeOptions, QueenCommand.update_node),
    Command("setup list-nodes", ListNodesOptions, QueenCommand.list_nodes),
    Command("setup remove-node", RemoveNodeOptions, QueenCommand.remove_node),
    Command("setup install", InstallNodeOptions, QueenCommand.install_node),
    Command("infer", InferOptions),
    Command("workers list", ListWorkersOptions, QueenCommand.list_workers),
    Command("workers health", WorkersHealthOptions, QueenCommand.workers_health),
    Command("workers shutdown", ShutdownWorkerOptions, QueenCommand.shutdown_worker),
    Command("logs", LogsOptions, QueenCommand.logs),
    Command("install", InstallOptions),
    Command("pool status", PoolOptions),
    Command("pool models", PoolOptions),
    Command("pool worker", PoolOptions),
    Command("pool git", PoolOptions),
)


class Running(Protocol):
    """A running command."""

    def run(self) -> int: ...  # noqa: D102

    def interrupt(self) -> int: ...  # noqa: D102


class Keeper(Program):
    """One command as a program of the run, with clock, journal and Ctrl+C."""

    def __init__(self, command: Command, options: KeeperOptions):
        super().__init__("fake-keeper", journal=options.journal, api_key=options.api_key)
        self._command = command
        self._options = options

    def run(self) -> NoReturn:
        """Runs the command and exits; never returns."""
        self.handle_signals()
        if self.control is not None:
            self.control.on("state", lambda _: "busy")
            self.control.start()
        console = Console()
        running: Running = (
            Infer(self, self._options, console)
            if isinstance(self._options, InferOptions)
            else QueenCommand(self, self._options, console, self._command.run or QueenCommand.logs)
        )
        codes: list[int] = []

        def work(part: Callable[[], int], event: str) -> None:
            code = 1
            try:
                code = part()
            except Exception as error:  # said here, since the process may end before a thread has printed it
                console.report(f"{traceback.format_exc()}{PROGRAM}: {OWN_ERROR}: {with_place(error)}")
            finally:
                codes.append(code)
                self.request_shutdown(event)

        self.spawn(work, running.run, "done", name=self._command.words)
        first_event = self.next_event()
        if first_event.startswith("SIG"):
            codes.clear()
            self.spawn(work, running.interrupt, "interrupted", name="interrupt")
            while (again := self.next_event()) != "interrupted":
                if again.startswith("SIG"):
                    break
            exit_now(INTERRUPTED if first_event == "SIGINT" else _TERMINATED)
        exit_now(codes[0])


def main(argv: list[str] | None = None, listener: socket.socket | None = None) -> int:
    """The program `fake-keeper`."""
    given = sys.argv[1:] if argv is None else argv
    words = [*shlex.split(os.environ.get("RBEE_KEEPER_ARGS", "")), *given]
    env = {name: value for name, value in os.environ.items() if not name.endswith("KEEPER_ARGS")}
    if words[:1] == ["--version"]:
        Console().say(f"{PROGRAM} {VERSION}")
        return 0
    command, rest = _command(words)
    if command is None:
        return _print_usage(words)
    if argv is None:
        set_proctitle(["fake-keeper", *masked(given, command.options)])
    if command.options is PoolOptions:
        return _pool(command, rest, env)
    options = parse(command.options, f"{PROGRAM} {command.words}", rest, env)
    if isinstance(options, InstallOptions):
        return install(options, Console())
    if isinstance(options, InferOptions) and not (options.node or options.hive_url or options.ephemeral_hive):
        print(f"{PROGRAM} infer: error: --node is required, unless --hive-url or --ephemeral-hive says where the hive is", file=sys.stderr)
        return _USAGE
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})  # until handlers are set
    return Keeper(command, options).run()


def _command(words: list[str]) -> tuple[Command | None, list[str]]:
    """The command at the start of the words, and all other words; flags may precede it."""
    first: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] not in ("-h", "--help"):
        flag = rest.pop(0)
        first.append(flag)
        if "=" not in flag and rest and not rest[0].startswith("-"):
            first.append(rest.pop(0))
    for command in COMMANDS:
        parts = command.words.split()
        if rest[: len(parts)] == parts:
            return command, [*first, *rest[len(parts) :]]
    return None, words


def _pool(command: Command, rest: list[str], env: dict[str, str]) -> int:
    """Runs a `pool` command: takes its own flags from any position and passes all other words to the hive."""
    own: list[str] = []
    passed: list[str] = []
    words = iter(rest)
    for word in words:
        if word in ("--host", "--root"):
            own += [word, next(words, "")]
        elif word.startswith(("--host=", "--root=")) or word in ("-h", "--help"):
            own.append(word)
        else:
            passed.append(word)
    options = parse(PoolOptions, f"{PROGRAM} {command.words}", own, env)
    return pool(options.host, [*command.words.split()[1:], *passed], options.root, Console())


def _print_usage(words: Sequence[str]) -> int:
    """Prints the commands; returns exit code 0 for a request for help, else 2."""
    wants_help = not words or any(word in ("-h", "--help") for word in words)
    group = next((word for word in words if not word.startswith("-")), "")
    shown = [command for command in COMMANDS if command.words.split()[0] == group] or list(COMMANDS)
    lines = [f"usage: {PROGRAM} COMMAND [flags]", "", "commands:", *(f"  {command.words:18} {command.help}" for command in shown)]
    lines += ["", f"{PROGRAM} COMMAND --help shows the flags of a command."]
    if not wants_help:
        lines.insert(0, f"{PROGRAM}: there is no command {' '.join(word for word in words if not word.startswith('-'))[:60]!r}")
    console = Console()
    (console.say if wants_help else console.report)("\n".join(lines))
    return 0 if wants_help and words else _USAGE


if __name__ == "__main__":
    sys.exit(main())
