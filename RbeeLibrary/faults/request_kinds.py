"""Kinds of faults that affect requests, answers and ports."""

from __future__ import annotations

import os
import re

from .base import ChaosUse, Cut, ErrorAnswer, Fault, FaultContext

_ONE_SECOND = 1.0
_VERSION = re.compile(rb'("version":)"[^"]*"')


class Delay(Fault):
    """Delays the answer."""

    name, point, help = "delay", "request", "the answer comes `delay` later (1 s)"
    from_outside = True
    needs_delay = True
    chaos = ChaosUse("hive", ("path=/v1/workers/list", "delay"))

    def do(self, context: FaultContext) -> None:
        self.hold(context, self.spec.delay if self.spec.delay is not None else _ONE_SECOND)


class Status(Fault):
    """Answers with an error."""

    name, point, help = "status", "request", "the answer is an error with `status` (503) and `code` (INTERNAL)"
    from_outside = True
    chaos = ChaosUse("worker", ("path=/v1/inference",))

    def do(self, context: FaultContext) -> None:
        raise ErrorAnswer(self.spec.status or 503, self.spec.code or "INTERNAL")


class NeverAnswer(Fault):
    """Accepts the request and never answers it."""

    name, point, help = "no-answer", "request", "the request is taken and never answered"
    from_outside = True
    chaos = ChaosUse("hive", ("path=/v1/workers/list",))

    def do(self, context: FaultContext) -> None:
        self.hold(context, None)


class ResetRequest(Fault):
    """Resets the connection instead of answering."""

    name, point, help = "reset-request", "request", "the connection ends with a RST before any answer"
    from_outside = True
    chaos = ChaosUse("worker", ("path=/v1/inference",))

    def do(self, context: FaultContext) -> None:
        context.reset()
        raise Cut


class KillOnRequest(Fault):
    """Kills the process on a request."""

    name, point, help = "kill-on-request", "request", "the process kills itself (SIGKILL) instead of answering"
    from_outside = True
    chaos = ChaosUse("worker", ("path=/v1/inference",))
    cuts_stream = True

    def do(self, context: FaultContext) -> None:
        context.kill()


class ExitOnRequest(Fault):
    """Exits on a request."""

    name, point, help = "exit-on-request", "request", "the process ends with exit code `status` (1) instead of answering"

    def do(self, context: FaultContext) -> None:
        os._exit(self.exit_code)


class Refuse(Fault):
    """Closes the port of the program."""

    name, point, help = "refuse", "port", "the port refuses connections, for `delay` or until the fault is cleared; streams that run go on"
    from_outside = True
    needs_delay = True
    chaos = ChaosUse("hive", ("delay",))

    def acts(self, context: FaultContext) -> bool:
        return not self._hits and super().acts(context)

    def do(self, context: FaultContext) -> None:
        self._accept = context.accept
        context.refuse()
        if self.spec.delay is not None:
            self.clock.call_at(self.clock.now() + self.spec.delay, self._accept, self.name)

    def clear(self) -> None:
        super().clear()
        if self._hits:
            self._accept()


class BrokenJson(Fault):
    """Cuts the body of the answer in half."""

    name, point, help = "broken-json", "answer", "the body of the answer is cut in its middle"
    from_outside = True
    chaos = ChaosUse("hive", ("path=/v1/workers/list",))

    def body(self, body: bytes) -> bytes:
        return body[: len(body) // 2]


class EmptyBody(Fault):
    """Answers without a body."""

    name, point, help = "empty-body", "answer", "the answer has an empty body"
    from_outside = True
    chaos = ChaosUse("hive", ("path=/v1/workers/list",))

    def body(self, body: bytes) -> bytes:
        return b""


class WrongVersion(Fault):
    """Replaces the version in the answer."""

    name, point, help = "wrong-version", "answer", "the version in the answer is 9.9.9"
    from_outside = True
    roles = ("hive", "queen", "hub")
    chaos = ChaosUse("hive", ("path=/v1/health",))
    states = ("idle", "draining")

    def body(self, body: bytes) -> bytes:
        return _VERSION.sub(rb'\g<1>"9.9.9"', body)


class WrongContentType(Fault):
    """Sends a stream with a wrong content type."""

    name, point, help = "wrong-content-type", "program", "the stream is announced as text/html"
    states = ("idle", "busy")
