"""The group Lifecycle: starting, stopping, killing, freezing, restarting."""

import signal
from datetime import timedelta
from typing import Any

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ..fleet.supervisor import Process
from ..protocol.program_options import HiveOptions, QueenOptions, WorkerOptions
from ..run.exit_status import ExitStatus
from ..session.assertions import Check
from ..session.session import Session
from ..session.types import Daemon, ProgramName, StartedFleet, State
from .option_arguments import option_values, takes_options

_IDENTITY = ("worker_id", "callback_url", "journal", "die_with_parent", "addr", "node_name", "config", "advertise_host")
_HIVE = ("journal", "die_with_parent", "addr", "worker_id", "callback_url", "advertise_host")
_QUEEN = ("journal", "die_with_parent", "config", "api_key")
_WORKER_OF_A_FLEET = (*_IDENTITY, "port", "queen_url", "host", "api_key", "report_version", "max_lifetime", "keep_alive", "slots")


class LifecycleKeywords:
    """Starts and ends programs."""

    def __init__(self, session: Session):
        self._session = session

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
    ) -> StartedFleet:
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
        fleet = self._session.start.fleet(hives=hives, workers=workers, slots=slots, prefix=prefix, timeout=_seconds(timeout), **given)
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
        given = option_values({**options, "api_key": api_key})
        return _logged(self._session.start.queen(name, until=until, timeout=_seconds(timeout), env=env, program=program, **given))

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
        given = option_values({**options, "api_key": api_key, "node_name": node_name})
        reports_to = None if is_none(queen) else queen
        return _logged(self._session.start.hive(name, queen=reports_to, hub=hub, until=until, timeout=_seconds(timeout), env=env, program=program, **given))

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
        given = option_values({**options, "api_key": api_key})
        owner = None if is_none(hive) else hive
        daemon = self._session.start.worker(name, hive=owner, slots=slots, until=until, timeout=_seconds(timeout), env=env, program=program, **given)
        return _logged(daemon)

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
        code = self._session.start.stop(name, _seconds(timeout))
        logger.info(f"{name} {ExitStatus(code)}")
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
        process = self._send(name, signal.SIGKILL)
        code = self._session.stopper.await_code(process, self._session.settings.timeout(timeout))
        if code is None:
            raise AssertionError(f"{name} is still there after SIGKILL")
        logger.info(f"{name} (pid {process.pid}) {ExitStatus(code)}")
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
        process = self._send(name, signal.SIGSTOP)
        limit = timedelta(seconds=self._session.settings.now.timeout)
        self._session.verify(f"{name} frozen", lambda: process.frozen, Check("==", True, limit))

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
        daemon = self._session.start.restart(str(name), _seconds(timeout))
        logger.info(f"restarted {daemon}, pid {daemon.pid}, {daemon.url}")
        return daemon

    @keyword
    def stop_all(self, *, timeout: timedelta | None = None) -> None:
        """Stops everything gracefully: queens and hives, which end their workers, and what stands alone.

        What does not end within the time-out gets SIGKILL.

        Args:
            timeout: Limit in real time; the default is the library's.
        """
        stopped = self._session.stopper.end(self._session.run.supervisor.alive(), self._session.settings.timeout(timeout))
        logger.info(f"stopped {', '.join(process.name for process in stopped.ended) or 'nothing'}")

    def _send(self, name: str | Daemon, number: int) -> Process:
        process = self._session.programs.process(name)
        self._session.stopper.signal(process, number)
        logger.info(f"sent {signal.Signals(number).name} to {name} (pid {process.pid})")
        return process


def is_none(name: str | None) -> bool:
    """Whether an argument that takes names says `None`: to Robot Framework that is a name like any other."""
    return name is None or name.strip().lower() == "none"


def _seconds(timeout: timedelta | None) -> float | None:
    return None if timeout is None else timeout.total_seconds()


def _logged(daemon: Daemon) -> Daemon:
    logger.info(f"started {daemon}, pid {daemon.pid}, {daemon.url}")
    return daemon
