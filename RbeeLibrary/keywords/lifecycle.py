"""The group Lifecycle: starting, stopping and signalling programs."""

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
from ..session.types import Daemon, ProgramName, RealProfile, StartedFleet, State
from .argument_types import Count, Default, PositiveCount, Span
from .option_arguments import option_values, takes_options

_IDENTITY = ("worker_id", "callback_url", "journal", "die_with_parent", "addr", "node_name", "config", "advertise_host")
_HIVE = ("journal", "die_with_parent", "addr", "worker_id", "callback_url", "advertise_host")
_QUEEN = ("journal", "die_with_parent", "config", "api_key")
_WORKER_OF_A_FLEET = (*_IDENTITY, "port", "queen_url", "host", "api_key", "report_version", "max_lifetime", "keep_alive", "slots")
_RESTARTED = (*_WORKER_OF_A_FLEET, "database", "models_db", "models_dir")
_ONE: Any = Default(1)
_NONE: Any = Default(0)


class LifecycleKeywords:
    """Keywords of the group Lifecycle for queens, hives and workers."""

    def __init__(self, session: Session):
        self._session = session

    @keyword
    @takes_options(WorkerOptions, HiveOptions, skip=_WORKER_OF_A_FLEET)
    def start_fleet(
        self,
        *,
        hives: Count = _ONE,
        workers: Count = _NONE,
        slots: PositiveCount = None,
        api_key: str | Secret | None = None,
        prefix: str = "",
        timeout: Span = None,
        queen: str | None = None,
        **options: Any,
    ) -> StartedFleet:
        """Starts a queen, hives and workers in parallel, and waits until all are idle.

        The queen is called `queen`, a single hive `hive` (several: `hive-1`, `hive-2`), the workers `worker-1`, `worker-2`, counted across all hives.
        Hive options apply to every hive, worker options to every worker.

        Args:
            hives: Number of hives.
            workers: Number of workers per hive.
            slots: Number of concurrent requests per worker. Default: 1. Contract 6.1.
            api_key: API key that all programs require and send, as text or Secret. Contract 14.
            prefix: Prefix of all names, to run a second fleet beside the first.
            timeout: Time limit for the whole start, in real time; default: the library's `timeout`.
            queen: Path of a real queen instead of the fake one.

        Returns:
            The fleet with `queen`, `hives` and `workers`.

        Raises:
            AssertionError: a program did not start or did not become idle; the message has its exit code and last output.
        """
        given = option_values({**options, "api_key": api_key})
        fleet = self._session.start.fleet(hives=hives, workers=workers, slots=slots, prefix=prefix, timeout=_seconds(timeout), queen=queen, **given)
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
        timeout: Span = None,
        env: dict[str, str] | None = None,
        program: str | None = None,
        profile: RealProfile | None = None,
        **options: Any,
    ) -> Daemon:
        """Starts a queen and waits until it accepts requests.

        Args:
            name: Name of the program in other keywords.
            api_key: API key that it requires, as text or Secret. Contract 14.
            until: State to wait for.
            timeout: Time limit in real time; default: the library's `timeout`.
            env: Further environment variables.
            program: Path of a real queen instead of the fake one.
            profile: What the real queen needs; default: by its file name. Contract 17.

        Returns:
            The queen with `url`, `port`, `pid`, `name`, `role`.

        Raises:
            AssertionError: the program did not start; the message has its exit code and last output.
        """
        given = option_values({**options, "api_key": api_key})
        return _logged(
            self._session.start.queen(name, until=until, timeout=_seconds(timeout), env=env, program=program, profile=profile and profile.value, **given)
        )

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
        timeout: Span = None,
        env: dict[str, str] | None = None,
        program: str | None = None,
        profile: RealProfile | None = None,
        **options: Any,
    ) -> Daemon:
        """Starts a hive and waits until it accepts requests.

        If a queen of the given name runs, it gets the URL of the hive. Workers listen on any free port, unless `worker_ports` is given. Worker options, such as
        `load_time`, apply to every worker that the hive starts, also on request of other programs.

        Args:
            name: Name of the program in other keywords.
            queen: Name of the queen that it reports to; `None`, or the name of a queen that does not run, for a hive without queen.
            hub: Name of the model hub that it provisions from; names after a `,` are mirrors. Without a hub that runs, any model reference is accepted.
            node_name: Name of its node at the queen; default: `workstation` for the hive called `hive`, else the name of the hive.
            api_key: API key that it and its workers require, as text or Secret. Contract 14.
            until: State to wait for.
            timeout: Time limit in real time; default: the library's `timeout`.
            env: Further environment variables.
            program: Path of a real hive instead of the fake one.
            profile: What the real hive needs; default: by its file name. Contract 17.

        Returns:
            The hive with `url`, `port`, `pid`, `name`, `role`.

        Raises:
            AssertionError: the program did not start; the message has its exit code and last output.
        """
        given = option_values({**options, "api_key": api_key, "node_name": node_name})
        reports_to = None if is_none(queen) else queen
        return _logged(
            self._session.start.hive(
                name, queen=reports_to, hub=hub, until=until, timeout=_seconds(timeout), env=env, program=program, profile=profile and profile.value, **given
            )
        )

    @keyword
    @takes_options(WorkerOptions, skip=("worker_id", "journal", "die_with_parent", "slots"))
    def start_worker(
        self,
        name: ProgramName = "worker-1",  # type: ignore[assignment]
        *,
        hive: str | None = "hive",
        slots: PositiveCount = None,
        api_key: str | Secret | None = None,
        until: State = State.idle,
        timeout: Span = None,
        env: dict[str, str] | None = None,
        program: str | None = None,
        profile: RealProfile | None = None,
        **options: Any,
    ) -> Daemon:
        """Starts a worker and waits until it is idle.

        The worker is spawned by a hive on a client request (POST `/v1/workers/spawn`), and so is a child of the hive. With `hive=None` it is standalone.

        Args:
            name: Name of the program in other keywords; also its worker id.
            hive: Name of the hive that spawns it, or `None` for a standalone worker.
            slots: Number of concurrent requests. Default: 1. Contract 6.1.
            api_key: API key that a standalone worker requires, as text or Secret; other workers get that of their hive. Contract 14.
            until: State to wait for; `loading` to observe a worker with a `load_time`.
            timeout: Time limit in real time; default: the library's `timeout`.
            env: Further environment variables, for a standalone worker.
            program: Path of a real worker instead of the fake one, for a standalone worker.
            profile: What the real worker needs; default: by its file name. Contract 17.

        Returns:
            The worker with `url`, `port`, `pid`, `name`, `role`.

        Raises:
            AssertionError: the program did not start; the message has its exit code and last output.
        """
        given = option_values({**options, "api_key": api_key})
        owner = None if is_none(hive) else hive
        daemon = self._session.start.worker(
            name, hive=owner, slots=slots, until=until, timeout=_seconds(timeout), env=env, program=program, profile=profile and profile.value, **given
        )
        return _logged(daemon)

    @keyword
    def stop(self, name: str | Daemon, *, timeout: Span = None) -> int:
        """Stops a program gracefully (SIGTERM) and waits for its end.

        A frozen program is resumed first, a held clock runs while the keyword waits. A program that does not end in time gets SIGKILL, and the keyword fails.

        Args:
            name: Name or object of a program.
            timeout: Time limit in real time; default: the library's `timeout`.

        Returns:
            The exit code.

        Raises:
            AssertionError: the program did not end in time.
        """
        code = self._session.start.stop(name, _seconds(timeout))
        logger.info(f"{name} {ExitStatus(code)}")
        return code

    @keyword
    def kill(self, name: str | Daemon, *, timeout: Span = None) -> int:
        """Kills a program (SIGKILL) and waits for its end.

        Args:
            name: Name or object of a program.
            timeout: Time limit in real time; default: the library's `timeout`.

        Returns:
            The exit code, -9.

        Raises:
            UsageError: the program has ended already.
        """
        process = self._send(name, signal.SIGKILL)
        code = self._session.stopper.await_code(process, self._session.settings.timeout(timeout))
        if code is None:
            raise AssertionError(f"{name} is still running after SIGKILL")
        logger.info(f"{name} (pid {process.pid}) {ExitStatus(code)}")
        return code

    @keyword
    def terminate(self, name: str | Daemon) -> None:
        """Sends SIGTERM to a program, without waiting for its end.

        Args:
            name: Name or object of a program.
        """
        self._send(name, signal.SIGTERM)

    @keyword
    def interrupt(self, name: str | Daemon) -> None:
        """Sends SIGINT (Ctrl+C) to a program, without waiting for its end.

        Args:
            name: Name or object of a program.
        """
        self._send(name, signal.SIGINT)

    @keyword
    def freeze(self, name: str | Daemon) -> None:
        """Freezes a program (SIGSTOP) and waits until all its threads are stopped.

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
        self._session.partitions.follow()  # it could not be told while it was frozen

    @keyword
    @takes_options(QueenOptions, HiveOptions, WorkerOptions, skip=_RESTARTED)
    def restart(self, name: str | Daemon, *, slots: PositiveCount = None, api_key: str | Secret | None = None, timeout: Span = None, **options: Any) -> Daemon:
        """Stops a program if it is running, and starts it again on the same port, with the same files, and the same options but those that are given.

        A worker of a hive is spawned by that hive again. Options of workers that are given for a hive concern the workers that it starts from then on.

        Args:
            name: Name or object of a program.
            slots: Number of concurrent requests of a worker. Contract 6.1.
            api_key: API key that it requires from now on, as text or Secret; of a worker, its hive decides. Contract 14.
            timeout: Time limit for each of stop and start, in real time; default: the library's `timeout`.

        Returns:
            The new daemon, with another `pid`.

        Raises:
            UsageError: the program has no such option, or this library did not start it.
        """
        given = option_values({key: value for key, value in {**options, "slots": slots, "api_key": api_key}.items() if value is not None})
        daemon = self._session.start.restart(str(name), _seconds(timeout), **given)
        logger.info(f"restarted {daemon}, pid {daemon.pid}, {daemon.url}")
        return daemon

    @keyword
    def rotate_api_key(self, name: str | Daemon, api_key: str | Secret) -> None:
        """Changes the API key of a fake while it runs. Contract 14.

        It requires the new key from then on, and sends it with its own requests. Answers that have begun go on to their end. Keywords of this library use the
        new key, too. A hive and its workers have a key each: change both.

        Args:
            name: Name or object of a program.
            api_key: The new key, as text or Secret.

        Raises:
            CannotJudge: it is a real program.
        """
        key = str(option_values({"api_key": api_key})["api_key"])
        self._session.start.rotate_key(str(name), key)
        logger.info(f"the API key of {name} was changed")

    @keyword
    def stop_all(self, *, timeout: Span = None) -> None:
        """Stops all programs gracefully; hives end their workers.

        Programs that do not end in time get SIGKILL.

        Args:
            timeout: Time limit in real time; default: the library's `timeout`.
        """
        stopped = self._session.stopper.end(self._session.run.supervisor.alive(), self._session.settings.timeout(timeout))
        logger.info(f"stopped {', '.join(process.name for process in stopped.ended) or 'nothing'}")

    def _send(self, name: str | Daemon, number: int) -> Process:
        process = self._session.programs.process(name)
        self._session.stopper.signal(process, number)
        logger.info(f"sent {signal.Signals(number).name} to {name} (pid {process.pid})")
        return process


def is_none(name: str | None) -> bool:
    """Whether an argument that takes names means `None`, which Robot Framework passes as text."""
    return name is None or name.strip().lower() == "none"


def _seconds(timeout: Span | None) -> float | None:
    return None if timeout is None else timeout.total_seconds()


def _logged(daemon: Daemon) -> Daemon:
    logger.info(f"started {daemon}, pid {daemon.pid}, {daemon.url}")
    return daemon
