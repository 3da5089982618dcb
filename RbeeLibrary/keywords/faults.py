"""The group Faults: arming faults in fake programs and counting their hits."""

from typing import Any

from robot.api import logger
from robot.api.deco import keyword

from ..session.assertions import Check
from ..session.session import Session
from ..session.types import ArmedFault, Daemon, Direction, FaultKind
from .argument_types import Count, Default, PositiveCount, RequestPath, Share, Span, StatusCode
from .option_arguments import asserting

_NONE: Any = Default(0)
_ALWAYS: Any = Default(1.0)


class FaultKeywords:
    """Keywords of the group Faults."""

    def __init__(self, session: Session):
        self._session = session

    @keyword
    def inject_fault(
        self,
        name: str | Daemon,
        kind: FaultKind,
        *,
        path: RequestPath = None,
        after_tokens: Count = _NONE,
        after_bytes: Count = None,
        after_requests: Count = _NONE,
        times: Count = _NONE,
        probability: Share = _ALWAYS,
        seed: int = 0,
        delay: Span = None,
        status: StatusCode = None,
        code: str | None = None,
        layer: PositiveCount = None,
        direction: Direction = Direction.incoming,
    ) -> ArmedFault:
        """Arms a fault in a program until the end of the test. Contract 19.

        In a real program, the recorder before it carries the fault out; faults that need the inside of the program are refused.

        A program that does not run yet starts with the fault, also a worker that a hive starts for a client (`mock-worker-1`). Running programs get it over a
        control channel, not over HTTP, so that it arrives even if their port does not respond.

        Args:
            name: Name or object of a program; also the name of a program to be started later.
            kind: Kind of the fault.
            path: Only requests with this path, such as `/v1/inference`; a `*` at its end matches any rest.
            after_tokens: Number of tokens after which streams break.
            after_bytes: Number of bytes, without headers, after which streams break, possibly in the middle of an event.
            after_requests: Number of requests that pass before the first hit.
            times: Maximum number of hits; `0` = unlimited.
            probability: Share of the requests that are hit, from `0` to `1`.
            seed: Seed for `probability`; the same seed hits the same requests, independent of their order.
            delay: Length of the delay, for kinds of faults that delay.
            status: HTTP status of an error answer, or exit code.
            code: Error code of an error answer.
            layer: Layer of the model at which loading fails.
            direction: Whether the fault acts on requests to the program, or on those that a real program sends, which breaks its view only.

        Returns:
            The fault, to pass to `Get Fault Hits`.

        Raises:
            UsageError: the fault does not fit the program.
        """
        fault, spec, is_now = self._session.faults.inject(
            str(name),
            kind.value,
            direction,
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
    @asserting(int, "number")
    def get_fault_hits(self, fault: ArmedFault, *, check: Check) -> int:
        """Counts the hits of a fault in the journal of its program, and checks the number if an operator is given.

        Args:
            fault: Fault from `Inject Fault`.

        Returns:
            The number.
        """
        return self._session.verify(f"hits of {fault}", lambda: self._session.faults.hits(fault), check)

    @keyword
    def clear_faults(self, name: str | Daemon | None = None) -> None:
        """Removes the faults of one program or of all programs, and releases the requests that they hold back.

        Args:
            name: Name or object of a program; default: all programs.
        """
        self._session.faults.clear(str(name) if name is not None else None)
        logger.info(f"no fault is armed in {name or 'any program'}")
