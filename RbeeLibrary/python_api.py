"""The library without Robot Framework: fake fleets for tests in Python.

from RbeeLibrary import Fleet

with Fleet(workers=2, token_delay="50ms") as fleet:
    answer = fleet.submit("write a short story", to="worker-1")
    fleet.wait_for_tokens(answer, 8)
    fleet.kill("worker-1")
    assert fleet.wait(answer) == "broken"
"""

from __future__ import annotations

import logging
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from .clock.coordinator import FiredTimer
from .errors import check_known
from .faults.registry import KINDS
from .journal.reader import RequestRecord, WantedRequest
from .protocol.program_options import HiveOptions, HubOptions, QueenOptions, RelayOptions, WorkerOptions
from .report.rules.fleet_rules import FleetRule
from .session.assertions import repeat_until
from .session.inference.inference_client import Inference
from .session.inference.inferences import await_end, tokens_so_far
from .session.judging.chaos_steps import ChaosSteps
from .session.judging.scope_end import end_test
from .session.plain_values import Time, checked_options, seconds
from .session.run import OWN_JOURNAL
from .session.scoped_settings import ScopedSettings, Settings
from .session.session import Session
from .session.types import ArmedFault, CancelBy, Daemon, KeeperResult, SeenBy, StartedFleet, State, TokenTexts

_LOG = logging.getLogger("RbeeLibrary")
_KEEPER_LIMIT = 30.0


class Rbee:
    """Starts programs of rbee as real processes, breaks them, and reads what happened. Everything ends with `close` or with the `with` block.

    Args:
        artifacts: folder for the output and journals of the programs; default: a temporary one, which is kept for a look.
        timeout: how long starting and stopping a program may take, in real time.
        within: how long a wait for a state may take, in real time.
        settings: policies at the end of a test; only the pytest plugin needs them.
    """

    def __init__(self, artifacts: Path | str | None = None, *, timeout: Time = 10.0, within: Time = 2.0, settings: Settings | None = None):
        folder = Path(artifacts) if artifacts is not None else Path(tempfile.mkdtemp(prefix="rbee-artifacts-"))
        first = settings or Settings(seconds(timeout), seconds(within))
        self.session = Session(ScopedSettings(first), lambda: folder, _LOG.info, _LOG.warning)
        self._act = ChaosSteps(self.session)

    def __enter__(self) -> Rbee:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends every program."""
        if self.session.run.is_running:
            self.session.inferences.abandon_all()
            self.session.stopper.end(self.session.run.supervisor.alive(), self.session.settings.now.timeout)
        self.session.close()

    @contextmanager
    def scope(self, name: str) -> Iterator[Rbee]:
        """What is started in the block ends with it.

        Args:
            name: names the folder of its artifacts.

        Raises:
            AssertionError: a process outlived its owner, a fake left its contract, or a journal was lost.
        """
        problems: list[str] = []
        self.session.open_scope(name)
        try:
            yield self
        finally:
            if self.session.run.is_running:
                self.session.inferences.abandon_all()
                self.session.inferences.forget_all()
                problems = end_test(self.session).problems
            self.session.close_scope()
        if problems:
            raise AssertionError("\n".join(problems))

    # --- starting ---

    def start_fleet(
        self,
        *,
        hives: int = 1,
        workers: int = 0,
        slots: int | None = None,
        prefix: str = "",
        timeout: Time | None = None,
        queen: str | None = None,
        **options: Any,
    ) -> StartedFleet:
        """Starts `queen`, `hive` (or `hive-1`, `hive-2`) and `worker-1`, `worker-2`, and waits until all are idle.

        Args:
            hives: how many.
            workers: how many per hive.
            slots: requests at the same time of each worker.
            prefix: put before every name.
            timeout: limit in real time; default: that of this object.
            queen: path of a real queen instead of the fake one.
            options: options of workers and hives by field name, such as `token_delay="50ms"`.
        """
        given = checked_options(options, WorkerOptions, HiveOptions)
        return self.session.start.fleet(hives=hives, workers=workers, slots=slots, prefix=prefix, timeout=_optional(timeout), queen=queen, **given)

    def start_queen(
        self,
        name: str = "queen",
        *,
        timeout: Time | None = None,
        env: dict[str, str] | None = None,
        program: str | None = None,
        profile: str | None = None,
        **options: Any,
    ) -> Daemon:
        """Starts a queen and waits until it serves; `program` is the path of a real one, `profile` what it needs (default: by its file name)."""
        given = checked_options(options, QueenOptions)
        return self.session.start.queen(name, timeout=_optional(timeout), env=env, program=program, profile=profile, **given)

    def start_hive(
        self,
        name: str = "hive",
        *,
        queen: str | None = "queen",
        hub: str | None = "hub",
        timeout: Time | None = None,
        env: dict[str, str] | None = None,
        program: str | None = None,
        profile: str | None = None,
        **options: Any,
    ) -> Daemon:
        """Starts a hive and waits until it serves; options of workers are for all its workers, `program` and `profile` are those of `start_queen`."""
        given = checked_options(options, HiveOptions, WorkerOptions)
        return self.session.start.hive(name, queen=queen, hub=hub, timeout=_optional(timeout), env=env, program=program, profile=profile, **given)

    def start_worker(
        self,
        name: str = "worker-1",
        *,
        hive: str | None = "hive",
        until: str = "idle",
        timeout: Time | None = None,
        env: dict[str, str] | None = None,
        program: str | None = None,
        profile: str | None = None,
        **options: Any,
    ) -> Daemon:
        """Starts a worker, by way of a hive or alone (`hive=None`), and waits until it is in a state; for a real one see `start_queen`."""
        given = checked_options(options, WorkerOptions)
        limit = _optional(timeout)
        return self.session.start.worker(name, hive=hive, until=State(until), timeout=limit, env=env, program=program, profile=profile, **given)

    def start_hub(self, name: str = "hub", *, timeout: Time | None = None, **options: Any) -> Daemon:
        """Starts a model hub and waits until it serves."""
        deadline = self.session.start.deadline(_optional(timeout))
        return self.session.start.daemon(name, "hub", deadline=deadline, **checked_options(options, HubOptions))

    def start_relay(self, to: str | Daemon, name: str = "line", *, timeout: Time | None = None, **options: Any) -> Daemon:
        """Starts a TCP line to a program, or to HOST:PORT."""
        target = str(to) if ":" in str(to) else self.session.programs.find(to).url.removeprefix("http://")
        deadline = self.session.start.deadline(_optional(timeout))
        return self.session.start.daemon(name, "relay", deadline=deadline, **checked_options(options, RelayOptions), to=target)

    def run_keeper(
        self,
        *arguments: str,
        timeout: Time = _KEEPER_LIMIT,
        api_key: str | None = None,
        env: dict[str, str] | None = None,
        program: str | None = None,
        profile: str | None = None,
    ) -> KeeperResult:
        """Runs a keeper to its end and returns its exit code and output; for a real one see `start_queen`.

        Raises:
            AssertionError: it did not end within `timeout`, and was killed.
        """
        return self.session.start.run_keeper(list(arguments), seconds(timeout), api_key=api_key, env=env, program=program, profile=profile)

    # --- ending, freezing ---

    def stop(self, name: str | Daemon, timeout: Time | None = None) -> int:
        """Stops a program gracefully and returns its exit code."""
        return self.session.start.stop(name, _optional(timeout))

    def kill(self, name: str | Daemon) -> None:
        """Kills a program (SIGKILL) and waits for its end."""
        self._act("Kill", str(name))

    def terminate(self, name: str | Daemon) -> None:
        """Sends SIGTERM and does not wait."""
        self.session.stopper.signal(self.session.programs.process(name), signal.SIGTERM)

    def freeze(self, name: str | Daemon) -> None:
        """Freezes a program (SIGSTOP) and waits until it stands still."""
        self._act("Freeze", str(name))

    def resume(self, name: str | Daemon) -> None:
        """Resumes a frozen program (SIGCONT)."""
        self._act("Resume", str(name))

    def restart(self, name: str | Daemon, timeout: Time | None = None) -> Daemon:
        """Stops a program if it runs, and starts it again on its port."""
        return self.session.start.restart(str(name), _optional(timeout))

    def exit_code(self, name: str | Daemon, within: Time | None = None) -> int:
        """Exit code of a program, negative for a signal; waits for its end.

        Raises:
            AssertionError: it did not end in time.
        """
        process = self.session.programs.process(name)
        code = self.session.stopper.await_code(process, self._within(within))
        if code is None:
            raise AssertionError(f"{name} (pid {process.pid}) is still running")
        return code

    # --- inference ---

    def submit(self, prompt: str, to: str | Daemon = "queen", *, max_tokens: int | None = 20, timeout: Time | None = None, **fields: Any) -> Inference:
        """Submits an inference and returns at once; its answer is read in a thread.

        Args:
            prompt: the prompt.
            to: queen or worker.
            max_tokens: how many tokens.
            timeout: silence after which the stream counts as stalled, in real time.
            fields: `node`, `model`, `request_id`, `api_key`, and further fields of the body.
        """
        silence = self.session.settings.now.timeout if timeout is None else seconds(timeout)
        return self.session.inferences.submit(prompt, to, silence, max_tokens=max_tokens, **fields)

    def wait_for_tokens(self, inference: Inference, count: int = 1, within: Time | None = None) -> list[str]:
        """Waits for a number of tokens and returns the texts of all that have come."""
        return tokens_so_far(inference, count, self._limit(within))

    def wait(self, inference: Inference, within: Time | None = None) -> str:
        """Waits for the end of an inference and returns its state: done, refused, cancelled, stalled or broken."""
        return await_end(inference, self._limit(within)).value

    def cancel(self, inference: Inference, by: str = "delete", within: Time | None = None) -> str:
        """Cancels an inference, by `delete` or `disconnect`, and returns its state at its end."""
        self.session.inferences.cancel(inference, CancelBy(by), self._limit(within))
        return self.wait(inference, within)

    # --- faults, time ---

    def inject_fault(self, name: str | Daemon, kind: str, **arguments: Any) -> ArmedFault:
        """Arms a fault, now or with the next start of a program of this name.

        Args:
            name: of the program.
            kind: such as `kill` or `no-answer`; blanks and underscores count as hyphens.
            arguments: as of `Inject Fault`: `path`, `after_tokens`, `times`, `delay`, `status`, ...
        """
        known = kind.replace(" ", "-").replace("_", "-")
        check_known(known, KINDS, "fault")
        if "delay" in arguments:
            arguments["delay"] = seconds(arguments["delay"])
        return self.session.faults.inject(str(name), known, **arguments)[0]

    def fault_hits(self, fault: ArmedFault) -> int:
        """How often a fault has acted."""
        return self.session.faults.hits(fault)

    def clear_faults(self, name: str | None = None) -> None:
        """Ends the faults of one program, or of all."""
        self.session.faults.clear(name)

    def advance_time(self, by: Time, timeout: Time | None = None) -> list[FiredTimer]:
        """Moves the run's clock and waits for everything that comes of it; returns the timers that fired."""
        return self.session.advance(seconds(by), self.session.settings.now.timeout if timeout is None else seconds(timeout))

    def set_time_rate(self, rate: float) -> float:
        """Sets how fast the run's clock goes; 0 holds it. Returns the old rate."""
        return self.session.set_rate(rate)

    # --- reading ---

    def state(self, name: str | Daemon, seen_by: str = "itself") -> str:
        """State of a program, as `itself`, its `hive`, the `queen` or the `process` table has it."""
        return self.session.states.read(name, SeenBy(seen_by)).value

    def wait_until_state(self, name: str | Daemon, *states: str, seen_by: str = "itself", within: Time | None = None) -> str:
        """Waits until a program is in one of several states, and returns it."""
        wanted = tuple(State(state) for state in states)
        return self.session.states.await_state(name, wanted, time.monotonic() + self._limit(within), seen_by=SeenBy(seen_by)).value

    def requests(self, name: str | Daemon, method: str | None = None, path: str | None = None, status: int | None = None) -> list[RequestRecord]:
        """Requests that a program has received, in order; a path that ends in `*` stands for all that begin like it."""
        return self.session.journals.requests(WantedRequest(self.session.programs.find(name).name, method, path, status))

    def records(self, name: str | Daemon | None, *kinds: str, **fields: Any) -> list[dict[str, Any]]:
        """Journal records of a program, of `library`, or of all (None), in order of time."""
        names = None if name is None else [str(name) if str(name) == OWN_JOURNAL else self.session.programs.find(name).name]
        return self.session.journals.records(names, kinds, **fields)

    def wait_for_records(self, name: str | Daemon, kind: str, count: int = 1, *, within: Time | None = None, **fields: Any) -> list[dict[str, Any]]:
        """Waits until a program has recorded something, at least `count` times, and returns the records.

        Raises:
            AssertionError: it has not in time.
        """
        pause = self.session.run.supervisor.await_news
        found = repeat_until(lambda: self.records(name, kind, **fields), lambda records: len(records) >= count, self._within(within), pause)
        if len(found) < count:
            raise AssertionError(f"{name} has {len(found)} records {kind} {fields or ''}, expected at least {count}")
        return found

    def output(self, name: str | Daemon) -> str:
        """What a program has printed, standard output first."""
        return self.session.outputs.read(self.session.programs.find(name).name)

    def daemon(self, name: str) -> Daemon:
        """A program by its name, also a worker that a queen or hive has started by itself."""
        return self.session.programs.find(name)

    # --- judging ---

    def assert_behaved(self, *allowed: str, within: Time | None = None) -> None:
        """Fails if the fleet broke a rule of `Fleet Should Have Behaved`; `allowed` names rules that may be broken."""
        began = self.session.run.scene_began
        findings = self.session.judge.broken_rules(began, [FleetRule(rule) for rule in allowed], self._within(within))
        if findings:
            raise AssertionError("\n".join([f"the fleet misbehaved, findings: {len(findings)}", *(one.shown(began) for one in findings)]))

    def assert_tokens_add_up(self, *, generated: bool = False) -> None:
        """Fails if the tokens that clients have are not those that workers wrote."""
        texts = TokenTexts.generated if generated else TokenTexts.any
        found = self.session.judge.wrong_tokens(self.session.run.scene_began, texts)
        if found:
            raise AssertionError("\n".join([f"the tokens do not add up, findings: {len(found)}", *found]))

    def _limit(self, within: Time | None) -> float:
        return self.session.settings.now.timeout if within is None else seconds(within)

    def _within(self, within: Time | None) -> float:
        return self.session.settings.now.within if within is None else seconds(within)


class Fleet(Rbee):
    """A fleet for a `with` block: a queen, hives and workers that are idle when the block begins, and gone after it.

    Args:
        hives: how many.
        workers: how many per hive.
        slots: requests at the same time of each worker.
        artifacts: folder for output and journals.
        timeout: how long starting and stopping may take, in real time.
        options: options of workers and hives, such as `token_delay="50ms"`.

    Attributes:
        queen: the queen, with `url`, `port`, `pid`.
        hives: the hives.
        workers: the workers.
    """

    def __init__(
        self,
        *,
        hives: int = 1,
        workers: int = 0,
        slots: int | None = None,
        artifacts: Path | str | None = None,
        timeout: Time = 10.0,
        **options: Any,
    ):
        super().__init__(artifacts, timeout=timeout)
        try:
            started = self.start_fleet(hives=hives, workers=workers, slots=slots, **options)
        except BaseException:
            self.close()
            raise
        self.queen, self.hives, self.workers = started.queen, started.hives, started.workers

    def __enter__(self) -> Fleet:
        return self


def _optional(given: Time | None) -> float | None:
    return None if given is None else seconds(given)
