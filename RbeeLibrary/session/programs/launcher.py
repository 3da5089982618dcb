"""Starts programs: several at once, with their options as argv and their keys in the environment."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import StartFailed, UsageError
from ...fleet.launch import ProgramSpec
from ...fleet.supervisor import Process
from ...protocol.options import MASK, DaemonOptions, secret_environment, secret_names, to_argv
from ...protocol.profiles import profile_of
from ...protocol.program_options import HiveOptions, HubOptions, QueenOptions, RelayOptions, WorkerOptions, for_hive_and_workers
from ...run import environment
from ...run.tcp_ports import http_url, is_loopback
from ..network.partitions import Partitions
from ..pending_faults import PendingFaults
from ..real.real_hive import RealHive
from ..real.real_programs import RealProgram, RealPrograms
from ..real.real_time import RealTime
from ..run import Run
from ..types import Daemon, State
from .launching import Launching
from .nodes import NodeDirectory
from .outputs import Outputs
from .programs import Programs
from .states import StateReader
from .store_files import StoreFiles, node_row
from .worker_spawns import WorkerSpawns

_OPTIONS: dict[str, type[DaemonOptions]] = {
    "queen": QueenOptions,
    "hive": HiveOptions,
    "worker": WorkerOptions,
    "hub": HubOptions,
    "relay": RelayOptions,
}
_TITLES = {"worker": "mock-worker"}
_NO_HUB = "http://127.0.0.1:1"
"""Nobody answers there: a hive of a test never asks a hub that happens to run on this machine."""
SPAWN_FIELDS = ("model_ref", "backend", "device")
"""Options of a worker that a client asks its hive for."""


class Launcher:
    """Starts programs and waits for their states. All limits are deadlines on the machine's monotonic clock.

    Args:
        run: starts the processes.
        programs: registers them by name.
        states: reads their states.
        outputs: reads what they print.
        nodes: tells queens and keepers where nodes are.
        faults: faults that wait for a program to start.
        warn: takes a warning for the log.
        clocks: of real programs.

    Attributes:
        stores: name of a queen or hive -> path of its SQLite file.
        real: starts real programs.
    """

    def __init__(
        self,
        run: Run,
        programs: Programs,
        states: StateReader,
        outputs: Outputs,
        nodes: NodeDirectory,
        faults: PendingFaults,
        warn: Callable[[str], None],
        clocks: RealTime,
        partitions: Partitions,
    ):
        self._run = run
        self._registry = programs
        self._states = states
        self._outputs = outputs
        self._nodes = nodes
        self._faults = faults
        self._warn = warn
        self.stores: dict[str, str] = {}
        self._launched: dict[str, tuple[ProgramSpec, str, bool, dict[str, Any]]] = {}
        self.real = RealPrograms(run, programs, nodes, faults, self, clocks)
        self._partitions = partitions
        self._hives_of: dict[tuple[str, str], str] = {}
        self.worker_spawns = WorkerSpawns(run, programs, outputs, faults, self._style_of_workers)

    # --- started by the nursery ---

    def begin(
        self,
        name: str,
        role: str,
        options: dict[str, Any],
        deadline: float,
        *,
        env: dict[str, str] | None = None,
        program: str | None = None,
        profile: str | None = None,
    ) -> Launching:
        """Starts a program without waiting until it serves.

        Args:
            name: of the program.
            role: queen, hive, worker, hub or relay.
            options: its options by field name; None = not given.
            deadline: of its start.
            env: further environment variables.
            program: path of a real program instead of the fake.
            profile: of the real program; None = by its file name.
        """
        self._registry.check_free(name)
        options = {key: value for key, value in options.items() if value is not None}
        if (program := self.real.chosen(role, program)) is not None:
            return self.real.begin(RealProgram(name, profile_of(role, program, profile), program, options, env or {}), deadline)
        options["fault"] = [*options.get("fault", []), *self._faults.take(name)]
        port = int(options.pop("port", 0))
        if not is_loopback(str(options.get("host", "127.0.0.1"))):
            self._warn(f"{name} listens on {options['host']}, which other machines may reach{'' if options.get('api_key') else ', and no key is asked for'}")
        declared = _OPTIONS[role]
        shown = {key: MASK if key in secret_names(declared) else value for key, value in options.items()}
        files = self.files(name)
        variables = {**secret_environment(options, declared), **self._nodes.environment(), **(env or {})}
        spec = ProgramSpec(
            name,
            module=f"RbeeLibrary.fakes.{role}",
            argv=["--port", "{port}", *to_argv(shown)],
            title=_TITLES.get(role, f"fake-{role}"),
            host=options.get("host", "127.0.0.1"),
            port=port,
            **files,
        )
        spec.env.update(variables)
        return self.launch(spec, role, True, options, deadline)

    def begin_helper(self, name: str, role: str, module: str, argv: list[str], deadline: float) -> Daemon:
        """Starts a helper program, one without declared options, and waits until it serves."""
        spec = ProgramSpec(name, module=module, argv=argv, title=f"fake-{role}", **self.files(name))
        launching = self.launch(spec, role, True, {}, deadline)
        self.await_ready(launching.process, deadline)
        return launching.daemon

    def begin_command(
        self, name: str, role: str, argv: list[str], env: dict[str, str], deadline: float, *, program: str | None = None, profile: str | None = None
    ) -> Daemon:
        """Starts a program that serves nothing, such as a keeper."""
        files = self.files(name)
        if (program := self.real.chosen(role, program)) is not None:
            return self.real.begin(RealProgram(name, profile_of(role, program, profile), program, {}, env, tuple(argv)), deadline).daemon
        spec = ProgramSpec(name, module=f"RbeeLibrary.fakes.{role}", argv=argv, title=f"fake-{role}", port=None, **files)
        spec.env.update(env)
        return self.launch(spec, role, True, {}, deadline).daemon

    def begin_queen(
        self,
        name: str,
        options: dict[str, Any],
        deadline: float,
        *,
        env: dict[str, str] | None = None,
        program: str | None = None,
        profile: str | None = None,
    ) -> Launching:
        """Starts a queen with a registry file of its own; it knows where the hives of the session's nodes will be."""
        options = {key: value for key, value in options.items() if value is not None}
        self.stores[name] = options.setdefault("database", str(Path(self._run.outputs()) / f"{name}-beehives.db"))
        if (program := self.real.chosen("queen", program)) is None:
            given = options.get("node_url", [])
            options["node_url"] = [*([given] if isinstance(given, str) else given), *self._nodes.urls()]
        return self.begin(name, "queen", options, deadline, env=env, program=program, profile=profile)

    def begin_hive(
        self,
        name: str,
        queen: Daemon | None,
        options: dict[str, Any],
        deadline: float,
        *,
        hub: str | None = "hub",
        env: dict[str, str] | None = None,
        program: str | None = None,
        profile: str | None = None,
    ) -> Launching:
        """Starts a hive with files of its own; a fake queen is told where it is when all serve."""
        node = options.get("node_name") or ("workstation" if name == "hive" else name)
        hive_options, worker_env = for_hive_and_workers(options)
        if queen is not None:
            self._check_node_free(name, queen, str(node))
        given = {"worker_ports": "0", "queen_url": queen.url if queen else "", **self.with_stores(name, hive_options, hub), "node_name": node}
        surroundings: RealHive | None = None
        if (program := self.real.chosen("hive", program)) is not None and not profile_of("hive", program, profile).switches:
            profile = profile_of("hive", program, profile).name
            given = {key: value for key, value in hive_options.items() if key not in ("node_name", "worker_binary", "worker_args")}
            surroundings = RealHive(self._run.scratch(name))
            program = surroundings.install(program, hive_options.get("worker_binary") or self.real.judged.get("worker"))
            worker_env["HOME"] = str(surroundings.home)
            self.stores[name] = str(surroundings.database)
        launching = self.begin(name, "hive", given, deadline, env={**worker_env, **(env or {})}, program=program, profile=profile)
        if surroundings is not None:
            surroundings.serves(launching.daemon.url)
            self.worker_spawns.note_real_hive(name, surroundings)
        launching.daemon.node = str(node)
        if queen is not None and self._is_fake(queen.name):
            launching.hive_of = (self._registry.process(queen), str(node))
        elif queen is not None and queen.name in self.stores:
            launching.node_of = (queen.name, str(node))
        return launching

    def _check_node_free(self, name: str, queen: Daemon, node: str) -> None:
        other = self._hives_of.get((queen.name, node))
        if other is not None and other != name and (process := self._registry.process_or_none(other)) is not None and process.alive:
            raise UsageError(f"node {node} of {queen.name} has the hive {other} already: give {name} another node_name=, or stop {other} first")
        self._hives_of[queen.name, node] = name

    def with_stores(self, name: str, options: dict[str, Any], hub: str | None) -> dict[str, Any]:
        """Options of a hive with files of its own, and with the hubs of these names that run: the first one is its hub, the others are mirrors."""
        running = [self._registry.find(one).url for name in (hub or "").split(",") if (one := name.strip()) and self._is_alive(one)]
        stores = {
            "models_db": str(Path(self._run.outputs()) / f"{name}-models.db"),
            "models_dir": str(self._run.scratch(name) / "models"),
            "hub_url": running[0] if running else _NO_HUB,
            "mirror": running[1:],
            "provision": "on" if running else "off",
        }
        given = {**stores, **{key: value for key, value in options.items() if value is not None}}
        self.stores[name] = given["models_db"]
        return given

    def _is_alive(self, name: str) -> bool:
        process = self._registry.process_or_none(name)
        return process is not None and process.alive

    def start_again(self, name: str, deadline: float, options: dict[str, Any]) -> Daemon:
        """Starts a program that has ended again, on its port.

        Args:
            name: of the program.
            deadline: of its start.
            options: that are new, by field name; the others are as before.

        Raises:
            UsageError: the session did not start it, or its hive is unknown by now.
        """
        daemon = self._registry.find(name)
        asked = (*SPAWN_FIELDS, "slots")
        request = {key: options[key] for key in asked if key in options}
        own = {key: value for key, value in options.items() if key not in asked}
        if (fresh := self.worker_spawns.spawn_again(daemon, deadline, own, request)) is not None:
            self.await_all([fresh], State.idle, deadline)
            return fresh
        if name not in self._launched:
            raise UsageError(f"{name} cannot be started again: this library did not start it")
        spec, role, is_fake, before = self._launched[name]
        if (real := self.real.known(name)) is not None:
            launching = self.real.begin(replace(real, options={**real.options, **options}), deadline, daemon.port)
            self.finish_all([launching], State.idle, deadline)
            return launching.daemon
        if options:
            launching = self._begin_changed(daemon, spec, before, options, deadline)
        else:
            again = ProgramSpec(**{**spec.as_json(), "port": daemon.port if spec.port is not None else None})
            launching = self.launch(again, role, is_fake, before, deadline)
        self.finish_all([launching], State.idle, deadline)
        if role == "queen" and is_fake:
            self._tell_hives(launching)
        return launching.daemon

    def _begin_changed(self, daemon: Daemon, spec: ProgramSpec, before: dict[str, Any], options: dict[str, Any], deadline: float) -> Launching:
        """Begins a fake again with some other options; those of a hive's workers are added to what it gave them before."""
        own, of_workers = for_hive_and_workers(options) if daemon.role == "hive" else (options, {})
        kept = {key: value for key, value in spec.env.items() if key not in secret_environment({**before, **own}, _OPTIONS[daemon.role])}
        env = {**kept, **{key: f"{kept[key]} {value}" if key in kept else value for key, value in of_workers.items()}}
        given = {**before, "port": daemon.port, **own}
        return self.begin(daemon.name, daemon.role, {key: value for key, value in given.items() if value is not None}, deadline, env=env)

    def _tell_hives(self, queen: Launching) -> None:
        """Tells a queen that was started again where the hives are that its predecessor knew."""
        for (name, node), hive in self._hives_of.items():
            if name == queen.daemon.name and (process := self._registry.process_or_none(hive)) is not None and process.alive:
                self._tell_hive(queen.process, node, self._registry.find(hive))

    def _tell_hive(self, queen: Process, node: str, hive: Daemon) -> None:
        self._run.supervisor.control(queen, {"op": "hive-url", "node": node, "url": hive.url})

    def finish_all(self, started: list[Launching], until: State, deadline: float) -> None:
        """Waits until all serve and have reached a state."""
        for launching in started:
            if launching.is_fake:
                self.await_ready(launching.process, deadline)
        self.await_all(
            [launching.daemon for launching in started if not launching.is_fake or launching.daemon.role == "worker" or until is not State.idle],
            until,
            deadline,
        )
        for launching in started:
            if launching.hive_of is not None:
                self._tell_hive(*launching.hive_of, launching.daemon)
            if launching.node_of is not None:
                queen, node = launching.node_of
                StoreFiles(self.stores).insert(queen, "beehives", node_row(node, self._run.coordinator.clock.wall()))
            if launching.is_fake and launching.daemon.role == "hive":
                self._tell_faults(launching.process)
        for launching in started:
            if not launching.is_fake:
                self.real.check_answers_itself(launching)

    def _tell_faults(self, hive: Process) -> None:
        """Tells a hive the faults that wait for programs: it may start one of them by itself, for a client that asks it."""
        for name, specs in self._faults.copy().items():
            argv = [word for spec in specs for word in ("--fault", spec)]
            self._run.supervisor.control(hive, {"op": "worker-argv", "worker_id": name, "argv": argv})

    def files(self, name: str) -> dict[str, Any]:
        """Where a program prints to and writes its journal, as arguments of `ProgramSpec`."""
        folder = self._run.outputs()
        return {
            "stdout": str(Path(folder) / f"{name}.stdout"),
            "stderr": str(Path(folder) / f"{name}.stderr"),
            "env": {environment.OUTPUTS: folder, environment.JOURNALS: folder},
        }

    def launch(self, spec: ProgramSpec, role: str, is_fake: bool, options: dict[str, Any], deadline: float) -> Launching:
        """Starts one process, without waiting until it serves.

        Args:
            spec: of the process.
            role: of the program.
            is_fake: whether it is one of this package.
            options: of the program.
            deadline: of its start.

        Raises:
            AssertionError: it could not be started.
        """
        self._registry.check_free(spec.name)
        supervisor = self._run.supervisor
        spec.env.pop(environment.UNREACHABLE, None)  # of an earlier start
        spec.env.update(self._partitions.environment(spec.name))
        try:
            process = supervisor.await_start(supervisor.begin(spec, role), deadline)
        except StartFailed as error:
            raise AssertionError(f"{role} {spec.name!r} could not be started: {error}") from None
        port = process.port or int(options.get("port", 0))
        daemon = self._registry.add(Daemon(spec.name, role, http_url(spec.host, port), port, process.pid, leads_to=options.get("to")))
        self._launched[spec.name] = (spec, role, is_fake, options)
        self.worker_spawns.forget(spec.name)
        self._registry.set_key(spec.name, str(options["api_key"]) if options.get("api_key") else None)
        self.real.forget(spec.name)
        if role in ("queen", "hive", "hub"):
            self.real.send_routes()
        return Launching(daemon, process, is_fake)

    def await_ready(self, process: Process, deadline: float) -> None:
        """Waits until a program of this package says that it serves.

        Raises:
            AssertionError: it did not; the message has its last lines.
        """
        began = time.monotonic()
        try:
            self._run.supervisor.await_ready(process, deadline)
        except StartFailed as error:
            waited = f" (waited {time.monotonic() - began:.1f} s)" if process.exit_code is None else ""
            raise AssertionError(f"{process.role} {process.name!r} did not start: {error}{waited}; its last lines:\n{self.last_lines(process)}") from None

    # --- states ---

    def await_all(self, daemons: list[Daemon], until: State, deadline: float) -> None:
        """Waits until programs have reached a state; the end of one fails at once."""
        self._partitions.follow()
        for daemon in daemons:
            self._states.await_state(daemon, (until,), deadline, describe=partial(self.last_lines, self._registry.process(daemon)))

    def last_lines(self, process: Process) -> str:
        """The last lines that a program printed."""
        return self._outputs.last_lines(process.name) or "(it printed nothing)"

    def _style_of_workers(self, hive: str) -> str:
        return str(self._launched[hive][3].get("worker_args", "fake")) if hive in self._launched else "fake"

    def _is_fake(self, name: str) -> bool:
        return name not in self._launched or self._launched[name][2]


def check_options(daemon: Daemon, options: dict[str, Any]) -> None:
    """Checks options with which a program is to be started again: those of its role, of a hive also those of its workers.

    Raises:
        UsageError: it has no such option.
    """
    declared = [_OPTIONS[daemon.role], *([WorkerOptions] if daemon.role == "hive" else [])] if daemon.role in _OPTIONS else []
    known = {field.name for one in declared for field in fields(one)}
    for name in options:
        if name not in known:
            raise UsageError(f"{daemon}, a {daemon.role}, has no option {name}: expected one of {', '.join(sorted(known)) or 'none'}")
