"""The lifeline ends a process with its run, and never before."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys

import pytest

from RbeeLibrary.errors import RunIsOver
from RbeeLibrary.run.lifeline import hold_on, lifeline_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel watches lifelines on Linux only")
LIMIT = 10_000
"""Milliseconds."""


@pytest.fixture
def run(tmp_path):
    """A run without a nursery: its listening socket and its end of the lifelines."""
    address = str(tmp_path / "run")
    os.mkfifo(lifeline_of(address))
    end = os.open(lifeline_of(address), os.O_RDWR)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        listener.settimeout(LIMIT / 1000)
        yield address, listener, end


def registered(address: str, listener: socket.socket, end: int) -> tuple[int, int, socket.socket]:
    """Pid of a process that has registered, a descriptor that tells its end, and the run's end of its connection."""
    said, say = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(end)
            lifeline = hold_on(address, "worker-1", "worker")
            os.write(say, b"registered")
            os.close(say)
            signal.pause()
            del lifeline
        finally:
            os._exit(1)
    os.close(say)
    ending = os.pidfd_open(pid)
    connection, _ = listener.accept()
    connection.recv(1000)
    connection.sendall(b"ok\n")
    assert os.read(said, 100) == b"registered"
    return pid, ending, connection


def has_ended(ending: int, limit: int) -> bool:
    poll = select.poll()
    poll.register(ending, select.POLLIN)
    return bool(poll.poll(limit))


def test_process_is_killed_when_nobody_holds_its_run_any_more(run):
    address, listener, end = run
    pid, ending, _ = registered(address, listener, end)
    os.kill(pid, signal.SIGSTOP)  # a frozen one as well
    os.close(end)
    assert has_ended(ending, LIMIT)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL


def test_nothing_else_on_the_connection_of_its_registration_kills_it(run):
    """The kernel announces what arrives on a socket, and may do so a moment after it was read: an acknowledgement that is announced late kills nobody."""
    address, listener, end = run
    pid, ending, connection = registered(address, listener, end)
    for end_of_connection in (lambda: connection.send(b"late"), connection.close):
        try:
            end_of_connection()
        except BrokenPipeError:
            pass  # it has closed its end
        assert not has_ended(ending, 50)
    os.close(end)
    assert has_ended(ending, LIMIT)
    os.waitpid(pid, 0)


def test_process_that_comes_too_late_is_told(run):
    address, listener, end = run
    os.close(end)
    pid = os.fork()
    if pid == 0:
        try:
            hold_on(address, "worker-1", "worker")
        except RunIsOver:
            os._exit(3)
        finally:
            os._exit(1)
    connection, _ = listener.accept()
    connection.sendall(b"ok\n")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
