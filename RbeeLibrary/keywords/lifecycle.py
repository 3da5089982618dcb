"""The group Lifecycle: starting, stopping, killing, freezing, restarting."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ..fleet.supervisor import ending
from ..protocol.program_options import HiveOptions, QueenOptions, WorkerOptions
from ..session.assertions import Check, UsageError
from ..session.launcher import Launcher, Launching
from ..session.session import Session, is_none, seconds
from ..session.stopper import Stopper
from ..session.types import Daemon, Fleet, ProgramName, State
from .option_arguments import option_values, split_options, takes_options

_IDENTITY = ("worker_id", "callback_url", "journal", "die_with_parent", "addr", "node_name", "config", "advertise_host")
_HIVE = ("journal", "die_with_parent", "addr", "worker_id", "callback_url", "advertise_host")
_QUEEN = ("journal", "die_with_parent", "config", "api_key")
_WORKER_OF_A_FLEET = (*_IDENTITY, "port", "queen_url", "host", "api_key", "report_version", "max_lifetime", "keep_alive", "slots")


class LifecycleKeywords:
    """Starts and ends programs."""

    def __init__(self, context: Session, launcher: Launcher, endings: Stopper):
        self._context = context
        self._launcher = launcher
        self._endings = endings

    @keyword
    @takes_options(WorkerOptions, HiveOptions, skip=_WORKER_OF_A_FLEET)
    def start_fleet(
        self,
        *,
        hives: int = 1,
        workers: int = 0,
        slots: int | None = None,
        api_key: str | Secret | None = None,
        prefix: str = "",
        timeout: timedelta | None = None,
        **options: Any,
    ) -> Fleet:
        """Starts a queen, hives and workers, all in parallel, and waits until all are idle.

        The queen is called `queen`, a single hive `hive` (several: `hive-1`, `hive-2`), the workers `worker-1`, `worker-2`, counted over all hives.
        Options of workers go to every worker, options of hives to every hive.

        Args:
            hives: How many hives.
            workers: How many workers each hive starts.
            slots: Requests at the same time of each worker. Default: 1. Contract 6.1.
            api_key: Key that all of them need and use, as text or Secret. Contract 14.
            prefix: Put before every name, so that a second fleet can run beside the first.
            timeout: Limit for all of it in real time; the default is the library's.

        Returns:
            The fleet with `queen`, `hives` and `workers`.

        Raises:
            AssertionError: something did not start or did not get idle; the message has its exit code and last lines.
        """
        given = option_values({**options, "api_key": api_key})
        deadline = self._deadline(timeout)
        hive_options = split_options(given, HiveOptions)
        worker_options = split_options(
            {name: value for name, value in given.items() if name not in ("api_key", "model_ref", "backend", "device")}, WorkerOptions
        )
        request: dict[str, Any] = {name: given[name] for name in ("model_ref", "backend", "device") if name in given}
        queen = self._launcher.begin_queen(f"{prefix}queen", split_options({"api_key": given.get("api_key")}, QueenOptions), deadline)
        begun = []
        for number in range(1, hives + 1):
            name = f"{prefix}hive" if hives == 1 else f"{prefix}hive-{number}"
            begun.append(self._launcher.begin_hive(name, queen.daemon, {**hive_options, **worker_options}, deadline))
        self._launcher.finish_all([queen, *begun], State.idle, deadline)
        jobs = [(f"{prefix}worker-{number + 1}", begun[number % hives].daemon) for number in range(hives * workers)] if hives else []
        with ThreadPoolExecutor(max_workers=max(1, min(16, len(jobs)))) as pool:
            started = list(pool.map(lambda job: self._launcher.spawn_worker(job[0], job[1], worker_options, {**request, "slots": slots}, deadline), jobs))
        self._launcher.await_all(started, State.idle, deadline)
        for hive in begun:  # started at the same time, they would be listed by chance, and the first one idle gets the request
            mine = [worker.name for worker in started if worker.owner == hive.daemon.name]
            if len(mine) > 1:
                self._context.supervisor.control(hive.process, {"op": "workers-order", "worker_ids": mine})
        fleet = Fleet(queen.daemon, [hive.daemon for hive in begun], started)
        self._context.recipes[fleet.queen.pid] = {
            "hives": hives,
            "workers": workers,
            "slots": slots,
            "api_key": api_key,
            "prefix": prefix,
            "timeout": timeout,
            **options,
        }
        logger.info(f"started {fleet.queen}, {', '.join(str(daemon) for daemon in [*fleet.hives, *fleet.workers]) or 'no hive'}")
        return fleet

    @keyword
    @takes_options(QueenOptions, skip=_QUEEN)
    def start_queen(
        self,
        name: ProgramName = "queen",  # type: ignore[assignment]
        *,
        api_key: str | Secret | None = None,
        until: State = State.idle,
        timeout: timedelta | None = None,
        env: dict[str, str] | None = None,
        program: str | None = None,
        **options: Any,
    ) -> Daemon:
        """Starts a queen and waits until it serves.

        Args:
            name: Name for other keywords.
            api_key: Key that it needs, as text or Secret. Contract 14.
            until: State to wait for.
            timeout: Limit in real time; the default is the library's.
            env: Further environment variables.
            program: Path of a real queen instead of the fake one.

        Returns:
            The queen with `url`, `port`, `pid`, `name`, `role`.

        Raises:
            AssertionError: it did not start; the message has its exit code and last lines.
        """
        deadline = self._deadline(timeout)
        given = option_values({**options, "api_key": api_key})
        return self._finish(self._launcher.begin_queen(name, given, deadline, env=env, program=program), until, deadline)

    @keyword
    @takes_options(HiveOptions, WorkerOptions, skip=_HIVE)
    def start_hive(
        self,
        name: ProgramName = "hive",  # type: ignore[assignment]
        *,
        queen: str | None = "queen",
        hub: str | None = "hub",
        node_name: str | None = None,
        api_key: str | Secret | None = None,
        until: State = State.idle,
        timeout: timedelta | None = None,
        env: dict[str, str] | None = None,
        program: str | None = None,
        **options: Any,
    ) -> Daemon:
        """Starts a hive and waits until it serves.

        A queen that runs under the given name is told where the node's hive is. Workers get free ports of the system's choice unless `worker_ports` is given.
        Options of workers, such as `load_time`, are for every worker that it starts, whoever asks for it.

        Args:
            name: Name for other keywords.
            queen: Name of the queen that it reports to; `None`, or a queen that does not run, for a hive without one.
            hub: Name of the model hub that it provisions from; while none of this name runs, provisioning is off: any model reference is taken.
            node_name: Name of its node at the queen; default `workstation` for the hive called `hive`, else the hive's name.
            api_key: Key that it needs and gives its workers, as text or Secret. Contract 14.
            until: State to wait for.
            timeout: Limit in real time; the default is the library's.
            env: Further environment variables.
            program: Path of a real hive instead of the fake one.

        Returns:
            The hive with `url`, `port`, `pid`, `name`, `role`.

        Raises:
            AssertionError: it did not start; the message has its exit code and last lines.
        """
        deadline = self._deadline(timeout)
        running = queen is not None and not is_none(queen) and (process := self._context.process_or_none(queen)) is not None and process.alive
        given = option_values({**options, "api_key": api_key, "node_name": node_name})
        launching = self._launcher.begin_hive(
            name, self._context.find(queen) if running and queen else None, given, deadline, hub=hub, env=env, program=program
        )
        return self._finish(launching, until, deadline)

    @keyword
    @takes_options(WorkerOptions, skip=("worker_id", "journal", "die_with_parent", "slots"))
    def start_worker(
        self,
        name: ProgramName = "worker-1",  # type: ignore[assignment]
        *,
        hive: str | None = "hive",
        slots: int | None = None,
        api_key: str | Secret | None = None,
        until: State = State.idle,
        timeout: timedelta | None = None,
        env: dict[str, str] | None = None,
        program: str | None = None,
        **options: Any,
    ) -> Daemon:
        """Starts a worker and waits until it is idle.

        A hive spawns it as a client would ask it to (POST `/v1/workers/spawn`), so the worker is the hive's child. With `hive=None` it stands alone.

        Args:
            name: Name for other keywords; also its worker id.
            hive: Name of the hive that spawns it, or `None`.
            slots: Requests at the same time. Default: 1. Contract 6.1.
            api_key: Key that a worker that stands alone needs; one below a hive gets the hive's. As text or Secret. Contract 14.
            until: State to wait for; `loading` for a worker with a load time that is to be watched.
            timeout: Limit in real time; the default is the library's.
            env: Further environment variables, for a worker that stands alone.
            program: Path of a real worker instead of the fake one, for a worker that stands alone.

        Returns:
            The worker with `url`, `port`, `pid`, `name`, `role`.

        Raises:
            AssertionError: it did not start; the message has its exit code and last lines.
        """
        deadline = self._deadline(timeout)
        if is_none(hive):
            return self._start(name, "worker", {**options, "slots": slots, "api_key": api_key, "worker_id": name}, until, timeout, env, program)
        given = option_values(options)
        request: dict[str, Any] = {key: given.pop(key) for key in ("model_ref", "backend", "device", "port") if key in given}
        daemon = self._launcher.spawn_worker(name, self._context.find(str(hive)), given, {**request, "slots": slots}, deadline)
        self._launcher.await_all([daemon], until, deadline)
        logger.info(f"started {daemon}, pid {daemon.pid}, {daemon.url}")
        return daemon

    @keyword
    def stop(self, name: str | Daemon, *, timeout: timedelta | None = None) -> int:
        """Stops a program gracefully (SIGTERM) and waits for its end.

        A frozen one is resumed first, a clock that stands still goes on meanwhile. What does not end within the time-out gets SIGKILL, and the keyword fails.

        Args:
            name: Name or object of a program.
            timeout: Limit in real time; the default is the library's.

        Returns:
            Its exit code.

        Raises:
            AssertionError: it did not end in time.
        """
        process = self._context.process(name)
        limit = seconds(timeout, self._context.settings.now.timeout)
        with self._context.going_clock():
            if process.frozen:
                self._endings.send(process, signal.SIGCONT)
            self._endings.send(process, signal.SIGTERM)
            code = self._endings.await_code(process, limit)
        if code is None:
            self._endings.force(process)
            raise AssertionError(f"{name} did not end within {limit:g} s of SIGTERM and got SIGKILL; its last lines:\n{self._launcher.last_lines(process)}")
        logger.info(f"{name} {ending(code)}")
        return code

    @keyword
    def kill(self, name: str | Daemon, *, timeout: timedelta | None = None) -> int:
        """Kills a program (SIGKILL) and waits for its end.

        Args:
            name: Name or object of a program.
            timeout: Limit in real time; the default is the library's.

        Returns:
            Its exit code, -9.

        Raises:
            UsageError: it has ended already.
        """
        process = self._context.process(name)
        self._send(name, signal.SIGKILL)
        code = self._endings.await_code(process, seconds(timeout, self._context.settings.now.timeout))
        if code is None:
            raise AssertionError(f"{name} is still there after SIGKILL")
        logger.info(f"{name} (pid {process.pid}) {ending(code)}")
        return code

    @keyword
    def terminate(self, name: str | Daemon) -> None:
        """Sends SIGTERM to a program and does not wait.

        Args:
            name: Name or object of a program.
        """
        self._send(name, signal.SIGTERM)

    @keyword
    def interrupt(self, name: str | Daemon) -> None:
        """Sends SIGINT (Ctrl+C) to a program and does not wait.

        Args:
            name: Name or object of a program.
        """
        self._send(name, signal.SIGINT)

    @keyword
    def freeze(self, name: str | Daemon) -> None:
        """Freezes a program (SIGSTOP) and waits until all its threads stand still.

        Args:
            name: Name or object of a program.
        """
        process = self._context.process(name)
        self._send(name, signal.SIGSTOP)
        self._context.verify(f"{name} frozen", lambda: process.frozen, Check("==", True, timedelta(seconds=self._context.settings.now.timeout)))

    @keyword
    def resume(self, name: str | Daemon) -> None:
        """Resumes a frozen program (SIGCONT).

        Args:
            name: Name or object of a program.
        """
        self._send(name, signal.SIGCONT)

    @keyword
    def restart(self, name: str | Daemon, *, timeout: timedelta | None = None) -> Daemon:
        """Stops a program if it runs, and starts it again on the same port, with the same options and files.

        A worker that a hive started is spawned by that hive again.

        Args:
            name: Name or object of a program.
            timeout: Limit for stop and start each, in real time; the default is the library's.

        Returns:
            The new daemon; its `pid` is another one.
        """
        if self._context.process(name).alive:
            self.stop(name, timeout=timeout)
        daemon = self._launcher.start_again(str(name), self._deadline(timeout))
        logger.info(f"restarted {daemon}, pid {daemon.pid}, {daemon.url}")
        return daemon

    @keyword
    def stop_all(self, *, timeout: timedelta | None = None) -> None:
        """Stops everything gracefully: queens and hives, which end their workers, and what stands alone.

        What does not end within the time-out gets SIGKILL.

        Args:
            timeout: Limit in real time; the default is the library's.
        """
        stopped = self._endings.end(self._context.supervisor.alive(), seconds(timeout, self._context.settings.now.timeout))
        logger.info(f"stopped {', '.join(process.name for process in stopped.ended) or 'nothing'}")

    def _start(
        self, name: str, role: str, options: dict[str, Any], until: State, timeout: timedelta | None, env: dict[str, str] | None, program: str | None
    ) -> Daemon:
        deadline = self._deadline(timeout)
        return self._finish(self._launcher.begin(name, role, option_values(options), deadline, env=env, program=program), until, deadline)

    def _finish(self, launching: Launching, until: State, deadline: float) -> Daemon:
        self._launcher.finish_all([launching], until, deadline)
        daemon = launching.daemon
        logger.info(f"started {daemon}, pid {daemon.pid}, {daemon.url}")
        return daemon

    def _send(self, name: str | Daemon, number: int) -> None:
        process = self._context.process(name)
        try:
            self._context.note("signal_sent", to=process.name, to_pid=process.pid, signal=signal.Signals(number).name)
            self._context.supervisor.signal(process, number)
        except ProcessLookupError:
            how = f": it {ending(process.exit_code)}" if process.exit_code is not None else ""
            raise UsageError(f"{name} cannot be sent {signal.Signals(number).name}, it has ended{how}") from None
        logger.info(f"sent {signal.Signals(number).name} to {name} (pid {process.pid})")

    def _deadline(self, timeout: timedelta | None) -> float:
        return time.monotonic() + seconds(timeout, self._context.settings.now.timeout)
