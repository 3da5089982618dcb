"""The group Faults: breaking one exact thing, and knowing that it broke."""

import contextlib
from datetime import timedelta

from robot.api import logger
from robot.api.deco import keyword

from ..faults.base import FaultSpec
from ..journal.reader import entries
from ..session.assertions import Check, UsageError
from ..session.session import Session
from ..session.types import ArmedFault, Daemon, FaultKind
from .journal import journals
from .option_arguments import asserting


class FaultKeywords:
    """The group Faults."""

    def __init__(self, context: Session):
        self._context = context

    @keyword
    def inject_fault(
        self,
        name: str | Daemon,
        kind: FaultKind,
        *,
        path: str | None = None,
        after_tokens: int = 0,
        after_bytes: int | None = None,
        after_requests: int = 0,
        times: int = 0,
        probability: float = 1.0,
        seed: int = 0,
        delay: timedelta | None = None,
        status: int | None = None,
        code: str | None = None,
        layer: int | None = None,
    ) -> ArmedFault:
        """Arms a fault in a fake program, until the end of the test. Contract 19.

        A program that does not run yet gets it with its start, under this name; also a worker that a running hive starts for a client (`mock-worker-1`).
        The order does not go over HTTP: it arrives while a port is silent as well.

        Args:
            name: Name or object of a program; also the name of one that is started later.
            kind: What breaks.
            path: Only requests with this path, such as `/v1/inference`; a path that ends in `*` stands for all that begin like it.
            after_tokens: Streams break when so many tokens have been sent.
            after_bytes: Streams break when so many bytes have been sent, headers not counted, in the middle of an event if need be.
            after_requests: So many requests pass first.
            times: Breaks so often, then no more; `0` is always.
            probability: Breaks on this share of the requests, from `0` to `1`.
            seed: Of the draws that `probability` needs; the same seed breaks the same requests, in whatever order they come.
            delay: How long something is held back.
            status: HTTP status of an error answer, or exit code.
            code: Error code of an answer.
            layer: Layer of the model at which loading breaks.

        Returns:
            The fault, for `Get Fault Hits`.

        Raises:
            UsageError: the program is no fake, or has ended.
        """
        seconds = delay.total_seconds() if delay is not None else None
        wanted = str(name)
        number = self._context.faults.new_id()
        try:
            spec = FaultSpec(
                kind.value,
                number,
                path,
                after_tokens=after_tokens,
                after_bytes=after_bytes,
                after_requests=after_requests,
                times=times,
                probability=probability,
                seed=seed,
                delay=seconds,
                status=status,
                code=code,
                layer=layer,
            )
        except ValueError as error:
            raise UsageError(str(error)) from None
        process = self._context.process_or_none(wanted)
        if process is not None and process.alive:
            try:
                self._context.supervisor.control(process, {"op": "arm-fault", "spec": vars(spec)})
            except RuntimeError as error:
                raise UsageError(f"{kind.value} cannot be injected: {error}") from None
            logger.info(f"{wanted} has the fault {spec}")
        else:
            self._context.faults.wait(wanted, spec)
            self._tell_hives(wanted)
            logger.info(f"the next {wanted} starts with the fault {spec}")
        fault = ArmedFault(wanted, kind.value, number)
        self._context.faults.armed.append(fault)
        return fault

    @keyword
    @asserting(int, "the number")
    def get_fault_hits(self, fault: ArmedFault, *, check: Check) -> int:
        """Counts how often a fault has acted, from the journal of the program, and checks the number if an operator is given.

        Args:
            fault: From `Inject Fault`.

        Returns:
            The number.
        """
        return self._context.verify(f"hits of {fault}", lambda: self._hits(fault), check)

    @keyword
    def clear_faults(self, name: str | Daemon | None = None) -> None:
        """Ends the faults of one program, or of all; what they hold back goes on.

        Args:
            name: Name or object of a program; default: all.
        """
        wanted = str(name) if name is not None else None
        for forgotten in self._context.faults.forget_waiting(wanted):
            self._tell_hives(forgotten)
        for program in {fault.name for fault in self._context.faults.armed if wanted in (None, fault.name)}:
            process = self._context.process_or_none(program)
            if process is not None and process.alive and not process.frozen:
                with contextlib.suppress(RuntimeError):
                    self._context.supervisor.control(process, {"op": "clear-faults"})
        logger.info(f"no fault is armed in {wanted or 'any program'}")

    # --- for the library ---

    def end(self) -> list[ArmedFault]:
        """Ends all faults at the end of a test; returns those that were never hit, whose test so proved nothing."""
        armed = self._context.faults.armed
        if not armed:
            return []
        self.clear_faults()
        unused = [fault for fault in armed if not self._hits(fault)]
        self._context.faults.armed = []
        return unused

    def _tell_hives(self, worker: str) -> None:
        """A hive may start a worker of this name by itself, for a client that asks it."""
        argv = [word for spec in self._context.faults.waiting(worker) for word in ("--fault", spec)]
        for hive in self._context.daemons("hive"):
            process = self._context.process_or_none(hive.name)
            if process is not None and process.alive and not process.frozen:
                with contextlib.suppress(RuntimeError):
                    self._context.supervisor.control(process, {"op": "worker-argv", "worker_id": worker, "argv": argv})

    def _hits(self, fault: ArmedFault) -> int:
        paths = journals(self._context, fault.name)
        return sum(1 for path in paths for entry in entries(path) if entry.get("record") == "fault" and entry.get("fault") == fault.id)
