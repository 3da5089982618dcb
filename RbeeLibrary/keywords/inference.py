"""The group Inference: submitting inferences, reading their tokens, cancelling them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ..listener.stream_log import log_stream
from ..session.assertions import Check, Hopeless, Value, shown
from ..session.inference.inference_client import OVER, Inference, Reading
from ..session.inference.inferences import await_end, next_token, token_gap, tokens_so_far
from ..session.session import Session
from ..session.types import CancelBy, Daemon, InferenceState, Statistic
from .argument_types import Count, Default, Rate, Span, TokenCount
from .option_arguments import asserting

_ONE: Any = Default(1)
_TOKENS: Any = Default(20)


class InferenceKeywords:
    """Keywords of the group Inference."""

    def __init__(self, session: Session):
        self._session = session

    @keyword
    def submit_inference(
        self,
        prompt: str,
        *,
        to: str | Daemon = "queen",
        node: str | None = None,
        model: str | None = None,
        backend: str | None = None,
        device: Count = None,
        max_tokens: TokenCount = _TOKENS,
        temperature: float | None = None,
        seed: int | None = None,
        api_key: str | Secret | None = None,
        request_id: str | None = None,
        timeout: Span = None,
        read_rate: Rate | None = None,
        leave_after: Count = None,
        half_close: bool = False,
        last_event_id: str | None = None,
    ) -> Inference:
        """Submits an inference and returns at once; the answer is read in the background.

        A queen receives it as a task (POST `/v2/tasks`), a worker as an inference (POST `/v1/inference`). Contract 3.1, 6.5.

        Args:
            prompt: The prompt.
            to: Name or object of a queen or worker.
            node: Node for a task; default: the node of the first hive, `workstation`.
            model: Model reference for a task; default: `mock-model`, or with a real hive, the model in its catalog.
            backend: Backend for a task, such as `cuda`; default: any for an existing worker, `cpu` for a new one.
            device: Device number for a task; default: any for an existing worker, 0 for a new one.
            max_tokens: Number of tokens; `None` leaves it to the worker, which sends 5.
            temperature: Temperature; default: that of the worker.
            seed: Seed; default: that of the worker.
            api_key: API key, as text or Secret; default: the key that the program was started with. An empty text sends none.
            request_id: Id of the request; default: generated.
            timeout: Silence in real time after which the stream counts as stalled; default: the library's `timeout`.
            read_rate: Tokens that the client reads per second of real time; it really reads no more, so the rest waits at the server. `0/s` is none.
            leave_after: Number of tokens after which the client closes the connection.
            half_close: Whether the client closes its own direction once the request is sent, as `nc -N` does.
            last_event_id: Value of the header `Last-Event-ID`, of a client that connects again.

        Returns:
            The inference with `id`, `tokens`, `text`, `state`, `status`, `headers`.
        """
        silence = self._limit(timeout)
        key = str(api_key.value) if isinstance(api_key, Secret) else api_key
        inference = self._session.inferences.submit(
            prompt,
            to,
            silence,
            node=node,
            model=model,
            backend=backend,
            device=device,
            request_id=request_id,
            api_key=key,
            max_tokens=max_tokens,
            temperature=temperature,
            seed=seed,
            reading=Reading(read_rate, leave_after, half_close, last_event_id),
        )
        logger.info(f"POST {inference.url} {inference.id}")
        return inference

    @keyword
    def pause_reading(self, inference: Inference) -> None:
        """Makes the client of an inference read nothing more, with the connection open. Use `read_rate` as well, or much has been read in advance.

        Args:
            inference: Inference from `Submit Inference`.
        """
        inference.pause()

    @keyword
    def resume_reading(self, inference: Inference) -> None:
        """Makes the client of an inference read on.

        Args:
            inference: Inference from `Submit Inference`.
        """
        inference.resume()

    @keyword
    def wait_for_tokens(
        self,
        inference: Inference,
        count: Count = _ONE,
        *,
        within: Span = None,
    ) -> list[str]:
        """Waits until a number of tokens of an inference have arrived.

        Args:
            inference: Inference from `Submit Inference`.
            count: Number of tokens, counted from the start of the stream.
            within: Time limit in real time; default: the library's `timeout`.

        Returns:
            The texts of all tokens so far.

        Raises:
            AssertionError: the inference ended early, or the tokens did not arrive in time.
        """
        texts = tokens_so_far(inference, count, self._limit(within), self._session.run.held_clock)
        logger.info(f"{inference} has brought {len(texts)} tokens")
        return texts

    @keyword
    def read_token(self, inference: Inference, *, within: Span = None) -> str:
        """Waits for the next token that has not been read yet.

        Args:
            inference: Inference from `Submit Inference`.
            within: Time limit in real time; default: the library's `timeout`.

        Returns:
            The text of the token.

        Raises:
            AssertionError: the inference ended early, or no token arrived in time.
        """
        text = next_token(inference, self._limit(within), self._session.run.held_clock)
        logger.info(f"token {inference.read - 1} of {inference} is {text!r}")
        return text

    @keyword
    def wait_until_inference_ends(self, inference: Inference, *, within: Span = None) -> InferenceState:
        """Waits until an inference has ended, successfully or not.

        Args:
            inference: Inference from `Submit Inference`.
            within: Time limit in real time; default: the library's `timeout`.

        Returns:
            Its state: `done`, `refused`, `cancelled`, `stalled` or `broken`.

        Raises:
            AssertionError: the inference did not end in time.
        """
        state = await_end(inference, self._limit(within), self._session.run.held_clock)
        logger.info(f"{inference} is {state.value} after {len(inference.tokens)} tokens{inference.why()}")
        log_stream(inference)
        return state

    @keyword
    def set_answer(self, name: str | Daemon, text: str, *, prompt: str | None = None) -> None:
        """Sets the answer of a fake worker to further requests.

        Args:
            name: Name or object of a worker.
            text: The answer; split into tokens before each blank.
            prompt: Prompt, or regular expression for prompts, that gets this answer; default: every prompt.
        """
        process = self._session.programs.process(name)
        self._session.run.supervisor.control(process, {"op": "set-answer", "prompt": prompt, "text": text})
        logger.info(f"{name} answers {prompt or 'everything'} with {text!r}")

    @keyword
    def cancel_inference(self, inference: Inference, *, by: CancelBy = CancelBy.delete, within: Span = None) -> InferenceState:
        """Cancels an inference and waits for its end.

        Args:
            inference: Inference from `Submit Inference`.
            by: `delete` sends a DELETE request, `disconnect` closes the client's socket.
            within: Time limit in real time; default: the library's `timeout`.

        Returns:
            Its state, usually `cancelled`.

        Raises:
            AssertionError: the answer to DELETE was not 204, or the inference did not end in time.
        """
        self._session.inferences.cancel(inference, by, self._limit(within))
        return self.wait_until_inference_ends(inference, within=within)

    @keyword
    @asserting(InferenceState, "state")
    def get_inference_state(self, inference: Inference, *, check: Check) -> InferenceState:
        """Reads the state of an inference, and checks it if an operator is given.

        Args:
            inference: Inference from `Submit Inference`.

        Returns:
            The state.
        """

        def read() -> InferenceState:
            state = inference.state
            if check.operator == "==" and state in OVER and state is not check.expected:
                raise Hopeless(f"state of {inference} is {state.value}{inference.why()}, which is final, expected == {shown(check.expected)}")
            return state

        return self._verify(inference, f"state of {inference}", read, check)

    @keyword
    @asserting(int, "number")
    def get_token_count(self, inference: Inference, *, check: Check) -> int:
        """Counts the tokens that have arrived, and checks the number if an operator is given.

        Args:
            inference: Inference from `Submit Inference`.

        Returns:
            The number.
        """
        return self._verify(inference, f"number of tokens of {inference}", lambda: len(inference.tokens), check)

    @keyword
    @asserting(str, "text")
    def get_inference_text(self, inference: Inference, *, check: Check) -> str:
        """Reads the text that has arrived so far, and checks it if an operator is given.

        Args:
            inference: Inference from `Submit Inference`.

        Returns:
            The text.
        """
        return self._verify(inference, f"text of {inference}", lambda: inference.text, check)

    @keyword
    @asserting(str, "code, from contract 13 such as `ALL_SLOTS_BUSY`, `UNREACHABLE` if no connection was made, or empty if there is no error")
    def get_inference_error(self, inference: Inference, *, check: Check) -> str:
        """Reads the error code of an inference, and checks it if an operator is given.

        Args:
            inference: Inference from `Submit Inference`.

        Returns:
            The code; the text of a refusal without the envelope, as real programs send it; empty if there is no error.
        """
        return self._verify(inference, f"error of {inference}", lambda: inference.error_code or inference.refusal, check)

    @keyword
    @asserting(timedelta, "gap")
    def get_token_gap(self, inference: Inference, statistic: Statistic = Statistic.median, *, check: Check) -> timedelta:
        """Reads a statistic of the time between tokens at the client, in real time, and checks it if an operator is given.

        Args:
            inference: Inference from `Submit Inference`.
            statistic: Statistic of the gaps: `min`, `median`, `p95` or `max`.

        Returns:
            The gap.
        """
        return self._verify(inference, f"{statistic.value} gap between tokens of {inference}", lambda: token_gap(inference, statistic), check)

    def _verify(self, inference: Inference, subject: str, read: Callable[[], Value], check: Check) -> Value:
        value = self._session.verify(subject, read, check)
        if inference.state in OVER:
            log_stream(inference)
        return value

    def _limit(self, within: Span | None) -> float:
        return self._session.settings.timeout(within)
