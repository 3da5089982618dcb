"""The kinds of faults, each a small class: add one here, or in `stream_faults.py`, and it can be used everywhere."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

from . import stream_faults as stream_faults  # its kinds count as well
from .faults import Cut, ErrorAnswer, Fault, Place

_ONE_SECOND = 1.0


# --- requests ---


class Delay(Fault):
    """The answer comes later."""

    name, point, help = "delay", "request", "the answer comes `delay` later (1 s)"

    def do(self, place: Place) -> None:
        self.hold(place, self.spec.delay if self.spec.delay is not None else _ONE_SECOND)


class Status(Fault):
    """The answer is an error."""

    name, point, help = "status", "request", "the answer is an error with `status` (503) and `code` (INTERNAL)"

    def do(self, place: Place) -> None:
        raise ErrorAnswer(self.spec.status or 503, self.spec.code or "INTERNAL")


class NoAnswer(Fault):
    """The request is taken and never answered."""

    name, point, help = "no-answer", "request", "the request is taken and never answered"

    def do(self, place: Place) -> None:
        self.hold(place, None)


class ResetRequest(Fault):
    """RST instead of an answer."""

    name, point, help = "reset-request", "request", "the connection ends with a RST before any answer"

    def do(self, place: Place) -> None:
        place.reset()
        raise Cut


class KillOnRequest(Fault):
    """SIGKILL on a request."""

    name, point, help = "kill-on-request", "request", "the process kills itself (SIGKILL) instead of answering"

    def do(self, place: Place) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class ExitOnRequest(Fault):
    """An exit on a request."""

    name, point, help = "exit-on-request", "request", "the process ends with exit code `status` (1) instead of answering"

    def do(self, place: Place) -> None:
        os._exit(self.exit_code)


class Refuse(Fault):
    """A closed port."""

    name, point, help = "refuse", "port", "the port refuses connections, for `delay` or until the fault is cleared; streams that run go on"

    def acts(self, place: Place) -> bool:
        return not self._hits and super().acts(place)

    def do(self, place: Place) -> None:
        self._accept = place.accept
        place.refuse()
        if self.spec.delay is not None:
            self.clock.call_at(self.clock.now() + self.spec.delay, self._accept, self.name)

    def clear(self) -> None:
        super().clear()
        if self._hits:
            self._accept()


class BrokenJson(Fault):
    """A body that is cut."""

    name, point, help = "broken-json", "answer", "the body of the answer is cut in its middle"

    def body(self, body: bytes) -> bytes:
        return body[: len(body) // 2]


class EmptyBody(Fault):
    """No body."""

    name, point, help = "empty-body", "answer", "the answer has an empty body"

    def body(self, body: bytes) -> bytes:
        return b""


class WrongVersion(Fault):
    """Another version."""

    name, point, help = "wrong-version", "answer", "the version in the answer is 9.9.9"
    states = ("idle", "draining")

    def body(self, body: bytes) -> bytes:
        return body.replace(b'"version":"0.1.0"', b'"version":"9.9.9"')


class WrongContentType(Fault):
    """A stream that says it is none."""

    name, point, help = "wrong-content-type", "program", "the stream is announced as text/html"
    states = ("idle", "busy")


# --- carried out by the program itself ---


class Exit(Fault):
    """The worker leaves while it starts or loads."""

    name, point, help = "exit", "program", "the worker ends with exit code `status` (1) while it starts; with `layer` while it loads"
    states = ("starting", "loading")


class KillAtStart(Fault):
    """SIGKILL at the start."""

    name, point, help = "kill-at-start", "program", "the worker kills itself (SIGKILL) while it starts, or `delay` later"
    states = ("starting",)


class EarlyCallback(Fault):
    """A ready callback from one who does not serve yet."""

    name, point, help = "early-callback", "program", "ready callbacks are sent while the worker's port still refuses connections"
    states = ("starting",)


class LeaveListener(Fault):
    """A port that outlives its worker."""

    name, point, help = "leave-listener", "program", "a second process holds the worker's port, and answers there when the worker is gone"
    states = ("starting",)


class SkipModelCheck(Fault):
    """Any file is a model."""

    name, point, help = "skip-model-check", "program", "the worker takes any file as its `--model`, unread"
    states = ("starting",)


class Stick(Fault):
    """Loading stops."""

    name, point, help = "stick", "program", "loading stops at `layer` for ever"
    states = ("loading",)


class NeverReady(Fault):
    """No ready callback."""

    name, point, help = "never-ready", "program", "no ready callback; the state stays loading"
    states = ("starting",)


class LostCallback(Fault):
    """A ready callback is lost."""

    name, point, help = "lost-callback", "program", "ready callbacks are not sent"
    states = ("loading", "idle")


class DoubleCallback(Fault):
    """Ready callbacks come twice."""

    name, point, help = "double-callback", "program", "ready callbacks are sent twice"
    states = ("loading", "idle")


class LateCallback(Fault):
    """Ready callbacks come late."""

    name, point, help = "late-callback", "program", "ready callbacks are sent `delay` later (1 s)"
    states = ("loading", "idle")


class LostHeartbeat(Fault):
    """Heartbeats are lost."""

    name, point, help = "lost-heartbeat", "program", "heartbeats are not sent"
    states = ("idle", "busy")


class SilentShutdown(Fault):
    """The shutdown request is not answered."""

    name, point, help = "silent-shutdown", "program", "the shutdown request is never answered, and nothing ends"
    states = ("loading", "idle", "busy")


class IgnoreShutdown(Fault):
    """The shutdown request is answered and forgotten."""

    name, point, help = "ignore-shutdown", "program", "the shutdown request is answered with 202, and nothing ends"
    states = ("loading", "idle", "busy")


class IgnoreSigterm(Fault):
    """SIGTERM without effect."""

    name, point, help = "ignore-sigterm", "program", "SIGTERM has no effect"


class SlowEnd(Fault):
    """A slow end."""

    name, point, help = "slow-end", "program", "the end takes `delay` (1 s) after a shutdown request or SIGTERM"


class HastyEnd(Fault):
    """An end that does not wait."""

    name, point, help = "hasty-end", "program", "the queen or hive tells those below it to end, and ends without waiting for them"
    states = ("draining",)


class PrematureReady(Fault):
    """Ready too early."""

    name, point, help = "premature-ready", "program", "the worker says on `/v1/ready` that it is ready while it still loads"
    states = ("loading",)


class Overbook(Fault):
    """No limit of slots."""

    name, point, help = "overbook", "program", "the worker takes requests beyond its slots"
    states = ("busy",)


class AcceptWhileDraining(Fault):
    """New work at the end."""

    name, point, help = "accept-while-draining", "program", "the worker takes new requests while it drains"
    states = ("draining",)


class SwallowCancel(Fault):
    """A cancellation that gets lost."""

    name, point, help = "swallow-cancel", "program", "the queen answers a cancellation and does not pass it on"
    states = ("idle",)


class SlowSweep(Fault):
    """A sweep that takes its time."""

    name, point, help = "slow-sweep", "program", "the queen's sweep for stale workers takes `delay` (1 s) for each of them"
    states = ("idle",)


class ChangedEtag(Fault):
    """A file that is another one by now."""

    name, point, help = "changed-etag", "program", "the hub names another ETag for a file"
    states = ("idle",)


class HugeLength(Fault):
    """A length that cannot be."""

    name, point, help = "huge-length", "program", "the hub declares a length of 2^50 bytes"
    states = ("idle",)


class SpawnFails(Fault):
    """The hive cannot start a worker."""

    name, point, help = "spawn-fails", "program", "the hive answers a spawn with 500 WORKER_CRASHED and starts nothing"
    states = ("idle",)


def _kinds(base: type[Fault]) -> Iterator[type[Fault]]:
    for kind in base.__subclasses__():
        if kind.name:
            yield kind
        yield from _kinds(kind)


KINDS: dict[str, type[Fault]] = {kind.name: kind for kind in _kinds(Fault)}
"""All kinds by name; the users' table is made from it."""
