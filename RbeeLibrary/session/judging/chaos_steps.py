"""Carries out the steps of a chaos schedule on a session, without Robot Framework."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from ...errors import UsageError
from ...faults.base import FaultSpec
from ...protocol.units import Duration
from ..assertions import repeat_until
from ..inference.inference_client import Inference
from ..inference.inferences import await_end
from ..session import Session
from ..types import CancelBy

Values = dict[str, str]


class ChaosSteps:
    """The keywords that a schedule uses, by name.

    Args:
        session: where they act.
    """

    def __init__(self, session: Session):
        self._session = session
        self._actions: dict[str, Callable[[list[Any], Values], Any]] = {
            "Advance Time": lambda words, _: self._advance(words[0]),
            "Submit Inference": self._submit,
            "Cancel Inference": self._cancel,
            "Inject Fault": self._inject,
            "Clear Faults": lambda *_: session.faults.clear(),
            "Partition": lambda words, _: session.partitions.part(words[0]),
            "Heal": lambda *_: session.partitions.heal(),
            "Freeze": lambda words, _: self._freeze(words[0]),
            "Resume": lambda words, _: self._resume(words[0]),
            "Terminate": lambda words, _: self._signal(words[0], signal.SIGTERM),
            "Kill": lambda words, _: self._kill(words[0]),
            "Restart": lambda words, values: session.start.restart(words[0], _seconds(values["timeout"])),
        }

    def __call__(self, keyword: str, *args: Any) -> Any:
        """Carries a step out.

        Args:
            keyword: its name.
            args: as in a .robot file; an inference is given as an object.

        Raises:
            AssertionError: it failed.
            UsageError: it cannot be done.
        """
        named = dict(arg.split("=", 1) for arg in args if isinstance(arg, str) and "=" in arg)
        words = [arg for arg in args if not (isinstance(arg, str) and "=" in arg)]
        return self._actions[keyword](words, named)

    def _advance(self, time: str) -> None:
        self._session.advance(_seconds(time), self._session.settings.now.timeout)

    def _submit(self, words: list[Any], values: Values) -> Inference:
        return self._session.inferences.submit(
            words[0], values["to"], _seconds(values["timeout"]), request_id=values["request_id"], max_tokens=int(values["max_tokens"])
        )

    def _cancel(self, words: list[Any], values: Values) -> None:
        limit = self._session.settings.now.timeout
        self._session.inferences.cancel(words[0], CancelBy(values["by"]), limit)
        await_end(words[0], limit)

    def _inject(self, words: list[Any], values: Values) -> None:
        name, kind = words[0], str(words[1]).replace(" ", "-")
        spec = FaultSpec.parse(f"{kind}:{','.join(f'{key}={value}' for key, value in values.items())}")
        self._session.faults.inject(name, kind, **{key: value for key, value in vars(spec).items() if key in values})

    def _signal(self, name: str, number: int) -> None:
        self._session.stopper.signal(self._session.programs.process(name), number)

    def _freeze(self, name: str) -> None:
        process = self._session.programs.process(name)
        self._session.stopper.signal(process, signal.SIGSTOP)
        limit = self._session.settings.now.timeout
        if not repeat_until(lambda: process.frozen, bool, limit, self._session.run.supervisor.await_news):
            raise AssertionError(f"{name} is not frozen within {limit:g} s of SIGSTOP")

    def _resume(self, name: str) -> None:
        self._signal(name, signal.SIGCONT)
        self._session.partitions.follow()  # it could not be told while it was frozen

    def _kill(self, name: str) -> None:
        self._signal(name, signal.SIGKILL)
        if self._session.stopper.await_code(self._session.programs.process(name), self._session.settings.now.timeout) is None:
            raise AssertionError(f"{name} is still there after SIGKILL")


def _seconds(text: str) -> float:
    try:
        return Duration.parse(text)
    except ValueError as error:
        raise UsageError(str(error)) from None
