"""A queen or hive that an ephemeral keeper starts as its child and ends (contract 7.5)."""

from __future__ import annotations

import json
import os
import signal
import threading
from urllib.parse import urlsplit

from ...clock.event import Event
from ...errors import HttpFailure, SpawnFailed
from ...fleet.children import Child, Reaper, start_executed
from ...fleet.launch import ProgramSpec
from ...protocol.error_codes import RbeeError
from ...run import environment
from ..runtime.program import Program

_POLL = 0.1
_PROBE_LIMIT = 1.0


class ChildDaemon:
    """A daemon that was started for one command.

    Args:
        keeper: the keeper.
        role: `queen` or `hive`.
        program: path of its program; None = the fake of this package.
        port: TCP port to serve on; 0 = one that the system chooses, which only a fake reports.
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
        spec = (
            ProgramSpec(role, command=[program, *words], port=None, stdout=out, stderr=err)
            if program
            else ProgramSpec(role, module=f"RbeeLibrary.fakes.{role}", argv=[*words, "--die-with-parent", "on"], port=None, stdout=out, stderr=err)
        )
        try:
            self._child: Child = start_executed(spec)
        except SpawnFailed as error:
            raise RbeeError("INTERNAL", f"the {role} could not be started: {error}") from None
        keeper.journal.record("process_started", role=role, child=self._child.pid, argv=spec.words(port))
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
        ready_line = self._child.read_ready(self._keeper.clock.activity)
        if ready_line is not None:
            self._port = int(json.loads(ready_line).get("port", self._port))
            self._ready.set()

    @property
    def url(self) -> str:
        """URL on which it serves."""
        return f"http://127.0.0.1:{self._port}"

    def await_serving(self, limit: float) -> None:
        """Waits until the daemon reports that it serves or answers its health check; raises if it ends or takes more than `limit` seconds."""
        clock = self._keeper.clock
        deadline = clock.now() + limit
        while not clock.wait(self._ready, clock.now() + _POLL, f"{self._role}-start"):
            if self._port and serves(self._keeper, self.url):
                return
            if clock.now() >= deadline:
                raise RbeeError("INTERNAL", f"the {self._role} does not serve after {limit:g} s")
        if self._child.ended.is_set():
            raise RbeeError("INTERNAL", f"the {self._role} ended while starting, exit code {self._child.code}")

    def end(self, limit: float) -> None:
        """Sends SIGTERM, and SIGKILL after `limit` seconds; returns when the daemon has ended. A second caller only waits."""
        clock = self._keeper.clock
        with self._lock:
            first, self._ending = not self._ending, True
        if first:
            self._child.signal(signal.SIGTERM)
        if not clock.wait(self._child.ended, clock.now() + limit, f"{self._role}-stop"):
            self._child.signal(signal.SIGKILL)
            clock.wait(self._child.ended, None)


def serves(keeper: Program, url: str) -> bool:
    """Whether a queen or hive answers its health check at this URL."""
    try:
        return keeper.client.call("GET", f"{url}/health", limit=_PROBE_LIMIT, timer="start-probe").ok
    except HttpFailure:
        return False


def port_of(url: str, default: int) -> int:
    """The port of a URL, or the default if it has none."""
    return urlsplit(url).port or default
