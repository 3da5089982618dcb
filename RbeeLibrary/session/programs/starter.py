"""Starts what a test asks for: a whole fleet, single programs, a keeper, a restart."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ...errors import CannotJudge, UsageError
from ...protocol.keeper_options import KeeperOptions
from ...protocol.options import split_options, take_secrets
from ...protocol.program_options import HiveOptions, QueenOptions, WorkerOptions
from ...run import environment
from ...run.interruption import interruptible
from ..assertions import repeat_until
from ..inference.locust_load import LoadPlan, LocustLoad
from ..pending_faults import PendingFaults
from ..run import Run
from ..scoped_settings import ScopedSettings
from ..types import Daemon, KeeperResult, StartedFleet, State, recorder_of
from .launcher import SPAWN_FIELDS, Launcher, check_options
from .launching import Launching
from .nodes import NodeDirectory
from .outputs import BOTH, Outputs
from .programs import Programs
from .stopper import Stopper

_SPAWNS_AT_ONCE = 16
_SETTLE = 2.0
"""Seconds of real time that a failed start waits for the processes that it has asked for."""


class Starter:
    """Starts programs and waits until they serve.

    Args:
        run: where they run.
        programs: finds them by name.
        launcher: starts processes.
        stopper: ends what is restarted.
        outputs: reads what keepers print.
        nodes: what keepers need to find nodes.
        faults: faults that wait for a program to start.
        settings: the limit of a start, where none is given.

    Attributes:
        recipes: pid of a queen -> the arguments of the `start_fleet` that started it.
    """

    def __init__(
        self,
        run: Run,
        programs: Programs,
        launcher: Launcher,
        stopper: Stopper,
        outputs: Outputs,
        nodes: NodeDirectory,
        faults: PendingFaults,
        settings: ScopedSettings,
    ):
        self._run = run
        self._programs = programs
        self._launcher = launcher
        self._stopper = stopper
        self._outputs = outputs
        self._nodes = nodes
        self._faults = faults
        self._settings = settings
        self.recipes: dict[int, dict[str, Any]] = {}

    def deadline(self, timeout: float | None) -> float:
        """Monotonic time at which a start that begins now must be done."""
        return time.monotonic() + (self._settings.now.timeout if timeout is None else timeout)

    @contextlib.contextmanager
    def all_or_nothing(self, *names: str) -> Iterator[None]:
        """If the block fails, however it does, ends what it has started: the same names and faults can be used again.

        Args:
            names: of the programs that the block starts; others may start at the same time.
        """
        mine = {*names, *map(recorder_of, names)}
        before = set(self._run.supervisor.processes())
        faults = self._faults.copy()
        try:
            yield
            with interruptible():  # the last moment at which an interruption leaves nothing
                pass
        except BaseException:
            self._run.supervisor.settle_starts(_SETTLE)
            self._stopper.undo([process for process in self._run.supervisor.processes() if process not in before and process.name in mine])
            self._faults.restore(faults)
            raise

    def fleet(
        self,
        *,
        hives: int,
        workers: int,
        slots: int | None,
        prefix: str,
        timeout: float | None,
        queen: str | None,
        **options: Any,
    ) -> StartedFleet:
        """Starts a queen, hives and workers, all in parallel, and waits until all are idle.

        Args:
            hives: how many.
            workers: how many per hive.
            slots: of each worker.
            prefix: put before every name.
            timeout: limit for all of it, seconds of real time.
            queen: path of a real queen instead of the fake.
            options: options of workers, and options of hives.

        Raises:
            AssertionError: a program did not start or did not become idle.
        """
        names = [f"{prefix}hive"] if hives == 1 else [f"{prefix}hive-{number}" for number in range(1, hives + 1)]
        worker_names = [f"{prefix}worker-{number}" for number in range(1, hives * workers + 1)]
        with self.all_or_nothing(f"{prefix}queen", *names, *worker_names):
            deadline = self.deadline(timeout)
            hive_options = split_options(options, HiveOptions)
            worker_options = split_options({name: value for name, value in options.items() if name not in ("api_key", *SPAWN_FIELDS)}, WorkerOptions)
            request = {"slots": slots, **{name: options[name] for name in SPAWN_FIELDS if name in options}}
            key = split_options({"api_key": options.get("api_key")}, QueenOptions)
            first = self._launcher.begin_queen(f"{prefix}queen", key, deadline, program=queen)
            begun = [self._launcher.begin_hive(name, first.daemon, {**hive_options, **worker_options}, deadline) for name in names]
            self._launcher.finish_all([first, *begun], State.idle, deadline)
            jobs = [(worker, begun[number % hives].daemon) for number, worker in enumerate(worker_names)]
            with ThreadPoolExecutor(max_workers=_SPAWNS_AT_ONCE) as pool:
                started = list(pool.map(lambda job: self._launcher.worker_spawns.spawn(job[0], job[1], worker_options, request, deadline), jobs))
            self._launcher.await_all(started, State.idle, deadline)
            self._list_in_order(begun, started)
            fleet = StartedFleet(first.daemon, [hive.daemon for hive in begun], started)
            self.recipes[fleet.queen.pid] = {
                "hives": hives,
                "workers": workers,
                "slots": slots,
                "prefix": prefix,
                "timeout": timeout,
                "queen": queen,
                **options,
            }
            return fleet

    def _list_in_order(self, hives: list[Launching], workers: list[Daemon]) -> None:
        # Started at the same time, they would be listed by chance, and the first idle one gets the request.
        for hive in [one for one in hives if one.daemon.profile is None]:
            mine = [worker.name for worker in workers if worker.owner == hive.daemon.name]
            if len(mine) > 1:
                self._run.supervisor.control(hive.process, {"op": "workers-order", "worker_ids": mine})

    def queen(
        self,
        name: str = "queen",
        *,
        until: State = State.idle,
        timeout: float | None = None,
        env: dict[str, str] | None = None,
        program: str | None = None,
        profile: str | None = None,
        **options: Any,
    ) -> Daemon:
        """Starts a queen and waits until it is in a state."""
        with self.all_or_nothing(name):
            deadline = self.deadline(timeout)
            return self._finish(self._launcher.begin_queen(name, options, deadline, env=env, program=program, profile=profile), until, deadline)

    def hive(
        self,
        name: str = "hive",
        *,
        queen: str | None = "queen",
        hub: str | None = "hub",
        until: State = State.idle,
        timeout: float | None = None,
        env: dict[str, str] | None = None,
        program: str | None = None,
        profile: str | None = None,
        **options: Any,
    ) -> Daemon:
        """Starts a hive and waits until it is in a state; a queen that does not run is left out."""
        with self.all_or_nothing(name):
            deadline = self.deadline(timeout)
            running = queen is not None and (process := self._programs.process_or_none(queen)) is not None and process.alive
            reports_to = self._programs.find(queen) if running and queen else None
            return self._finish(
                self._launcher.begin_hive(name, reports_to, options, deadline, hub=hub, env=env, program=program, profile=profile),
                until,
                deadline,
            )

    def worker(
        self,
        name: str = "worker-1",
        *,
        hive: str | None = "hive",
        slots: int | None = None,
        until: State = State.idle,
        timeout: float | None = None,
        env: dict[str, str] | None = None,
        program: str | None = None,
        profile: str | None = None,
        **options: Any,
    ) -> Daemon:
        """Starts a worker, below a hive or alone, and waits until it is in a state."""
        with self.all_or_nothing(name):
            deadline = self.deadline(timeout)
            if hive is None:
                return self.daemon(
                    name, "worker", until=until, deadline=deadline, env=env, program=program, profile=profile, **options, slots=slots, worker_id=name
                )
            given = {key: value for key, value in options.items() if key != "api_key"}
            request = {key: given.pop(key) for key in (*SPAWN_FIELDS, "port") if key in given}
            daemon = self._launcher.worker_spawns.spawn(name, self._programs.find(hive), given, {**request, "slots": slots}, deadline)
            self._launcher.await_all([daemon], until, deadline)
            return daemon

    def daemon(
        self,
        name: str,
        role: str,
        *,
        until: State = State.idle,
        deadline: float,
        env: dict[str, str] | None = None,
        program: str | None = None,
        profile: str | None = None,
        **options: Any,
    ) -> Daemon:
        """Starts a program of a role and waits until it is in a state."""
        with self.all_or_nothing(name):
            return self._finish(self._launcher.begin(name, role, options, deadline, env=env, program=program, profile=profile), until, deadline)

    def keeper(
        self,
        arguments: list[str],
        name: str,
        *,
        api_key: str | None = None,
        timeout: float | None = None,
        env: dict[str, str] | None = None,
        program: str | None = None,
        profile: str | None = None,
    ) -> Daemon:
        """Starts a keeper and does not wait for its end.

        Args:
            arguments: words of its command line; keys among them reach it through its environment.
            name: for other calls.
            api_key: key in its environment.
            timeout: limit of its start, seconds of real time.
            env: further environment variables.
            program: path of a real keeper instead of the fake.
            profile: of the real keeper; None = by its file name.
        """
        with self.all_or_nothing(name):
            if not arguments:
                raise UsageError("the keeper needs a command, such as: Run Keeper    workers    list")
            home = Path(self._run.outputs()) / f"{name}-home"
            home.mkdir(mode=0o700, exist_ok=True)
            queen = self._programs.find("queen") if self._programs.process_or_none("queen") is not None else None
            words, keys = take_secrets(arguments, KeeperOptions)
            variables = {
                "HOME": str(home),
                "RBEE_HIVE_ARGS": "--worker-ports 0",
                "RBEE_QUEEN_ARGS": shlex.join(word for url in self._nodes.urls() for word in ("--node-url", url)),
                **({"RBEE_QUEEN_URL": queen.url} if queen is not None else {}),
                **self._nodes.environment(),
                **({environment.API_KEY: api_key} if api_key else {}),
                **(env or {}),
                **keys,
            }
            return self._launcher.begin_command(name, "keeper", words, variables, self.deadline(timeout), program=program, profile=profile)

    def run_keeper(
        self,
        arguments: list[str],
        limit: float,
        *,
        api_key: str | None = None,
        env: dict[str, str] | None = None,
        program: str | None = None,
        profile: str | None = None,
    ) -> KeeperResult:
        """Runs a keeper to its end.

        Args:
            arguments: words of its command line.
            limit: seconds of real time.
            api_key: key in its environment.
            env: further environment variables.
            program: path of a real keeper instead of the fake.
            profile: of the real keeper; None = by its file name.

        Raises:
            AssertionError: it did not end within the limit, and was killed.
        """
        name = "keeper"
        before = [len(self._outputs.read(name, (stream,))) for stream in BOTH]
        with self.all_or_nothing(name):
            self.keeper(arguments, name, api_key=api_key, env=env, program=program, profile=profile)
            process = self._programs.process(name)
            code = self._stopper.await_code(process, limit)
            if code is None:
                self._stopper.force(process)
                raise AssertionError(f"the keeper did not end within {limit:g} s and got SIGKILL; its last lines:\n{self._launcher.last_lines(process)}")
        out, err = (self._outputs.read(name, (stream,))[size:] for stream, size in zip(BOTH, before, strict=True))
        return KeeperResult(code, out, err)

    def restart(self, name: str, timeout: float | None, **options: Any) -> Daemon:
        """Stops a program if it runs, and starts it again on its port.

        Args:
            name: of the program.
            timeout: limit for each of stop and start, seconds of real time.
            options: that are new; the others are as before.

        Raises:
            AssertionError: it did not end or did not start in time.
        """
        check_options(self._programs.find(name), options)
        if self._programs.process(name).alive:
            self.stop(name, timeout)
        with self.all_or_nothing(name):
            return self._launcher.start_again(name, self.deadline(timeout), options)

    def load(self, name: str, target: Daemon, plan: LoadPlan) -> LocustLoad:
        """Starts Locust; it makes load until it is stopped.

        Raises:
            UsageError: Locust is not installed.
            AssertionError: it could not be started.
        """
        self._programs.check_free(name)
        load = LocustLoad(name, Path(self._run.outputs()))
        with self.all_or_nothing(name):
            spec = load.program(plan, target, self._programs.key_of(target), self._launcher.files(name))
            deadline = self.deadline(None)
            process = self._launcher.launch(spec, "load", False, {}, deadline).process
            left = deadline - time.monotonic()
            if not repeat_until(load.started.exists, lambda begun: begun or not process.alive, left, self._run.supervisor.await_news):
                raise AssertionError(f"{load} has not begun within {left:.1f} s; its last lines:\n{self._launcher.last_lines(process)}")
        return load

    def rotate_key(self, name: str, key: str) -> None:
        """Changes the API key of a fake while it runs.

        Raises:
            CannotJudge: it is a real program.
        """
        daemon = self._programs.find(name)
        if daemon.profile is not None:
            raise CannotJudge(f"{name} is a real program, whose key cannot be changed while it runs: start it again with another environment")
        self._run.supervisor.control(self._programs.process(name), {"op": "api-key", "key": key})
        self._programs.set_key(name, key)

    def stop(self, name: str | Daemon, timeout: float | None) -> int:
        """Stops a program gracefully and returns its exit code.

        Raises:
            AssertionError: it did not end in time and was killed.
        """
        process = self._programs.process(name)
        limit = self._settings.now.timeout if timeout is None else timeout
        code = self._stopper.stop(process, limit)
        if code is None:
            raise AssertionError(f"{name} did not end within {limit:g} s of SIGTERM and got SIGKILL; its last lines:\n{self._launcher.last_lines(process)}")
        return code

    def _finish(self, launching: Launching, until: State, deadline: float) -> Daemon:
        self._launcher.finish_all([launching], until, deadline)
        return launching.daemon
