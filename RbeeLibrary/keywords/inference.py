"""The group Inference: asking for tokens, watching them arrive, cancelling."""

from collections.abc import Callable
from datetime import timedelta

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ..listener.stream_log import log_stream
from ..protocol.model_reference import NO_MODEL
from ..session.assertions import Check, Value
from ..session.inference_client import OVER, Inference
from ..session.inferences import await_end, next_token, token_gap, tokens_so_far
from ..session.session import Session
from ..session.types import CancelBy, Daemon, InferenceState, Statistic
from .option_arguments import asserting


class InferenceKeywords:
    """The group Inference."""

    def __init__(self, session: Session):
        self._session = session

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
        )
        logger.info(f"POST {inference.url} {inference.id}")
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
        texts = tokens_so_far(inference, count, self._limit(within))
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
        text = next_token(inference, self._limit(within))
        logger.info(f"token {inference.read - 1} of {inference} is {text!r}")
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
        state = await_end(inference, self._limit(within))
        logger.info(f"{inference} is {state.value} after {len(inference.tokens)} tokens{inference.why()}")
        log_stream(inference)
        return state

    @keyword
    def set_answer(self, name: str | Daemon, text: str, *, prompt: str | None = None) -> None:
        """Sets what a fake worker answers from now on.

        Args:
            name: Name or object of a worker.
            text: The answer; it is split into tokens before each blank.
            prompt: Only for this prompt, or for prompts that match this regular expression; default: for every prompt.
        """
        process = self._session.programs.process(name)
        self._session.run.supervisor.control(process, {"op": "set-answer", "prompt": prompt, "text": text})
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
        self._session.inferences.cancel(inference, by, self._limit(within))
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
        return self._verify(inference, f"{statistic.value} gap between tokens of {inference}", lambda: token_gap(inference, statistic), check)

    def _verify(self, inference: Inference, what: str, read: Callable[[], Value], check: Check) -> Value:
        value = self._session.verify(what, read, check)
        if inference.state in OVER:
            log_stream(inference)
        return value

    def _limit(self, within: timedelta | None) -> float:
        return self._session.settings.timeout(within)
