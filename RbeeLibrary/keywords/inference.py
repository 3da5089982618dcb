"""The group Inference: asking for tokens, watching them arrive, cancelling."""

import math
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ..net.http_client import HttpFailure
from ..protocol.model_reference import NO_MODEL
from ..report.stream_table import stream_table
from ..session.assertions import Check, NotYet, Value
from ..session.inference_client import OVER, Inference
from ..session.session import Session, seconds
from ..session.types import CancelBy, Daemon, InferenceState, Statistic
from .option_arguments import asserting


class InferenceKeywords:
    """The group Inference."""

    def __init__(self, context: Session):
        self._context = context
        self._inferences: list[Inference] = []

    @keyword
    def submit_inference(
        self,
        prompt: str,
        *,
        to: str | Daemon = "queen",
        node: str | None = None,
        model: str = NO_MODEL,
        backend: str | None = None,
        device: int | None = None,
        max_tokens: int | None = 20,
        temperature: float | None = None,
        seed: int | None = None,
        api_key: str | Secret | None = None,
        request_id: str | None = None,
        timeout: timedelta | None = None,
    ) -> Inference:
        """Asks for an inference and returns at once; the answer is read in the background.

        To a queen it is a task (POST `/v2/tasks`), to a worker an inference (POST `/v1/inference`). Contract 3.1, 6.5.

        Args:
            prompt: The prompt.
            to: Name or object of a queen or worker.
            node: Node for a queen's task; default: the node of the first hive, `workstation`.
            model: Model reference for a queen's task.
            backend: Backend for a queen's task, such as `cuda`; default: any worker, and `cpu` for a new one.
            device: Device for a queen's task; default: any worker, and 0 for a new one.
            max_tokens: How many tokens; `None` leaves it to the worker, which sends 5.
            temperature: Passed on if given.
            seed: Passed on if given.
            api_key: Bearer key, as text or Secret; default: the key that the program was started with. An empty text sends none.
            request_id: Id of the request; made if not given.
            timeout: Silence after which the stream counts as stalled, in real time; the default is the library's.

        Returns:
            The inference with `id`, `tokens`, `text`, `state`, `status`, `headers`.
        """
        daemon = self._context.find(to)
        number = request_id or f"req-{uuid.uuid4().hex[:12]}"
        body: dict[str, Any] = {"request_id": number, "prompt": prompt, "max_tokens": max_tokens, "temperature": temperature, "seed": seed}
        path, cancel_path = "/v1/inference", f"/v1/inference/{number}"
        if daemon.role == "queen":
            path, cancel_path = "/v2/tasks", f"/v2/tasks/{number}"
            body = {**body, "node": node or "workstation", "model": model, "backend": backend, "device": device}
        key = self._key(daemon, api_key)
        limit = seconds(timeout, self._context.settings.now.timeout)
        inference = Inference(self._context.http, daemon, path, cancel_path, {name: value for name, value in body.items() if value is not None}, key, limit)
        self._inferences.append(inference)
        inference.start()
        logger.info(f"POST {daemon.url}{path} {number}")
        return inference

    @keyword
    def wait_for_tokens(self, inference: Inference, count: int = 1, *, within: timedelta | None = None) -> list[str]:
        """Waits until an inference has brought a number of tokens.

        Args:
            inference: From `Submit Inference`.
            count: How many tokens, counted from the beginning.
            within: Limit in real time; the default is the library's time-out.

        Returns:
            The texts of the tokens so far.

        Raises:
            AssertionError: the inference ended before, or they did not come in time.
        """
        inference.await_change(lambda: len(inference.tokens) >= count or inference.state in OVER, self._limit(within))
        texts = [token.text for token in inference.tokens]
        if len(texts) < count:
            raise AssertionError(f"{inference} has brought {len(texts)} of {count} tokens and is {inference.state.value}{inference.why()}")
        logger.info(f"{inference} has brought {len(texts)} tokens")
        return texts

    @keyword
    def read_token(self, inference: Inference, *, within: timedelta | None = None) -> str:
        """Waits for the next token that was not read yet.

        Args:
            inference: From `Submit Inference`.
            within: Limit in real time; the default is the library's time-out.

        Returns:
            The text of the token.

        Raises:
            AssertionError: the inference ended before, or it did not come in time.
        """
        position = inference.read
        inference.await_change(lambda: len(inference.tokens) > position or inference.state in OVER, self._limit(within))
        if len(inference.tokens) <= position:
            raise AssertionError(f"{inference} brought no token after the first {position} and is {inference.state.value}{inference.why()}")
        inference.read += 1
        text = inference.tokens[position].text
        logger.info(f"token {position} of {inference} is {text!r}")
        return text

    @keyword
    def wait_until_inference_ends(self, inference: Inference, *, within: timedelta | None = None) -> InferenceState:
        """Waits until an inference has ended, well or not.

        Args:
            inference: From `Submit Inference`.
            within: Limit in real time; the default is the library's time-out.

        Returns:
            Its state: done, refused, cancelled, stalled or broken.

        Raises:
            AssertionError: it did not end in time.
        """
        inference.await_change(lambda: inference.state in OVER, self._limit(within))
        if inference.state not in OVER:
            raise AssertionError(f"{inference} has not ended, it is {inference.state.value} after {len(inference.tokens)} tokens")
        logger.info(f"{inference} is {inference.state.value} after {len(inference.tokens)} tokens{inference.why()}")
        self._log_once(inference)
        return inference.state

    @keyword
    def set_answer(self, name: str | Daemon, text: str, *, prompt: str | None = None) -> None:
        """Sets what a fake worker answers from now on.

        Args:
            name: Name or object of a worker.
            text: The answer; it is split into tokens before each blank.
            prompt: Only for this prompt, or for prompts that match this regular expression; default: for every prompt.
        """
        process = self._context.process(name)
        self._context.supervisor.control(process, {"op": "set-answer", "prompt": prompt, "text": text})
        logger.info(f"{name} answers {prompt or 'everything'} with {text!r}")

    @keyword
    def cancel_inference(self, inference: Inference, *, by: CancelBy = CancelBy.delete, within: timedelta | None = None) -> InferenceState:
        """Cancels an inference and waits for its end.

        Args:
            inference: From `Submit Inference`.
            by: `delete` sends DELETE, `disconnect` closes the client's socket.
            within: Limit in real time; the default is the library's time-out.

        Returns:
            Its state, usually cancelled.

        Raises:
            AssertionError: DELETE was not answered with 204, or the inference did not end in time.
        """
        if by is CancelBy.disconnect:
            inference.disconnect()
        else:
            try:
                status = inference.delete(self._limit(within))
            except HttpFailure as error:
                raise AssertionError(f"DELETE of {inference} was not answered: {error}") from None
            if status != 204:
                raise AssertionError(f"DELETE of {inference} was answered with {status}, expected 204")
        return self.wait_until_inference_ends(inference, within=within)

    @keyword
    @asserting(InferenceState, "the state")
    def get_inference_state(self, inference: Inference, *, check: Check) -> InferenceState:
        """Reads the state of an inference, and checks it if an operator is given.

        Args:
            inference: From `Submit Inference`.

        Returns:
            The state.
        """
        return self._verify(inference, f"state of {inference}", lambda: inference.state, check)

    @keyword
    @asserting(int, "the number")
    def get_token_count(self, inference: Inference, *, check: Check) -> int:
        """Counts the token events that have arrived, and checks the number if an operator is given.

        Args:
            inference: From `Submit Inference`.

        Returns:
            The number.
        """
        return self._verify(inference, f"number of tokens of {inference}", lambda: len(inference.tokens), check)

    @keyword
    @asserting(str, "the text")
    def get_inference_text(self, inference: Inference, *, check: Check) -> str:
        """Reads the text that has arrived so far, and checks it if an operator is given.

        Args:
            inference: From `Submit Inference`.

        Returns:
            The text.
        """
        return self._verify(inference, f"text of {inference}", lambda: inference.text, check)

    @keyword
    @asserting(str, "a code of contract 13, such as `ALL_SLOTS_BUSY`, `UNREACHABLE` when no connection was made, or empty,")
    def get_inference_error(self, inference: Inference, *, check: Check) -> str:
        """Reads the error code of an inference, and checks it if an operator is given.

        Args:
            inference: From `Submit Inference`.

        Returns:
            The code.
        """
        return self._verify(inference, f"error of {inference}", lambda: inference.error_code, check)

    @keyword
    @asserting(timedelta, "the time")
    def get_token_gap(self, inference: Inference, statistic: Statistic = Statistic.median, *, check: Check) -> timedelta:
        """Reads how far apart in time the tokens arrived, in real time at the client, and checks it if an operator is given.

        Args:
            inference: From `Submit Inference`.
            statistic: Which of the gaps: `min`, `median`, `p95` or `max`.

        Returns:
            The gap.
        """

        def read() -> timedelta:
            times = [token.at for token in inference.tokens]
            gaps = sorted(later - earlier for earlier, later in zip(times, times[1:], strict=False))
            if not gaps:
                raise NotYet("needs two tokens to be measured")
            return timedelta(seconds=_pick(gaps, statistic))

        return self._verify(inference, f"{statistic.value} gap between tokens of {inference}", read, check)

    # --- for the library ---

    def all(self) -> list[Inference]:
        """All inferences of the test."""
        return list(self._inferences)

    def abandon_all(self) -> None:
        """Ends what still runs: its clients leave, so that draining workers have nothing to wait for."""
        for inference in self._inferences:
            if inference.state not in OVER:
                inference.disconnect()
        for inference in self._inferences:
            inference.await_change(lambda inference=inference: inference.state in OVER, 1.0)  # type: ignore[misc]

    def log_all(self) -> None:
        """Logs the streams that no keyword has shown yet, and forgets them."""
        for inference in self._inferences:
            self._log_once(inference)
        self._inferences = []

    # --- inside ---

    def _verify(self, inference: Inference, what: str, read: Callable[[], Value], check: Check) -> Value:
        value = self._context.verify(what, read, check)
        if inference.state in OVER:
            self._log_once(inference)
        return value

    def _log_once(self, inference: Inference) -> None:
        if not inference.logged and inference.started_at:
            inference.logged = True
            logger.info(
                stream_table(
                    str(inference), inference.state.value, inference.why(), inference.started_at, [(token.text, token.at) for token in inference.tokens]
                ),
                html=True,
            )

    def _limit(self, within: timedelta | None) -> float:
        return seconds(within, self._context.settings.now.timeout)

    def _key(self, daemon: Daemon, given: str | Secret | None) -> str | None:
        if isinstance(given, Secret):
            return str(given.value)
        if given is not None:
            return given or None
        keys = self._context.known_keys
        return keys.get(daemon.name) or (keys.get(daemon.owner) if daemon.owner else None)


def _pick(ordered: list[float], statistic: Statistic) -> float:
    position = {Statistic.min: 0.0, Statistic.median: 0.5, Statistic.p95: 0.95, Statistic.max: 1.0}[statistic]
    return ordered[min(len(ordered) - 1, math.ceil(position * len(ordered)) - 1 if position else 0)]
