"""Forks one process: passes its sockets, resets signals, closes descriptors and redirects output to files."""

from __future__ import annotations

import errno
import gc
import importlib
import os
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from ..run import environment
from ..run.platform import signal_at_parents_end
from ..run.proctitle import set_proctitle
from ..run.tcp_ports import listen

RUN = b"g"
"""What opens a gate."""
_CANNOT_EXEC = 127
_PACKAGE_PARENT = str(Path(__file__).parent.parent.parent)
_RUN_MODULE = (
    "import sys; sys.path[:] = [path for path in sys.path if path]; _, parent, module, *words = sys.argv; "
    "sys.path += [parent] if parent not in sys.path else []; sys.argv = [module, *words]; import runpy; runpy.run_module(module, run_name='__main__')"
)


@dataclass
class ProgramSpec:
    """Describes a program to start.

    Args:
        name: of the process in its run.
        module: a module of this package with `main(argv, listener)`, which runs in a fork of the nursery; or
        command: a command line to execute, as a list of words.
        argv: arguments of the module; in `--port {port}` the second word is replaced by the port.
        title: name that `ps` shows for a forked module.
        host: address of the listening socket that the program inherits.
        port: TCP port of this socket, 0 = the system picks one, None = no socket.
        stdout: file for its standard output, None = inherited.
        stderr: file for its standard error, None = inherited.
        env: further environment variables.
        cwd: working folder.
        stop_signal: signal on which it ends gracefully.
        is_real: whether it is none of this package, and so takes no orders.
        has_way_out: whether it inherits a second listening socket, on any port of the loopback address.
    """

    name: str
    module: str | None = None
    command: list[str] | None = None
    argv: list[str] = field(default_factory=list)
    title: str = ""
    host: str = "127.0.0.1"
    port: int | None = 0
    stdout: str | None = None
    stderr: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    cwd: str | None = None
    stop_signal: int = signal.SIGTERM
    is_real: bool = False
    has_way_out: bool = False

    def as_json(self) -> dict[str, Any]:
        """Dictionary for the message to the nursery."""
        return asdict(self)

    def words(self, port: int | None) -> list[str]:
        """Command line or arguments, with the `{port}` of `--port {port}` replaced."""
        words = self.argv if self.module else self.command or []
        return [str(port) if (before, word) == ("--port", "{port}") else word for before, word in zip(["", *words], words, strict=False)]


@dataclass
class Inherited:
    """Descriptors that a program inherits.

    Attributes:
        ready: write end of its ready pipe.
        listener: its listening socket.
        way_out: its second listening socket.
        gate: read end of a pipe; the program runs when `RUN` comes, and ends if the pipe is closed. -1 = it runs at once.
    """

    ready: int
    listener: socket.socket | None = None
    way_out: socket.socket | None = None
    gate: int = -1

    def descriptors(self) -> dict[str, int]:
        """Those that are there, by name."""
        sockets = {"listener": self.listener, "way_out": self.way_out}
        found = {name: one.fileno() for name, one in sockets.items() if one is not None}
        return {"ready": self.ready, **found, **({"gate": self.gate} if self.gate >= 0 else {})}

    @classmethod
    def of(cls, descriptors: dict[str, int]) -> Inherited:
        """From what `descriptors` returns."""
        sockets = {name: socket.socket(fileno=descriptors[name]) for name in ("listener", "way_out") if name in descriptors}
        return cls(descriptors["ready"], gate=descriptors.get("gate", -1), **sockets)

    def port(self) -> int | None:
        """TCP port of the listening socket."""
        return self.listener.getsockname()[1] if self.listener is not None else None


def forked(child: Callable[[], object], *, die_with: int | None) -> int:
    """Forks a process with all signals blocked; returns its pid in the parent and never in the child.

    Args:
        child: runs in the child; it does not return.
        die_with: pid of the parent; the child is killed when it ends. None = the child may outlive it.
    """
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
    except OSError:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        raise
    if pid:
        _move_to_own_group(pid)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        return pid
    try:
        if die_with is not None:
            signal_at_parents_end(signal.SIGKILL)
            if os.getppid() != die_with:
                os._exit(1)
        child()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(1)


def _move_to_own_group(pid: int) -> None:
    try:
        os.setpgid(pid, pid)
    except OSError:
        return  # the child has done so itself, has called exec or is gone


def start_afresh(keep: set[int]) -> None:
    """Leaves the group, the signal handlers and the descriptors of the parent behind; all signals stay blocked.

    Args:
        keep: descriptors that stay open, besides the standard ones.
    """
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCONT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    close_all_but({0, 1, 2, *keep})  # the parent may hold all descriptors that a process can have, and then no file can be opened


def become(program: ProgramSpec, inherited: Inherited) -> NoReturn:
    """Makes this process, which was just forked, the program; never returns."""
    start_afresh(set(inherited.descriptors().values()))
    run_program(program, inherited)


def run_program(program: ProgramSpec, inherited: Inherited) -> NoReturn:
    """Runs a program in this process, which was forked for it, as soon as its gate is open; never returns."""
    if inherited.gate >= 0:
        if os.read(inherited.gate, 1) != RUN:
            os._exit(1)
        os.close(inherited.gate)
    _redirect(program.stdout, 1)
    _redirect(program.stderr, 2)
    if program.cwd:
        os.chdir(program.cwd)
    os.environ.update(program.env)
    os.environ[environment.NAME] = program.name
    if inherited.way_out is not None:
        inherited.way_out.set_inheritable(True)
        os.environ[environment.WAY_OUT_FD] = str(inherited.way_out.fileno())
    if program.module is None:
        _exec(program, inherited)
    sys.stdout.reconfigure(line_buffering=True, write_through=True)  # type: ignore[union-attr]
    # SIGTERM and SIGINT stay blocked until the program has installed its handlers, so that an early signal is not lost and does not kill it.
    signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGTERM, signal.SIGINT})
    gc.enable()
    os.environ[environment.READY_FD] = str(inherited.ready)
    os.environ[environment.FORKED] = "1"
    words = program.words(inherited.port())
    set_proctitle([program.title or program.name, *words])
    code = 1
    try:
        code = importlib.import_module(program.module or "").main(words, inherited.listener)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _exec(program: ProgramSpec, inherited: Inherited) -> NoReturn:
    os.environ.pop(environment.FORKED, None)
    os.set_inheritable(inherited.ready, True)
    os.environ[environment.READY_FD] = str(inherited.ready)
    if inherited.listener is not None:
        inherited.listener.set_inheritable(True)
        os.environ[environment.LISTEN_FD] = str(inherited.listener.fileno())
    words = program.words(inherited.port())
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and exec would pass this on
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    try:
        os.execvpe(words[0], words, os.environ)
    except OSError as error:
        os.write(2, f"{words[0]} cannot be started: {error.strerror}\n".encode())
        os._exit(_CANNOT_EXEC)


def _redirect(path: str | None, target: int) -> None:
    if path is None:
        return
    fd = private(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(fd, target)
    os.close(fd)


def prepare(program: ProgramSpec) -> socket.socket | None:
    """Creates the output files of a program and binds its port, before the fork; returns the listening socket.

    Raises:
        PortTaken: the port is in use.
        OSError: a file cannot be written or the address cannot be used.
    """
    for path in (program.stdout, program.stderr):
        if path is not None:
            os.close(private(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND))
    return listen(program.host, program.port) if program.port is not None else None


def private(path: str, flags: int) -> int:
    """Opens a file that only its owner can read; usable as `opener` of `open`."""
    return os.open(path, flags, 0o600)


def of_descriptors(error: Exception) -> str:
    """Hint for an error caused by too few file descriptors; empty for other errors."""
    if not isinstance(error, OSError) or error.errno not in (errno.EMFILE, errno.ENFILE):
        return ""
    return f". At most {resource.getrlimit(resource.RLIMIT_NOFILE)[0]} may be open at once; allow more with ulimit -n"


def close_all_but(keep: set[int]) -> None:
    """Closes all descriptors except these."""
    low = 0
    for fd in sorted(keep):
        if fd > low:
            os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, 65536)


def module_command(module: str, argv: list[str]) -> list[str]:
    """Command line that runs a module of this package in a new interpreter.

    It finds this very package, installed or not, and no module of the working folder, whatever its name is.
    """
    return [sys.executable, "-c", _RUN_MODULE, _PACKAGE_PARENT, module, *argv]
