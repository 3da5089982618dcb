"""Real programs: each is started behind a recorder, with the command line and the environment of its profile (contract 17)."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ...errors import CannotJudge, ControlFailed
from ...faults.base import FaultSpec
from ...faults.registry import KINDS
from ...fleet.kernel import listens
from ...fleet.launch import ProgramSpec
from ...fleet.supervisor import Process
from ...protocol.profiles import ITSELF, Profile
from ...run import environment
from ...run.environment import through_proxy
from ...run.tcp_ports import address_of, free_range, holder
from ..pending_faults import PendingFaults
from ..programs.launching import Launching
from ..programs.nodes import NodeDirectory
from ..programs.programs import Programs
from ..run import Run
from ..types import recorder_of
from .real_time import RealTime

_PRELOAD = "LD_PRELOAD"
_END_LIMIT = 2.0
_NO_CALLBACK = "http://localhost:9999/v1/workers/ready"
"""Real workers skip a callback to this address."""


class Starts(Protocol):
    """The launcher, as far as real programs use it."""

    def launch(self, spec: ProgramSpec, role: str, is_fake: bool, options: dict[str, Any], deadline: float) -> Launching: ...  # noqa: D102

    def await_ready(self, process: Process, deadline: float) -> None: ...  # noqa: D102

    def files(self, name: str) -> dict[str, Any]: ...  # noqa: D102


@dataclass(eq=False, repr=False)
class RealProgram:
    """A real program to be started.

    Args:
        name: in the run.
        profile: what it needs.
        path: of the program.
        options: of the keyword.
        env: further environment variables.
        arguments: words before its options, such as the command of a keeper.
    """

    name: str
    profile: Profile
    path: str
    options: dict[str, Any]
    env: dict[str, str]
    arguments: tuple[str, ...] = ()

    def given(self, port: int) -> dict[str, Any]:
        """What the library gives it, besides the options of the keyword."""
        return {"port": port, "addr": f"127.0.0.1:{port}", "worker_id": self.name, "callback_url": _NO_CALLBACK}


class RealPrograms:
    """Starts real programs and their recorders.

    Args:
        run: starts the processes.
        programs: registers them by name.
        nodes: tells queens and keepers where nodes are.
        faults: faults that wait for a program to start; its recorder carries them out.
        starts: starts one process.
        clocks: of real programs.

    Attributes:
        judged: role -> path of the real program that takes the place of the fake in every test.
    """

    def __init__(self, run: Run, programs: Programs, nodes: NodeDirectory, faults: PendingFaults, starts: Starts, clocks: RealTime):
        self._run = run
        self._registry = programs
        self._nodes = nodes
        self._faults = faults
        self._starts = starts
        self._clocks = clocks
        self._known: dict[str, RealProgram] = {}
        self.judged: dict[str, str] = {}

    def chosen(self, role: str, path: str | None) -> str | None:
        """Path of the real program for a role: the given one, else the one that is judged in every test, else None for the fake."""
        return path or self.judged.get(role)

    def known(self, name: str) -> RealProgram | None:
        """The real program that was started under a name; None if a fake was."""
        return self._known.get(name)

    def forget(self, name: str) -> None:
        """Forgets the real program of a name, which a fake gets now."""
        self._known.pop(name, None)

    def begin(self, real: RealProgram, deadline: float, public_port: int = 0) -> Launching:
        """Starts a real program behind a recorder, without waiting until it serves.

        Args:
            real: what is started, and how.
            deadline: of its start.
            public_port: on which its recorder listens; 0 = as the options say, or any.

        Raises:
            UsageError: the program has no word for an option.
            AssertionError: it could not be started.
        """
        name, profile, options = real.name, real.profile, dict(real.options)
        options.pop("fault", None)
        if missing := [f"{option}=" for option in profile.needs if options.get(option) in (None, "")]:
            raise CannotJudge(f"{profile.name} does not start without {', '.join(missing)}")
        key = options.pop("api_key", None)
        public = public_port or int(options.pop("port", 0))
        host = str(options.pop("host", "127.0.0.1"))
        own = free_range(1)  # it binds its port itself and tells nobody which one
        words = [*real.arguments, *profile.argv(real.given(own), options)]
        recorder = self._begin_recorder(name, host, public, own, deadline)
        clock = self._clocks.environment(name, wanted=_PRELOAD not in real.env)
        spec = ProgramSpec(name, command=[real.path, *words], port=None, stop_signal=profile.stop_signal, is_real=True, **self._starts.files(name))
        keys = dict.fromkeys(("RBEE_API_KEY", "LLORCH_API_TOKEN"), str(key)) if key else {}
        proxy = through_proxy(f"http://127.0.0.1:{recorder.process.way_out}")
        spec.env.update({**self._nodes.environment(), **profile.env, **proxy, **keys, **clock, **real.env})
        launching = self._starts.launch(spec, profile.role, False, {**options, "api_key": key, "port": recorder.daemon.port}, deadline)
        self._starts.await_ready(recorder.process, deadline)  # both start at the same time
        daemon, pid = launching.daemon, launching.process.pid
        daemon.url, daemon.profile, daemon.direct = recorder.daemon.url, profile, f"http://127.0.0.1:{own}"
        journal = Path(self._run.outputs()) / f"{name}-{pid}.jsonl"
        self._clocks.joined(name, pid, journal, recorder.daemon.name)
        self._known[name] = real
        self.send_routes()  # before the recorder lets anything pass
        try:
            self._run.supervisor.control(recorder.process, {"op": "program", "pid": pid, "program": f"real-{profile.role}", "journal": str(journal)})
        except ControlFailed:
            if self._run.supervisor.await_exit(launching.process, _END_LIMIT) is None:
                raise
            # the program ended at once, and its recorder after it: who waits for its start is told the exit code
        return launching

    def _begin_recorder(self, name: str, host: str, public: int, own: int, deadline: float) -> Launching:
        recorder = recorder_of(name)
        if (old := self._registry.process_or_none(recorder)) is not None and old.alive:  # its program has ended, and it notices that in a moment
            self._run.supervisor.await_exit(old, _END_LIMIT)
        files = self._starts.files(recorder)
        files["env"][environment.JOURNALS] = ""  # it writes the journal of the program
        taken = self._faults.take(name)
        inside = [kind for kind in (FaultSpec.parse(text).kind for text in taken) if not KINDS[kind].from_outside]
        if inside:
            raise CannotJudge(f"{', '.join(inside)} of {name} needs the inside of the program, which is a real one")
        faults = [word for fault in taken for word in ("--fault", fault)]
        argv = ["--port", "{port}", "--to", f"127.0.0.1:{own}", *faults]
        spec = ProgramSpec(
            recorder, module="RbeeLibrary.recorder.recorder", argv=argv, title="fake-recorder", host=host, port=public, has_way_out=True, **files
        )
        return self._starts.launch(spec, "recorder", True, {}, deadline)

    def send_routes(self) -> None:
        """Tells all recorders which programs of this run their programs mean by fixed addresses."""
        living = [daemon for daemon in self._registry.all() if (process := self._registry.process_or_none(daemon.name)) is not None and process.alive]
        serving = {role: next((daemon for daemon in living if daemon.role == role), None) for role in ("queen", "hive", "hub")}
        for daemon in living:
            if daemon.profile is None or daemon.recorder is None or (recorder := self._registry.process_or_none(daemon.recorder)) is None or not recorder.alive:
                continue
            meant = {port: daemon if role == ITSELF else serving[role] for port, role in daemon.profile.addresses.items()}
            routes = {f"*:{port}": address_of(other.url) for port, other in meant.items() if other is not None}
            with contextlib.suppress(ControlFailed):  # it is ending with its program
                self._run.supervisor.control(recorder, {"op": "routes", "routes": routes})

    def check_answers_itself(self, launching: Launching) -> None:
        """Checks that the port of a real program is not answered by another process.

        Raises:
            AssertionError: it is; the message has its pid.
        """
        daemon = launching.daemon
        if daemon.direct is None or daemon.role == "keeper":
            return
        port = int(daemon.direct.rpartition(":")[2])
        if not listens(launching.process.pid, port):
            raise AssertionError(f"{daemon.role} {daemon.name!r} (pid {daemon.pid}) was started, but its port {port} is answered by {holder(port)}")
