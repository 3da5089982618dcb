"""Runs a fake from its command line to its exit code."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from ...faults.registry import KINDS
from ...protocol.options import DaemonOptions, masked, parse
from ...run.platform import share_heaps
from ...run.proctitle import set_proctitle
from .program import exit_now
from .service import Service


def launch(
    kind: Callable[[Any, socket.socket | None], Service],
    options: type[DaemonOptions],
    program: str,
    argv: list[str] | None,
    listener: socket.socket | None,
    *,
    title: str | None = None,
    words: tuple[str, ...] = (),
) -> NoReturn:
    """Runs a fake as a program: flags, exit codes and the name in `ps` (contract 1.4).

    Args:
        kind: class of the fake; called with its options and the listener.
        options: class of its options.
        program: its name.
        argv: words of the command line; None = those of this process.
        listener: a socket that listens already, for programs that were forked.
        title: name in `ps`, if it differs from `program`.
        words: bare words that are accepted and ignored.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})  # until handlers are set: an early signal is neither lost nor fatal
    given = sys.argv[1:] if argv is None else argv
    epilog = _faults_of(program.removeprefix("fake-")) if {"-h", "--help"} & set(given) else ""
    parsed = parse(options, program, given, os.environ, words=words, epilog=epilog)
    share_heaps()
    if argv is None:
        set_proctitle([title or program, *masked(given, options)])
    try:
        service = kind(parsed, listener)
    except (OSError, OverflowError, ValueError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        exit_now(1)
    service.run()


def _faults_of(role: str) -> str:
    """The kinds of faults that fit a program, for `--help`."""
    lines = [f"  {name:24} {kind.help}" for name, kind in KINDS.items() if role in kind.roles]
    return "\n".join(["faults (contract 19):", *lines]) if lines else ""
