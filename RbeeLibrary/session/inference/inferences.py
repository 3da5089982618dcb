"""The inferences of a session: submitted, cancelled, and ended with their test."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

from ...errors import HttpFailure, UsageError
from ...protocol.model.model_reference import CATALOG_MODEL, NO_MODEL
from ..assertions import NotYet
from ..programs.programs import Programs
from ..run import Run
from ..types import CancelBy, Daemon, InferenceState, Statistic
from .inference_client import OVER, Inference, Reading
from .steady_load import SteadyLoad

_NO_CONTENT = 204
_DEFAULT_NODE = "workstation"


class Inferences:
    """Submits inferences and keeps those of the present test.

    Args:
        run: sends the requests.
        programs: finds queens and workers.

    Attributes:
        loads: that go on beside the test.
    """

    def __init__(self, run: Run, programs: Programs):
        self._run = run
        self._programs = programs
        self._inferences: list[Inference] = []
        self.loads: list[SteadyLoad] = []

    def submit(
        self,
        prompt: str,
        to: str | Daemon,
        silence: float,
        *,
        node: str | None = None,
        model: str | None = None,
        backend: str | None = None,
        device: int | None = None,
        request_id: str | None = None,
        api_key: str | None = None,
        reading: Reading | None = None,
        **fields: Any,
    ) -> Inference:
        """Sends a request for an inference and returns at once; the answer is read in a thread.

        Args:
            prompt: the prompt.
            to: name or object of a queen or worker.
            silence: seconds of real time without a byte after which the stream counts as stalled.
            node: of a queen's task; None = that of the first hive.
            model: of a queen's task; None = no model, or with a real hive, the one in its catalog.
            backend: of a queen's task.
            device: of a queen's task.
            request_id: id of the request; None = made here.
            api_key: bearer key; None = the key that the program was started with, an empty text sends none.
            reading: how the client reads; None = all as it comes.
            fields: further fields of the body; None = left out.
        """
        daemon = self._programs.find(to)
        number = request_id or f"req-{uuid.uuid4().hex[:12]}"
        body: dict[str, Any] = {"request_id": number, "prompt": prompt, **fields}
        path, cancel_path = "/v1/inference", f"/v1/inference/{number}"
        if daemon.role == "queen":
            path, cancel_path = "/v2/tasks", f"/v2/tasks/{number}"
            node = node or self.default_node()
            body |= {"node": node, "model": model or self._default_model(node), "backend": backend, "device": device}
        if daemon.profile is not None:
            body |= dict.fromkeys(daemon.profile.ids, number)
            body |= {name: value for name, value in daemon.profile.fields.items() if body.get(name) is None}
        key = self._programs.key_of(daemon) if api_key is None else api_key or None
        body = {name: value for name, value in body.items() if value is not None}
        inference = Inference(self._run.http, daemon, path, cancel_path, body, key, silence, reading)
        self._inferences.append(inference)
        inference.start()
        return inference

    def default_node(self) -> str:
        """Node of a task that names none: that of the first hive."""
        return next((hive.node for hive in self._programs.of_role("hive") if hive.node), _DEFAULT_NODE)

    def _default_model(self, node: str) -> str:
        has_catalog = any(hive.node == node and hive.profile is not None and hive.profile.has_catalog for hive in self._programs.of_role("hive"))
        return CATALOG_MODEL if has_catalog else NO_MODEL

    def cancel(self, inference: Inference, by: CancelBy, limit: float) -> None:
        """Cancels an inference, by DELETE or by closing the client's socket.

        Raises:
            AssertionError: DELETE was not answered with 204.
        """
        if by is CancelBy.disconnect:
            inference.disconnect()
            return
        try:
            status = inference.delete(limit)
        except HttpFailure as error:
            raise AssertionError(f"DELETE of {inference} was not answered: {error}") from None
        if status != _NO_CONTENT:
            raise AssertionError(f"DELETE of {inference} was answered with {status}, expected {_NO_CONTENT}")

    def all(self) -> list[Inference]:
        """All inferences of the test."""
        return list(self._inferences)

    def abandon_all(self) -> None:
        """Ends all loads, and disconnects the clients of running inferences, so that draining workers have nothing to wait for."""
        for load in self.loads:
            load.end()
        self.loads = []
        for inference in self._inferences:
            if inference.state not in OVER:
                inference.unfinished = f"{inference.state.value} when the test ended"
                inference.disconnect()
        for inference in self._inferences:
            inference.await_end(1.0)

    def forget_all(self) -> list[Inference]:
        """Forgets the inferences of the test, and returns them."""
        forgotten, self._inferences = self._inferences, []
        return forgotten


def token_gap(inference: Inference, statistic: Statistic) -> timedelta:
    """A statistic of the times between tokens, as they arrived at the client.

    Raises:
        NotYet: there are fewer than two tokens.
    """
    times = [token.at for token in inference.tokens]
    gaps = sorted(later - earlier for earlier, later in pairwise(times))
    if not gaps:
        raise NotYet("needs two tokens to be measured")
    position = {Statistic.min: 0.0, Statistic.median: 0.5, Statistic.p95: 0.95, Statistic.max: 1.0}[statistic]
    return timedelta(seconds=gaps[min(len(gaps) - 1, math.ceil(position * len(gaps)) - 1 if position else 0)])


def tokens_so_far(inference: Inference, count: int, limit: float, hint: Callable[[], str] = str) -> list[str]:
    """Waits until an inference has brought a number of tokens; returns the texts of all that have come.

    Raises:
        AssertionError: it ended before, or they did not come within the limit.
    """
    if count < 0:
        raise UsageError(f"{count} tokens cannot be waited for: expected a number from 0 on")
    inference.await_change(lambda: len(inference.tokens) >= count or inference.state in OVER, limit)
    texts = [token.text for token in inference.tokens]
    if len(texts) < count:
        raise AssertionError(
            f"{inference} has brought {len(texts)} of {count} tokens and is {inference.state.value}{inference.why()}{_unless_over(inference, hint)}"
        )
    return texts


def next_token(inference: Inference, limit: float, hint: Callable[[], str] = str) -> str:
    """Waits for the next token that was not read yet.

    Raises:
        AssertionError: the inference ended before, or it did not come within the limit.
    """
    position = inference.read
    inference.await_change(lambda: len(inference.tokens) > position or inference.state in OVER, limit)
    if len(inference.tokens) <= position:
        raise AssertionError(
            f"{inference} brought no token after the first {position} and is {inference.state.value}{inference.why()}{_unless_over(inference, hint)}"
        )
    inference.read += 1
    return inference.tokens[position].text


def await_end(inference: Inference, limit: float, hint: Callable[[], str] = str) -> InferenceState:
    """Waits until an inference has ended, well or not; returns its state.

    Raises:
        AssertionError: it did not end within the limit.
    """
    if not inference.await_end(limit):
        raise AssertionError(f"{inference} has not ended, it is {inference.state.value} after {len(inference.tokens)} tokens{_unless_over(inference, hint)}")
    return inference.state


def _unless_over(inference: Inference, hint: Callable[[], str]) -> str:
    return "" if inference.state in OVER else hint()
