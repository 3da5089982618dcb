"""How the keywords start programs: several at once, with their options as argv and their keys in the environment."""

from __future__ import annotations

import dataclasses
import shlex
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from robot.api import logger

from ..fleet.launch import ProgramSpec
from ..fleet.supervisor import Process, StartFailed
from ..keywords.option_arguments import split_options
from ..keywords.state import StateReader
from ..net.http_client import HttpFailure
from ..protocol.options import MASK, DaemonOptions, secret_environment, to_argv
from ..protocol.program_options import HiveOptions, HubOptions, QueenOptions, RelayOptions, WorkerOptions
from ..run.tcp_ports import free_range, is_loopback
from .assertions import UsageError
from .nodes import Nodes
from .session import Session
from .types import Daemon, State

_OPTIONS: dict[str, type[DaemonOptions]] = {
    "queen": QueenOptions,
    "hive": HiveOptions,
    "worker": WorkerOptions,
    "hub": HubOptions,
    "relay": RelayOptions,
}
_TITLES = {"worker": "mock-worker"}
_NO_HUB = "http://127.0.0.1:1"
"""Where nobody answers: a hive of a test never asks a hub that happens to run on this machine."""
_LAST_LINES = 8


@dataclass(eq=False, repr=False)
class Launching:
    """A start under way."""

    daemon: Daemon
    process: Process
    is_fake: bool
    hive_of: tuple[Process, str] | None = None
    """The fake queen that has to know where this hive is, and for which node."""


@dataclass(eq=False, repr=False)
class _Spawned:
    """How a hive's worker was asked for, so that it can be asked for again."""

    options: dict[str, Any]
    request: dict[str, Any]


class Launcher:
    """Starts programs and waits for their states."""

    def __init__(self, context: Session, states: StateReader):
        self._context = context
        self._states = states
        self.nodes = Nodes(context)
        self._spawned: dict[str, _Spawned] = {}
        self._programs: dict[str, tuple[ProgramSpec, str, bool, dict[str, Any]]] = {}

    # --- started by the nursery ---

    def begin(
        self, name: str, role: str, options: dict[str, Any], deadline: float, *, env: dict[str, str] | None = None, program: str | None = None
    ) -> Launching:
        """Starts a program without waiting until it serves."""
        self._context.check_free(name)
        options = {key: value for key, value in options.items() if value is not None}
        options["fault"] = [*options.get("fault", []), *self._context.faults.take_waiting(name)]
        port = int(options.pop("port", 0))
        if not is_loopback(str(options.get("host", "127.0.0.1"))):
            logger.warn(f"{name} listens on {options['host']}, which other machines may reach{'' if options.get('api_key') else ', and no key is asked for'}")
        declared = _OPTIONS[role]
        secrets = secret_environment(options, declared)
        shown = {key: MASK if key in _secret_names(declared) else value for key, value in options.items()}
        folder = self._context.outputs()
        environment = {"RBEE_OUTPUTS": folder, "RBEE_JOURNALS": folder, **secrets, **self.nodes.environment(), **(env or {})}
        out, err = (str(Path(folder) / f"{name}.{kind}") for kind in ("stdout", "stderr"))
        words = ["--port", "{port}", *to_argv(shown)]
        if program is None:
            planned = ProgramSpec(
                name,
                module=f"RbeeLibrary.fakes.{role}",
                argv=words,
                title=_TITLES.get(role, f"fake-{role}"),
                host=options.get("host", "127.0.0.1"),
                port=port,
                stdout=out,
                stderr=err,
                env=environment,
            )
        else:
            # A real program binds its port itself and tells nobody which one: it gets one that is free at this moment.
            options["port"] = port or free_range(1)
            planned = ProgramSpec(name, command=[program, *to_argv({"port": options["port"], **shown})], port=None, stdout=out, stderr=err, env=environment)
        return self._launch(planned, role, program is None, options, deadline)

    def begin_other(self, program: ProgramSpec, role: str, deadline: float) -> Daemon:
        """Starts a helper program that has no options of its own declared, and waits until it serves."""
        daemon = self.begin_program(program, role, deadline)
        self._await_ready(self._context.process(daemon), deadline)
        return daemon

    def begin_program(self, program: ProgramSpec, role: str, deadline: float) -> Daemon:
        """Starts a program that serves nothing."""
        self._context.check_free(program.name)
        return self._launch(program, role, True, {}, deadline).daemon

    def begin_queen(self, name: str, options: dict[str, Any], deadline: float, *, env: dict[str, str] | None = None, program: str | None = None) -> Launching:
        """Starts a queen without waiting; its registry of nodes is a file of its own, and it knows where the hives of the test's nodes will be."""
        options = {key: value for key, value in options.items() if value is not None}
        database = options.setdefault("database", str(Path(self._context.outputs()) / f"{name}-beehives.db"))
        self._context.stores[name] = database
        if program is None:
            given = options.get("node_url", [])
            options["node_url"] = [*([given] if isinstance(given, str) else given), *self.nodes.urls()]
        return self.begin(name, "queen", options, deadline, env=env, program=program)

    def with_stores(self, name: str, options: dict[str, Any], hub: str | None) -> dict[str, Any]:
        """Options of a hive with files of its own, and with the hub of that name, if one runs."""
        running = self._context.find(hub) if hub and (found := self._context.process_or_none(hub)) is not None and found.alive else None
        stores = {
            "models_db": str(Path(self._context.outputs()) / f"{name}-models.db"),
            "models_dir": str(self._context.scratch(name) / "models"),
            "hub_url": running.url if running else _NO_HUB,
            "provision": "on" if running else "off",
        }
        given = {**stores, **{key: value for key, value in options.items() if value is not None}}
        self._context.stores[name] = given["models_db"]
        return given

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
    ) -> Launching:
        """Starts a hive without waiting; a fake queen is told where it is when all serve."""
        node = options.get("node_name") or ("workstation" if name == "hive" else name)
        hive_options, worker_env = for_hive_and_workers(options)
        env = {**worker_env, **(env or {})}
        given = {"worker_ports": "0", "queen_url": queen.url if queen else "", **self.with_stores(name, hive_options, hub), "node_name": node}
        launching = self.begin(name, "hive", given, deadline, env=env, program=program)
        if queen is not None and self._is_fake(queen.name):
            launching.hive_of = (self._context.process(queen), str(node))
        return launching

    def start_again(self, name: str, deadline: float) -> Daemon:
        """Starts a program that has ended again, on its port."""
        daemon = self._context.find(name)
        if name in self._spawned:
            spawned, hive = self._spawned[name], self._context.owner_of(daemon)
            if hive is None:
                raise UsageError(f"{name} cannot be started again: the hive that started it is unknown by now")
            fresh = self.spawn_worker(name, hive, spawned.options, {**spawned.request, "port": daemon.port}, deadline)
            self.await_all([fresh], State.idle, deadline)
            return fresh
        if name not in self._programs:
            raise UsageError(f"{name} cannot be started again: this library did not start it")
        program, role, is_fake, options = self._programs[name]
        again = ProgramSpec(**{**program.as_json(), "port": daemon.port if program.port is not None else None})
        launching = self._launch(again, role, is_fake, options, deadline)
        self.finish_all([launching], State.idle, deadline)
        return launching.daemon

    def finish_all(self, started: list[Launching], until: State, deadline: float) -> None:
        """Waits until all serve and have reached a state."""
        for launching in started:
            if launching.is_fake:
                self._await_ready(launching.process, deadline)
        for launching in started:
            if launching.hive_of is not None:
                queen, node = launching.hive_of
                self._context.supervisor.control(queen, {"op": "hive-url", "node": node, "url": launching.daemon.url})
        self.await_all(
            [launching.daemon for launching in started if not launching.is_fake or launching.daemon.role == "worker" or until is not State.idle],
            until,
            deadline,
        )

    def _launch(self, program: ProgramSpec, role: str, is_fake: bool, options: dict[str, Any], deadline: float) -> Launching:
        supervisor = self._context.supervisor
        ticket = supervisor.begin(program, role)
        try:
            process = supervisor.await_start(ticket, deadline)
        except StartFailed as error:
            raise AssertionError(f"{role} {program.name!r} could not be started: {error}") from None
        port = process.port or int(options.get("port", 0))
        daemon = self._context.add(Daemon(program.name, role, f"http://{program.host}:{port}", port, process.pid))
        self._programs[program.name] = (program, role, is_fake, options)
        self._spawned.pop(program.name, None)
        if options.get("api_key"):
            self._context.known_keys[program.name] = str(options["api_key"])
        else:
            self._context.known_keys.pop(program.name, None)
        return Launching(daemon, process, is_fake)

    def _await_ready(self, process: Process, deadline: float) -> None:
        began = time.monotonic()
        try:
            self._context.supervisor.await_ready(process, deadline)
        except StartFailed as error:
            waited = f" (waited {time.monotonic() - began:.1f} s)" if process.exit_code is None else ""
            raise AssertionError(f"{process.role} {process.name!r} did not start: {error}{waited}; its last lines:\n{self.last_lines(process)}") from None

    # --- spawned by a hive ---

    def spawn_worker(self, name: str, hive: Daemon, options: dict[str, Any], request: dict[str, Any], deadline: float) -> Daemon:
        """Asks a hive for a worker, as a client does (contract 5.2)."""
        self._context.check_free(name)
        process = self._context.process(hive)
        argv = to_argv({**options, "fault": [*options.get("fault", []), *self._context.faults.take_waiting(name)]})
        if argv:
            self._context.supervisor.control(process, {"op": "worker-argv", "worker_id": name, "argv": argv})
        body = {"worker_id": name, **{key: value for key, value in request.items() if value is not None}}
        try:
            answer = self._context.ask(hive, "POST", "/v1/workers/spawn", body, limit=max(0.1, deadline - time.monotonic()))
        except HttpFailure as error:
            raise AssertionError(f"worker {name!r} could not be started: {hive} did not answer the spawn request: {error}") from None
        said = answer.object()
        if not answer.ok:
            refusal = said.get("error", {})
            lines = self._lines_of(name)
            raise AssertionError(
                f"worker {name!r} could not be started: {hive} answered {answer.status} {refusal.get('code')}: {refusal.get('message')}"
                + (f"; its last lines:\n{lines}" if lines else "")
            )
        url = str(said["url"])
        port = int(url.rpartition(":")[2])
        self._context.supervisor.await_change(lambda: (found := self._context.supervisor.find(name)) is not None and found.alive, deadline)
        found = self._context.supervisor.find(name)
        if found is None:
            raise AssertionError(f"worker {name!r} was started by {hive}, but its process did not join this run")
        self._context.supervisor.adopt(found.pid, name, "worker", port)
        self._spawned[name] = _Spawned(options, request)
        return self._context.add(Daemon(name, "worker", url, port, found.pid, hive.name))

    # --- states ---

    def await_all(self, daemons: list[Daemon], until: State, deadline: float) -> None:
        """Waits until programs have reached a state; the end of one fails at once."""
        for daemon in daemons:
            self._states.await_state(daemon, (until,), deadline, describe=partial(self.last_lines, self._context.process(daemon)))

    def last_lines(self, process: Process) -> str:
        """The last lines that a program printed."""
        return self._lines_of(process.name) or "(it printed nothing)"

    def _lines_of(self, name: str) -> str:
        return "\n".join(line for line in read_output(self._context, name).splitlines()[-_LAST_LINES:])

    def _is_fake(self, name: str) -> bool:
        return name not in self._programs or self._programs[name][2]


def for_hive_and_workers(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The hive's own of the given options, and the environment that carries the rest to its workers."""
    hive = split_options(options, HiveOptions)
    words = to_argv({name: value for name, value in options.items() if name not in hive and value is not None})
    return hive, {"RBEE_WORKER_ARGS": shlex.join(words)} if words else {}


def read_output(context: Session, name: str, kinds: tuple[str, ...] = ("stdout", "stderr")) -> str:
    """What a program printed, as far as it is in its files."""
    texts = []
    folder = output_folder(context, name)
    for kind in kinds:
        path = folder / f"{name}.{kind}"
        if path.exists():
            texts.append(path.read_text(encoding="utf-8", errors="replace"))
    return "".join(texts)


def output_folder(context: Session, name: str) -> Path:
    """Folder of a program's output: its own, or that of the hive that started it."""
    process = context.process_or_none(name)
    while process is not None and process.program is None:
        owner = next((other for other in context.supervisor.processes() if other.pid == process.ppid and other is not process), None)
        if owner is None:
            break
        process = owner
    if process is not None and process.program is not None:
        return Path(process.program.env.get("RBEE_OUTPUTS", context.outputs()))
    return Path(context.outputs())


def _secret_names(options: type[DaemonOptions]) -> set[str]:
    return {field.name for field in dataclasses.fields(options) if field.metadata["secret"]}
