"""Base of all faults: parsing, conditions, counting of hits (contract 19).

The kinds are small classes in `request_kinds.py`, `stream_kinds.py` and `program_kinds.py`.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from ..clock.clock import Clock
from ..clock.event import Event
from ..journal.writer import Journal
from ..protocol.units import Duration
from .keyed_random import draw


class Cut(Exception):
    """Ends the connection in the middle of the answer."""


class ErrorAnswer(Exception):
    """Makes the program answer with this HTTP status and error code."""

    def __init__(self, status: int, code: str):
        super().__init__(f"answered with {status} by a fault")
        self.status = status
        self.code = code
        self.headers = {"Retry-After": "1"} if status == 503 else {}


@dataclass
class FaultSpec:
    """Specification of a fault: its kind, and when and how it acts. As text: `NAME:key=value,...`.

    Args:
        kind: name of its kind.
        id: name in the journal and for clearing it; default: the kind.
        path: acts only on requests with this path; a path that ends in `*` matches all paths with this prefix.
        after_tokens: acts when this many tokens of a stream have been sent.
        after_bytes: acts when this many bytes of a stream have been sent, even in the middle of an event.
        after_requests: number of requests that pass unharmed first.
        times: maximum number of hits; 0 = no maximum.
        probability: share of the requests on which it acts, from 0 to 1.
        seed: for the draws behind `probability`.
        delay: seconds of the run's clock.
        status: HTTP status, or exit code.
        code: error code of an answer.
        layer: of the model, for faults of loading.
    """

    kind: str
    id: str = ""
    path: str | None = None
    after_tokens: int = 0
    after_bytes: int | None = None
    after_requests: int = 0
    times: int = 0
    probability: float = 1.0
    seed: int = 0
    delay: float | None = None
    status: int | None = None
    code: str | None = None
    layer: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability={self.probability} is not from 0 to 1")
        for name in ("after_tokens", "after_bytes", "after_requests", "times", "delay", "layer"):
            if (getattr(self, name) or 0) < 0:
                raise ValueError(f"{name}={getattr(self, name)} is negative")
        self.delay = None if self.delay is None else Duration(self.delay)
        self.id = self.id or self.kind

    @classmethod
    def parse(cls, text: str) -> FaultSpec:
        """Parses `NAME` or `NAME:key=value,...`.

        Raises:
            ValueError: the text is malformed; the message says what was expected.
        """
        name, _, rest = text.partition(":")
        values: dict[str, Any] = {}
        for part in filter(None, rest.split(",")):
            key, equals, value = part.partition("=")
            if not equals or key not in _READERS:
                raise ValueError(f"fault {text!r}: {part!r} is not key=value with a key of {', '.join(_READERS)}")
            try:
                values[key] = _READERS[key](value)
            except ValueError:
                raise ValueError(f"fault {text!r}: {value!r} is no value for {key}") from None
        return cls(name, **values)

    def __str__(self) -> str:
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        parts = [
            f"{name}={value}" for name, value in vars(self).items() if name != "kind" and value != defaults[name] and not (name == "id" and value == self.kind)
        ]
        return f"{self.kind}:{','.join(parts)}" if parts else self.kind


_READERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("id", "path", "code"), str),
    **dict.fromkeys(("after_tokens", "after_bytes", "after_requests", "times", "seed", "status", "layer"), int),
    "probability": float,
    "delay": Duration.parse,
}


@dataclass
class FaultContext:
    """Situation in which a fault may act, and the actions that it can use there.

    Args:
        path: of the request.
        key: of the request, so that draws do not depend on the order of arrival.
        layer: that is being loaded.
        wake: set to end a wait, such as when the client has disconnected.
        gone: returns whether the client has disconnected.
        reset: ends the connection with a RST.
        refuse: closes the port of the program.
        accept: opens the port again.
        is_token: returns whether an event is a token event.
        kill: kills the program.
    """

    path: str | None = None
    key: str = ""
    layer: int | None = None
    wake: Event = dataclasses.field(default_factory=Event)
    gone: Callable[[], bool] = lambda: False
    reset: Callable[[], None] = lambda: None
    refuse: Callable[[], None] = lambda: None
    accept: Callable[[], None] = lambda: None
    is_token: Callable[[bytes], bool] = lambda _: False
    kill: Callable[[], None] = lambda: os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class ChaosUse:
    """How `Unleash Chaos` uses a kind of fault that a fleet has to withstand.

    Args:
        role: program into which it is injected.
        arguments: of `Inject Fault`: either a fixed `name=value`, or the name of an argument whose value is drawn.
    """

    role: str
    arguments: tuple[str, ...] = ()


class Fault:
    """An armed fault. Each kind is a subclass that holds everything about it.

    Attributes:
        name: in `Inject Fault` and `--fault`.
        point: where in a program it acts: request, answer, stream, port, or program (the program itself implements it).
        help: its effect, for users.
        states: states of a program in which it can act.
        roles: programs to which it applies, the most usual one first.
        needs_delay: whether it does nothing with a delay of 0, which is then refused.
        chaos: how `Unleash Chaos` uses it; None for a kind that violates a rule of the fleet by itself.
        from_outside: whether it can also act on a real program, in the recorder before it.
        cuts_stream: whether a worker's stream may lack its end after it.
    """

    name: ClassVar[str] = ""
    point: ClassVar[str] = ""
    help: ClassVar[str] = ""
    states: ClassVar[tuple[str, ...]] = ("loading", "idle", "busy", "draining")
    roles: ClassVar[tuple[str, ...]] = ("worker", "hive", "queen", "hub")
    needs_delay: ClassVar[bool] = False
    chaos: ClassVar[ChaosUse | None] = None
    from_outside: ClassVar[bool] = False
    cuts_stream: ClassVar[bool] = False

    def __init__(self, spec: FaultSpec, node: str, clock: Clock, journal: Journal):
        self.spec = spec
        self.clock = clock
        self._node = node
        self._journal = journal
        self._lock = threading.Lock()
        self._seen = 0
        self._hits = 0
        self._cleared = False
        self._held: set[Event] = set()

    def acts(self, context: FaultContext) -> bool:
        """Returns whether the fault acts in this situation; if so, counts a hit and records it in the journal."""
        with self._lock:
            if self._cleared or not self._fits(context):
                return False
            self._seen += 1
            if self._seen <= self.spec.after_requests or (self.spec.times and self._hits >= self.spec.times):
                return False
            if self.spec.probability < 1 and self.draw(context.key) >= self.spec.probability:
                return False
            self._hits += 1
            self._journal.record("fault", fault=self.spec.id, kind=self.spec.kind, hit=self._hits, path=context.path)
            return True

    def draw(self, key: str) -> float:
        """Pseudo-random number from 0 to 1 that depends only on seed, program, kind of fault and request, not on earlier draws."""
        return draw(self.spec.seed, self._node, self.spec.kind, key)

    def hold(self, context: FaultContext, seconds: float | None) -> None:
        """Waits for `seconds` of the run's clock, or for None until the fault is cleared.

        Raises:
            Cut: the client has disconnected.
        """
        with self._lock:
            self._held.add(context.wake)
        if not self._cleared:
            self.clock.wait(context.wake, None if seconds is None else self.clock.now() + seconds, self.name)
        with self._lock:
            self._held.discard(context.wake)
        if context.gone():
            raise Cut

    def clear(self) -> None:
        """Disables the fault and releases the requests that it holds."""
        with self._lock:
            self._cleared = True
            for event in self._held:
                event.set()

    def _fits(self, context: FaultContext) -> bool:
        return self.spec.layer == context.layer and self.concerns(context.path)

    def concerns(self, path: str | None) -> bool:
        """Whether the fault may act on a request with this path."""
        wanted = self.spec.path
        if wanted is None:
            return True
        return path is not None and (path.startswith(wanted[:-1]) if wanted.endswith("*") else path == wanted)

    @property
    def exit_code(self) -> int:
        """Exit code for kinds that end the process: `status`, default 1."""
        return self.spec.status if self.spec.status is not None else 1

    def do(self, context: FaultContext) -> None:
        """Performs the fault (points `request` and `port`)."""

    def body(self, body: bytes) -> bytes:
        """Returns the changed body of an answer (point `answer`)."""
        return body

    def events(self, events: Iterator[bytes], context: FaultContext) -> Iterator[bytes]:
        """Yields the changed events of a stream (point `stream`)."""
        return events


class FaultSet:
    """The armed faults of one program.

    Args:
        kinds: name -> class.
        node: name of the program, for draws.
        clock: for waits.
        journal: gets a record for every armed fault and every hit.
    """

    def __init__(self, kinds: dict[str, type[Fault]], node: str, clock: Clock, journal: Journal):
        self._kinds = kinds
        self._node = node
        self._clock = clock
        self._journal = journal
        self._armed: list[Fault] = []

    @property
    def is_any_armed(self) -> bool:
        """Whether any fault is armed."""
        return bool(self._armed)

    def arm(self, spec: FaultSpec) -> None:
        """Arms a fault.

        Raises:
            ValueError: there is no such kind, or it would do nothing.
        """
        if spec.kind not in self._kinds:
            raise ValueError(f"there is no fault {spec.kind!r}, expected KIND or KIND:NAME=VALUE,... with one of the kinds {', '.join(self._kinds)}")
        if spec.delay == 0 and self._kinds[spec.kind].needs_delay:
            raise ValueError(f"the fault {spec.kind} does nothing with delay=0")
        self._armed.append(self._kinds[spec.kind](spec, self._node, self._clock, self._journal))
        self._journal.record("fault_armed", fault=spec.id, kind=spec.kind, spec=str(spec))

    def clear(self, fault_id: str | None = None) -> None:
        """Clears the faults with this id; None = all faults."""
        for fault in self._armed:
            if fault_id in (None, fault.spec.id):
                fault.clear()
        self._armed = [fault for fault in self._armed if fault_id not in (None, fault.spec.id)]

    def concerns(self, point: str, path: str) -> bool:
        """Whether a fault of this point is armed that may act on a request with this path."""
        return any(fault.concerns(path) for fault in self._of(point))

    def find(self, name: str, context: FaultContext | None = None) -> FaultSpec | None:
        """Specification of the first fault of this kind that acts, for kinds of the point `program`; counts a hit."""
        context = context or FaultContext()
        return next((fault.spec for fault in list(self._armed) if fault.name == name and fault.acts(context)), None)

    def at(self, point: str, context: FaultContext) -> None:
        """Performs all faults of a point that act in this situation."""
        for fault in self._of(point):
            if fault.acts(context):
                fault.do(context)

    def body(self, body: bytes, context: FaultContext) -> bytes:
        """Applies all faults of the point `answer` to a body."""
        for fault in self._of("answer"):
            changed = fault.body(body)
            if changed != body and fault.acts(context):  # what changes nothing is no hit
                body = changed
        return body

    def events(self, events: Iterator[bytes], context: FaultContext) -> Iterator[bytes]:
        """Applies all faults of the point `stream` to a stream of events."""
        for fault in self._of("stream"):
            events = fault.events(events, context)
        return events

    def _of(self, point: str) -> list[Fault]:
        return [fault for fault in list(self._armed) if fault.point == point]
