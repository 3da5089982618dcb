"""A link of the kernel's own: a network namespace that packets reach over a pair of virtual Ethernet devices, with `tc netem` on both."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable

_NEW_NET = 0x40000000
"""CLONE_NEWNET of `unshare(2)`."""
_BACKLOG = 1024
_COMMAND_LIMIT = 10.0
_NETS = [number for number in range(2, 252) if number not in (169, 170)]
"""Link-local networks 169.254.N.0/30 that are tried; clouds have services of their own in two of them."""


class KernelLink:
    """A listening socket in a network namespace of its own. Namespace and devices end with this process, however that ends.

    Args:
        latency: seconds that packets are under way in each direction, in real time.
        loss: share of packets that are lost.

    Raises:
        OSError: this machine cannot have one; the message says why.
    """

    def __init__(self, latency: float, loss: float):
        if (why := missing()) is not None:
            raise OSError(why)
        self._near = f"rbee{os.getpid()}"[:15]
        self._orders: list[Callable[[], object]] = []
        self._done = threading.Condition()
        self._failure: OSError | None = None
        self._inside = 0
        threading.Thread(target=self._live_inside, name="kernel-link", daemon=True).start()
        self._inside_do(lambda: None)
        net = self._connect()
        self.listener: socket.socket
        self._inside_do(lambda: self._listen(f"169.254.{net}.2"))
        if latency or loss:
            self.delay(latency, loss)

    def delay(self, latency: float, loss: float) -> None:
        """Sets latency in seconds and loss as a share, in both directions.

        Raises:
            OSError: the kernel has no netem.
        """
        words = ["delay", f"{latency * 1000:g}ms", "loss", f"{loss * 100:g}%"]
        _run("tc", "qdisc", "replace", "dev", self._near, "root", "netem", *words)
        self._inside_do(lambda: _run("tc", "qdisc", "replace", "dev", "eth0", "root", "netem", *words))

    def down(self) -> None:
        """Takes the link down: packets are lost until it is up again."""
        _run("ip", "link", "set", self._near, "down")

    def up(self) -> None:
        """Takes the link up."""
        _run("ip", "link", "set", self._near, "up")

    def _live_inside(self) -> None:
        """The thread that is in the namespace; what it starts is there too."""
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NET) != 0:
                number = ctypes.get_errno()
                raise OSError(f"a kernel link is not possible: no network namespace can be made: {os.strerror(number)}")
            self._inside = threading.get_native_id()
        except OSError as error:
            self._failure = error
        while True:
            with self._done:
                self._done.wait_for(lambda: self._orders)
                try:
                    if self._failure is None:
                        self._orders[0]()
                except OSError as error:
                    self._failure = error
                self._orders.pop(0)
                self._done.notify_all()

    def _inside_do(self, order: Callable[[], object]) -> None:
        with self._done:
            self._orders.append(order)
            self._done.notify_all()
            if not self._done.wait_for(lambda: not self._orders, 2 * _COMMAND_LIMIT):
                raise OSError("a kernel link is not possible: its network namespace does not answer")
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure

    def _connect(self) -> int:
        _run("ip", "link", "add", self._near, "type", "veth", "peer", "name", "eth0", "netns", str(self._inside))
        taken = _run("ip", "-4", "-o", "addr")
        start = os.getpid() % len(_NETS)
        net = next(number for number in (*_NETS[start:], *_NETS[:start]) if f" 169.254.{number}." not in taken)
        _run("ip", "addr", "add", f"169.254.{net}.1/30", "dev", self._near)
        _run("ip", "link", "set", self._near, "up")
        self._inside_do(lambda: _run("ip", "addr", "add", f"169.254.{net}.2/30", "dev", "eth0"))
        self._inside_do(lambda: _run("ip", "link", "set", "eth0", "up"))
        return net

    def _listen(self, address: str) -> None:
        self.listener = socket.socket()
        self.listener.bind((address, 0))
        self.listener.listen(_BACKLOG)


def missing() -> str | None:
    """Why this machine cannot have a kernel link; None if it can."""
    if os.uname().sysname != "Linux":
        return "a kernel link needs Linux"
    if os.geteuid() != 0:
        return "a kernel link needs root, to make a network namespace"
    if any(shutil.which(name, path=_path()) is None for name in ("ip", "tc")):
        return "a kernel link needs the programs ip and tc (Debian: apt-get install iproute2)"
    return None


def _path() -> str:
    """Where programs are looked for: not every shell has the folders for those of the administrator."""
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def _run(*words: str) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_COMMAND_LIMIT, env={**os.environ, "PATH": _path()})
    except subprocess.TimeoutExpired:
        raise OSError(f"a kernel link is not possible: {' '.join(words)} did not end within {_COMMAND_LIMIT:g} s") from None
    if done.returncode:
        said = done.stderr.strip() or f"exit code {done.returncode}"
        why = "this kernel has no netem" if "qdisc kind is unknown" in said else said
        raise OSError(f"a kernel link is not possible: {' '.join(words)}: {why}")
    return done.stdout
