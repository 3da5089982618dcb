"""The group Faults: breaking one exact thing, and knowing that it broke."""

from datetime import timedelta

from robot.api import logger
from robot.api.deco import keyword

from ..session.assertions import Check
from ..session.session import Session
from ..session.types import ArmedFault, Daemon, FaultKind
from .option_arguments import asserting


class FaultKeywords:
    """The group Faults."""

    def __init__(self, session: Session):
        self._session = session

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
        fault, spec, is_now = self._session.faults.inject(
            str(name),
            kind.value,
            path=path,
            after_tokens=after_tokens,
            after_bytes=after_bytes,
            after_requests=after_requests,
            times=times,
            probability=probability,
            seed=seed,
            delay=delay.total_seconds() if delay is not None else None,
            status=status,
            code=code,
            layer=layer,
        )
        logger.info(f"{name} has the fault {spec}" if is_now else f"the next {name} starts with the fault {spec}")
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
        return self._session.verify(f"hits of {fault}", lambda: self._session.faults.hits(fault), check)

    @keyword
    def clear_faults(self, name: str | Daemon | None = None) -> None:
        """Ends the faults of one program, or of all; what they hold back goes on.

        Args:
            name: Name or object of a program; default: all.
        """
        self._session.faults.clear(str(name) if name is not None else None)
        logger.info(f"no fault is armed in {name or 'any program'}")
