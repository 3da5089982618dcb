"""What an ephemeral keeper starts, it ends: its queen or hive is its child (contract 7.5)."""

from __future__ import annotations

import json
import os
import signal
import threading
from urllib.parse import urlsplit

from ...clock.clock import Event
from ...errors import HttpFailure, SpawnFailed
from ...fleet.children import Child, Reaper, start_executed
from ...fleet.launch import ProgramSpec
from ...protocol.error_codes import RbeeError
from ...run import environment
from ..runtime.program import Program

_LOOK = 0.1
_PROBE = 1.0


class ChildDaemon:
    """A daemon that was started for one command.

    Args:
        keeper: who starts it.
        role: `queen` or `hive`.
        program: its program; None = the fake one of this package.
        port: where it shall serve; 0 = the system picks (only a fake can tell which one it is).
    """

    def __init__(self, keeper: Program, role: str, program: str | None, port: int):
        self._keeper = keeper
        self._role = role
        self._port = port
        self._ready = Event()
        self._lock = threading.Lock()
        self._ending = False
        outputs = os.environ.get(environment.OUTPUTS)
        out, err = (os.path.join(outputs, f"{role}.{kind}") if outputs else None for kind in ("stdout", "stderr"))
        words = ["--port", str(port)]
        planned = (
            ProgramSpec(role, command=[program, *words], port=None, stdout=out, stderr=err)
            if program
            else ProgramSpec(role, module=f"RbeeLibrary.fakes.{role}", argv=[*words, "--die-with-parent", "on"], port=None, stdout=out, stderr=err)
        )
        try:
            self._child: Child = start_executed(planned)
        except SpawnFailed as error:
            raise RbeeError("INTERNAL", f"the {role} could not be started: {error}") from None
        keeper.journal.record("process_started", role=role, child=self._child.pid, argv=planned.words(port))
        if keeper.control is not None:
            keeper.control.report("child-started", pid=self._child.pid, ppid=os.getpid(), name=role, role=role, port=port or None)
        Reaper(keeper.clock.activity).watch(self._child, self._ended)
        keeper.spawn(self._read_ready, name=f"{role}-ready")

    def _ended(self, child: Child) -> None:
        self._keeper.journal.record("process_exited", role=self._role, child=child.pid, **child.status.as_fields())
        if self._keeper.control is not None:
            self._keeper.control.report("child-exited", pid=child.pid, code=child.code)
        self._ready.set()

    def _read_ready(self) -> None:
        said = self._child.read_ready(self._keeper.clock.activity)
        if said is not None:
            self._port = int(json.loads(said).get("port", self._port))
            self._ready.set()

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self._port}"

    def await_serving(self, limit: float) -> None:
        """Waits until it says that it serves, or answers its health; raises if it ends before or takes too long."""
        clock = self._keeper.clock
        deadline = clock.now() + limit
        while not clock.wait(self._ready, clock.now() + _LOOK, f"{self._role}-start"):
            if self._port and serves(self._keeper, self.url):
                return
            if clock.now() >= deadline:
                raise RbeeError("INTERNAL", f"the {self._role} does not serve after {limit:g} s")
        if self._child.ended.is_set():
            raise RbeeError("INTERNAL", f"the {self._role} ended while starting, exit code {self._child.code}")

    def end(self, limit: float) -> None:
        """SIGTERM, and SIGKILL after a limit; returns when it is gone, whoever began to end it."""
        clock = self._keeper.clock
        with self._lock:
            first, self._ending = not self._ending, True
        if first:
            self._child.signal(signal.SIGTERM)
        if not clock.wait(self._child.ended, clock.now() + limit, f"{self._role}-stop"):
            self._child.signal(signal.SIGKILL)
            clock.wait(self._child.ended, None)


def serves(keeper: Program, url: str) -> bool:
    """Whether a queen or hive answers its health there."""
    try:
        return keeper.client.call("GET", f"{url}/health", limit=_PROBE, timer="start-probe").ok
    except HttpFailure:
        return False


def port_of(url: str, default: int) -> int:
    """The port of a URL."""
    return urlsplit(url).port or default
