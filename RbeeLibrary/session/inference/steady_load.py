"""Constant load for functional tests: an inference every so often, from a thread, and statistics of all of them."""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from ..types import InferenceState, LoadStatistic
from .inference_client import OVER, Inference


@dataclass(eq=False)
class SteadyLoad:
    """A thread that submits an inference every so often until it is stopped: `${load.inferences}`.

    Args:
        submit: submits one.
        every: seconds of real time between two of them; their times do not shift if one is late.
    """

    submit: Callable[[], Inference]
    every: float

    def __post_init__(self) -> None:
        self.inferences: list[Inference] = []
        self.problem = ""
        """Why it ended by itself; empty while it goes on."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._thread.start()

    def __str__(self) -> str:
        return f"load of {len(self.inferences)} inferences"

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            try:
                inference = self.submit()
            except Exception as error:
                self.problem = f"{type(error).__name__}: {error}"
                return
            inference.logged = True  # a table for each of hundreds of streams would bury the log
            self.inferences.append(inference)
            due += self.every
            self._stop.wait(max(0.0, due - time.monotonic()))

    def end(self) -> None:
        """Submits no further ones; those under way go on."""
        self._stop.set()
        self._thread.join()

    def await_end(self, limit: float) -> list[Inference]:
        """Waits until all have ended; returns those that have not.

        Args:
            limit: seconds of real time for all of them.
        """
        deadline = time.monotonic() + limit
        for inference in self.inferences:
            inference.await_end(max(0.0, deadline - time.monotonic()))
        return [inference for inference in self.inferences if inference.state not in OVER]

    def read(self, wanted: LoadStatistic, code: str | None = None) -> float | timedelta:
        """A statistic of the inferences so far.

        Args:
            wanted: which one; times are `timedelta`.
            code: counts only failures with this error code or HTTP status.
        """
        if wanted in _COUNTS:
            return sum(_COUNTS[wanted](inference) for inference in self.inferences if code is None or code in (inference.error_code, str(inference.status)))
        share, measure = _TIMES[wanted]
        values = sorted(measure(inference) for inference in self.inferences if inference.tokens)
        if not values:
            return timedelta(0)
        found = statistics.median(values) if share == 0.5 else values[min(len(values) - 1, max(0, math.ceil(share * len(values)) - 1))]
        return timedelta(seconds=found)


def _first_token(inference: Inference) -> float:
    return inference.tokens[0].at - inference.started_at


def _duration(inference: Inference) -> float:
    return inference.tokens[-1].at - inference.started_at


_COUNTS: dict[LoadStatistic, Callable[[Inference], int]] = {
    LoadStatistic.retries: lambda _: 0,
    LoadStatistic.requests: lambda inference: 1,
    LoadStatistic.done: lambda inference: inference.state is InferenceState.done,
    LoadStatistic.failures: lambda inference: inference.state in OVER and inference.state is not InferenceState.done,
    LoadStatistic.running: lambda inference: inference.state not in OVER,
    LoadStatistic.tokens: lambda inference: len(inference.tokens),
}
_TIMES: dict[LoadStatistic, tuple[float, Callable[[Inference], float]]] = {
    LoadStatistic.median_first_token: (0.5, _first_token),
    LoadStatistic.p95_first_token: (0.95, _first_token),
    LoadStatistic.max_first_token: (1.0, _first_token),
    LoadStatistic.median_duration: (0.5, _duration),
    LoadStatistic.p95_duration: (0.95, _duration),
    LoadStatistic.max_duration: (1.0, _duration),
}
