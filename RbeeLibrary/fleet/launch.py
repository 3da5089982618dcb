"""How one process is forked: sockets handed over, signals and descriptors clean, output in files of its own."""

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
from typing import Any

from ..run import environment
from ..run.platform import signal_at_parents_end
from ..run.proctitle import set_proctitle
from ..run.tcp_ports import listen

_CANNOT_EXEC = 127


@dataclass
class ProgramSpec:
    """What to start.

    Args:
        name: under which it is known.
        module: a module of this package with `main(argv, listener)`, forked warm; or
        command: the words of a command line, exec'ed.
        argv: words for the module; `{port}` is replaced by the port.
        title: the words that `ps` shows for a forked module.
        host: address of the socket that is handed over.
        port: its port, 0 = the system picks, None = no socket is handed over.
        stdout: file for its standard output, None = inherited.
        stderr: file for its standard error, None = inherited.
        env: further environment variables.
        cwd: working folder.
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

    def as_json(self) -> dict[str, Any]:
        """For the way to the nursery."""
        return asdict(self)

    def words(self, port: int | None) -> list[str]:
        """The command line with the real port."""
        return [word.replace("{port}", str(port)) for word in (self.argv if self.module else self.command or [])]


def fork(program: ProgramSpec, listener: socket.socket | None, ready: int, *, keep: set[int], before: Callable[[], None], die_with: int | None) -> int:
    """Forks a process that runs the program; returns its pid in the parent and never in the child.

    Args:
        program: what to run.
        listener: a listening socket that it takes over.
        ready: write end of its ready pipe.
        keep: further descriptors that stay open in the child.
        before: run in the child first of all, with all signals blocked.
        die_with: pid of the parent whose end ends the child, None = it may outlive it.
    """
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
    except OSError:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        raise
    if pid:
        _own_group(pid)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        return pid
    try:
        before()
        if die_with is not None:
            signal_at_parents_end(signal.SIGKILL)
            if os.getppid() != die_with:
                os._exit(1)
        _become(program, listener, ready, keep)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(1)


def _own_group(pid: int) -> None:
    try:
        os.setpgid(pid, pid)
    except OSError:
        return  # the child has done it itself, has exec'ed or is gone


def _become(program: ProgramSpec, listener: socket.socket | None, ready: int, keep: set[int]) -> None:
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCONT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    fds = {0, 1, 2, ready, *keep} | ({listener.fileno()} if listener else set())
    close_all_but(fds)  # first: of what the parent holds, there may be no descriptor left to open a file with
    _redirect(program.stdout, 1)
    _redirect(program.stderr, 2)
    if program.cwd:
        os.chdir(program.cwd)
    os.environ.update(program.env)
    os.environ[environment.NAME] = program.name
    if program.module is None:
        _exec(program, listener, ready)
    sys.stdout.reconfigure(line_buffering=True, write_through=True)  # type: ignore[union-attr]
    # SIGTERM and SIGINT stay blocked until the program has handlers: they are neither lost nor deadly before.
    signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGTERM, signal.SIGINT})
    gc.enable()
    os.environ[environment.READY_FD] = str(ready)
    os.environ[environment.FORKED] = "1"
    words = program.words(listener.getsockname()[1] if listener else None)
    set_proctitle([program.title or program.name, *words])
    code = 1
    try:
        code = importlib.import_module(program.module or "").main(words, listener)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _exec(program: ProgramSpec, listener: socket.socket | None, ready: int) -> None:
    os.environ.pop(environment.FORKED, None)
    words = program.words(listener.getsockname()[1] if listener else None)
    os.set_inheritable(ready, True)
    os.environ[environment.READY_FD] = str(ready)
    if listener is not None:
        os.set_inheritable(listener.fileno(), True)
        os.environ[environment.LISTEN_FD] = str(listener.fileno())
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and exec would hand that on
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
    """What a program needs before it is forked: its files for output can be written, and its port is bound; returns the socket.

    Raises:
        OSError: they cannot.
    """
    for path in (program.stdout, program.stderr):
        if path is not None:
            os.close(private(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND))
    return listen(program.host, program.port) if program.port is not None else None


def private(path: str, flags: int) -> int:
    """Opens a file of the run, for `open`: nobody but its owner reads it."""
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def of_descriptors(error: Exception) -> str:
    """What to do about an error that comes of too few file descriptors; an empty text for other errors."""
    if not isinstance(error, OSError) or error.errno not in (errno.EMFILE, errno.ENFILE):
        return ""
    return f". At most {resource.getrlimit(resource.RLIMIT_NOFILE)[0]} may be open at once; allow more with ulimit -n"


def close_all_but(keep: set[int]) -> None:
    """Closes every other descriptor."""
    low = 0
    for fd in sorted(keep):
        if fd > low:
            os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, 65536)


def module_command(module: str, argv: list[str]) -> list[str]:
    """The command line that runs a module of this package in an interpreter of its own."""
    return [sys.executable, "-m", module, *argv]
