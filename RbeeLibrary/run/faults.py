"""Faults: what can be broken, when it breaks, and how often it did (contract 19).

The kinds are small classes in `fault_kinds.py`. Everything else, the flag `--fault`, the keyword `Inject Fault`, counting, limits and the table for
users, is the same for all of them and stands here.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from .clock import Clock, Event
from .draws import draw
from .journal import Journal


class Cut(Exception):
    """The connection ends here, in the middle of what was sent."""


class ErrorAnswer(Exception):
    """The request is answered with this status and code."""

    def __init__(self, status: int, code: str):
        super().__init__(f"answered with {status} by a fault")
        self.status = status
        self.code = code


@dataclass
class FaultSpec:
    """A fault as a test asks for it: `NAME:key=value,...`.

    Args:
        kind: name of its kind.
        id: under which its hits are counted; default: the kind.
        path: acts only on requests with this path; a path that ends in `*` stands for all that begin like it.
        after_tokens: acts when so many tokens of a stream have been sent.
        after_bytes: acts when so many bytes of a stream have been sent, in the middle of an event if need be.
        after_requests: lets so many requests pass first.
        times: acts so often, then no more; 0 = always.
        probability: acts on this share of the requests, from 0 to 1.
        seed: of the draws that probability needs.
        delay: seconds on the run's clock.
        status: HTTP status, or exit code.
        code: error code of an answer.
        layer: layer of the model.
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
        self.id = self.id or self.kind

    @classmethod
    def parse(cls, text: str) -> FaultSpec:
        """Reads `NAME` or `NAME:key=value,...`; raises ValueError that says what was expected."""
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


def _seconds(text: str) -> float:
    unit = next((unit for unit in ("ms", "min", "s") if text.endswith(unit)), "")
    return float(text[: len(text) - len(unit)]) * {"ms": 0.001, "min": 60.0, "s": 1.0, "": 1.0}[unit]


_READERS: dict[str, Callable[[str], Any]] = {
    "id": str, "path": str, "after_tokens": int, "after_bytes": int, "after_requests": int, "times": int, "probability": float, "seed": int, "delay": _seconds,
    "status": int, "code": str, "layer": int,
}  # fmt: skip


@dataclass
class Place:
    """Where in a program a fault may act: what it can look at and use there.

    Args:
        path: of the request.
        key: of the request, for draws that do not depend on the order of arrival.
        layer: that is loaded now.
        wake: set when waiting any longer is of no use.
        gone: whether the client has left.
        reset: ends the connection with a RST.
        refuse: closes the port of the program.
        accept: opens it again.
        is_token: tells token events from others.
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


class Fault:
    """An armed fault. Its kinds are the subclasses: `point` says where in a program they act, `help` what comes of it, `states` in which states they can."""

    name: ClassVar[str] = ""
    point: ClassVar[str] = ""
    help: ClassVar[str] = ""
    states: ClassVar[tuple[str, ...]] = ("loading", "idle", "busy", "draining")

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

    def acts(self, place: Place) -> bool:
        """Whether it acts here and now; if so, that is a hit, and it is in the journal."""
        with self._lock:
            if self._cleared or not self._fits(place):
                return False
            self._seen += 1
            if self._seen <= self.spec.after_requests or (self.spec.times and self._hits >= self.spec.times):
                return False
            if self.spec.probability < 1 and self.draw(place.key) >= self.spec.probability:
                return False
            self._hits += 1
            self._journal.record("fault", fault=self.spec.id, kind=self.spec.kind, hit=self._hits, path=place.path)
            return True

    def draw(self, key: str) -> float:
        """A number from 0 to 1 that depends on seed, program, kind of fault and request, and on nothing else: not on how many tests ran before."""
        return draw(self.spec.seed, self._node, self.spec.kind, key)

    def hold(self, place: Place, seconds: float | None) -> None:
        """Waits on the run's clock, or, for None, until the fault is cleared; raises Cut if the client leaves meanwhile."""
        with self._lock:
            self._held.add(place.wake)
        if not self._cleared:
            self.clock.wait(place.wake, None if seconds is None else self.clock.now() + seconds, self.name)
        with self._lock:
            self._held.discard(place.wake)
        if place.gone():
            raise Cut

    def clear(self) -> None:
        """Ends it; what it holds back goes on."""
        with self._lock:
            self._cleared = True
            for event in self._held:
                event.set()

    def _fits(self, place: Place) -> bool:
        path = self.spec.path
        if path is not None and (place.path is None or not (place.path.startswith(path[:-1]) if path.endswith("*") else place.path == path)):
            return False
        return self.spec.layer == place.layer

    @property
    def exit_code(self) -> int:
        """`status`, for kinds that end the process."""
        return self.spec.status if self.spec.status is not None else 1

    def do(self, place: Place) -> None:
        """Acts at its point."""

    def body(self, body: bytes) -> bytes:
        """Changes the body of an answer (point `answer`)."""
        return body

    def events(self, events: Iterator[bytes], place: Place) -> Iterator[bytes]:
        """Changes a stream of events (point `stream`)."""
        return events


class FaultBox:
    """The faults of one program.

    Args:
        kinds: name -> class.
        node: name of the program, for draws.
        clock: waits count on it.
        journal: gets armed faults and hits.
    """

    def __init__(self, kinds: dict[str, type[Fault]], node: str, clock: Clock, journal: Journal):
        self._kinds = kinds
        self._node = node
        self._clock = clock
        self._journal = journal
        self._armed: list[Fault] = []

    def arm(self, spec: FaultSpec) -> None:
        """Arms a fault."""
        if spec.kind not in self._kinds:
            raise ValueError(f"there is no fault {spec.kind!r}, expected one of {', '.join(self._kinds)}")
        self._armed.append(self._kinds[spec.kind](spec, self._node, self._clock, self._journal))
        self._journal.record("fault_armed", fault=spec.id, kind=spec.kind, spec=str(spec))

    def clear(self, fault_id: str | None = None) -> None:
        """Drops one fault, or all."""
        for fault in self._armed:
            if fault_id in (None, fault.spec.id):
                fault.clear()
        self._armed = [fault for fault in self._armed if fault_id not in (None, fault.spec.id)]

    def find(self, name: str, place: Place | None = None) -> FaultSpec | None:
        """The first fault of a kind that acts here, for kinds that a program carries out itself; a hit."""
        here = place or Place()
        return next((fault.spec for fault in list(self._armed) if fault.name == name and fault.acts(here)), None)

    def at(self, point: str, place: Place) -> None:
        """Lets the faults of a point act."""
        for fault in self._of(point):
            if fault.acts(place):
                fault.do(place)

    def body(self, body: bytes, place: Place) -> bytes:
        """The body of an answer, as the faults leave it."""
        for fault in self._of("answer"):
            if fault.acts(place):
                body = fault.body(body)
        return body

    def events(self, events: Iterator[bytes], place: Place) -> Iterator[bytes]:
        """A stream, as the faults leave it."""
        for fault in self._of("stream"):
            events = fault.events(events, place)
        return events

    def _of(self, point: str) -> list[Fault]:
        return [fault for fault in list(self._armed) if fault.point == point]
