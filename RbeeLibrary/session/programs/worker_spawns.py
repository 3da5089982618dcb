"""Workers that hives start: asks a hive for one, as a client does, and finds its process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ...errors import CannotJudge, HttpFailure, UsageError
from ...protocol.model.model_reference import CATALOG_MODEL
from ...protocol.options import to_argv
from ...protocol.profiles import PROFILES
from ..pending_faults import PendingFaults
from ..real.real_hive import RealHive
from ..run import Run
from ..types import Daemon
from .outputs import Outputs
from .programs import Programs


@dataclass(eq=False, repr=False)
class _Spawned:
    """The request for a hive's worker, so that it can be repeated."""

    options: dict[str, Any]
    request: dict[str, Any]


class WorkerSpawns:
    """Asks hives for workers (contract 5.2).

    Args:
        run: whose processes they are.
        programs: registers them by name.
        outputs: what they printed.
        faults: faults that wait for a worker to start.
        style_of: returns the option `worker_args` of a hive.
    """

    def __init__(self, run: Run, programs: Programs, outputs: Outputs, faults: PendingFaults, style_of: Callable[[str], str]):
        self._run = run
        self._registry = programs
        self._outputs = outputs
        self._faults = faults
        self._style_of = style_of
        self._spawned: dict[str, _Spawned] = {}
        self._real_hives: dict[str, RealHive] = {}
        self._one_spawn = threading.Lock()

    def note_real_hive(self, name: str, surroundings: RealHive) -> None:
        """Notes the surroundings of a real hive, whose workers get their names from there; they stay when it is started again."""
        self._real_hives[name] = surroundings

    def forget(self, name: str) -> None:
        """Forgets that a hive has started a worker of this name: another program has it now."""
        self._spawned.pop(name, None)

    def spawn(self, name: str, hive: Daemon, options: dict[str, Any], request: dict[str, Any], deadline: float) -> Daemon:
        """Asks a hive for a worker, and waits until its process is in the run.

        Args:
            name: of the worker; also its id, except below a real hive.
            hive: who spawns it.
            options: of the worker that a client has no say in.
            request: fields of the spawn request.
            deadline: of its start.

        Raises:
            AssertionError: the hive did not start it.
            CannotJudge: a real hive has no way to do that.
        """
        self._registry.check_free(name)
        given = {**options, "fault": [*options.get("fault", []), *self._faults.take(name)]}
        body = {key: value for key, value in request.items() if value is not None}
        if (real := self._real(hive)) is not None:
            with self._one_spawn:
                daemon = self._spawn_below_real_hive(real, name, hive, given, body, deadline)
        else:
            if argv := to_argv(given):
                self._run.supervisor.control(self._registry.process(hive), {"op": "worker-argv", "worker_id": name, "argv": argv})
            daemon = self._spawned_by(name, hive, {"worker_id": name, **body}, deadline)
        self._spawned[name] = _Spawned(options, request)
        return daemon

    def spawn_again(self, daemon: Daemon, deadline: float, options: dict[str, Any], request: dict[str, Any]) -> Daemon | None:
        """Asks for a worker that has ended once more, on its port; None if no hive had started it.

        Args:
            daemon: the worker.
            deadline: of its start.
            options: that are new; the others are as before.
            request: fields of the spawn request that are new.

        Raises:
            UsageError: its hive is unknown by now.
        """
        spawned = self._spawned.get(daemon.name)
        if spawned is None:
            return None
        hive = self._registry.owner_of(daemon)
        if hive is None:
            raise UsageError(f"{daemon.name} cannot be started again: the hive that started it is unknown by now")
        port = {} if self._real(hive) is not None else {"port": daemon.port}
        return self.spawn(daemon.name, hive, {**spawned.options, **options}, {**spawned.request, **port, **request}, deadline)

    def _real(self, hive: Daemon) -> RealHive | None:
        return None if hive.profile is None else self._real_hives.get(hive.name)

    def _spawn_below_real_hive(self, real: RealHive, name: str, hive: Daemon, options: dict[str, Any], body: dict[str, Any], deadline: float) -> Daemon:
        """The hive picks id and port, and knows no options: the program that stands for its workers gets name and options from a file."""
        if "port" in body:
            raise CannotJudge(f"{hive} is a real hive, which picks the ports of its workers itself: leave out port=")
        fields = {"model_ref": CATALOG_MODEL, "backend": "cpu", "device": 0, **{key: body[key] for key in body if key != "slots"}, "model_path": ""}
        real.add_model(fields["model_ref"])
        real.next_worker(name, to_argv({**options, **({"slots": body["slots"]} if "slots" in body else {})}))
        try:
            return self._spawned_by(name, hive, fields, deadline)
        finally:
            real.no_next_worker()  # a hive that refused has not used it, and the next worker may be somebody else's

    def _spawned_by(self, name: str, hive: Daemon, body: dict[str, Any], deadline: float) -> Daemon:
        supervisor = self._run.supervisor
        try:
            answer = self._registry.ask(hive, "POST", "/v1/workers/spawn", body, limit=max(0.1, deadline - time.monotonic()))
        except HttpFailure as error:
            raise AssertionError(f"worker {name!r} could not be started: {hive} did not answer the spawn request: {error}") from None
        payload = answer.object()
        if not answer.ok:
            refusal = payload.get("error") or {"message": answer.body.decode("utf-8", "replace")}
            told = ": ".join(str(refusal[key]) for key in ("code", "message") if refusal.get(key))
            lines = self._outputs.last_lines(name)
            raise AssertionError(
                f"worker {name!r} could not be started: {hive} answered {answer.status} {told}" + (f"; its last lines:\n{lines}" if lines else "")
            )
        url = str(payload.get("url"))
        try:
            port = urlsplit(url).port
        except ValueError:
            port = None
        if port is None:
            raise AssertionError(f"worker {name!r} could not be started: {hive} says that its URL is {url[:200]!r}, which is none")
        supervisor.await_change(lambda: (found := supervisor.find(name)) is not None and found.alive, deadline)
        found = supervisor.find(name)
        if found is None:
            raise AssertionError(f"worker {name!r} was started by {hive}, but its process did not join this run")
        supervisor.adopt(found.pid, name, "worker", port)
        style = self._style_of(hive.name)
        profile = None if style == "fake" else PROFILES["llm-worker-rbee" if style == "real" else style]
        return self._registry.add(Daemon(name, "worker", url, port, found.pid, hive.name, profile=profile, worker_id=str(payload.get("worker_id", name))))
