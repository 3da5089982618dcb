"""The tokens that a worker generates, and where its engine stops (contract 6.1, 6.5)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from ...protocol.forms import numbers
from ...protocol.model.gguf import Model
from ...protocol.program_options import WorkerOptions
from ...protocol.schema.messages import InferenceRequest
from ...protocol.tokens import DEFAULT_TOKENS, generated, split_answer


class ScriptedAnswers:
    """The answers of one worker: scripted ones, else the default tokens of the contract.

    Raises:
        ValueError: `--answers` or `--token-ids` cannot be read.
        OSError: the file of `--answers` cannot be read.
    """

    def __init__(self, options: WorkerOptions):
        self._scripted: list[tuple[str | None, str]] = []
        if options.answers is not None:
            with open(options.answers, encoding="utf-8") as file:
                table = json.load(file)
            if not isinstance(table, dict) or not all(isinstance(text, str) for text in table.values()):
                raise ValueError(f"--answers {options.answers}: expected a JSON object of prompt or pattern -> text")
            self._scripted.extend(table.items())
        if options.answer is not None:
            self._scripted.append((None, options.answer))
        self._ids = numbers(options.token_ids or "")

    def put_first(self, prompt: str | None, text: str) -> None:
        """Scripts the answer to a prompt or pattern, or to every prompt (None); it takes precedence over earlier ones."""
        self._scripted.insert(0, (prompt, text))

    def tokens(self, inference_request: InferenceRequest) -> Iterator[str]:
        """Tokens of the answer to a request."""
        prompt, max_tokens = inference_request.prompt, inference_request.max_tokens
        answer = next((text for pattern, text in self._scripted if pattern is None or pattern == prompt or _matches(pattern, prompt)), None)
        if answer is not None:
            return iter(split_answer(answer)[:max_tokens])
        if max_tokens is None:
            return iter(DEFAULT_TOKENS)
        return generated(prompt, inference_request.seed, max_tokens)

    def ends_at(self, index: int, model: Model | None) -> bool:
        """Whether the engine generates the model's end-of-sequence id at this index, instead of a token."""
        return model is not None and index < len(self._ids) and self._ids[index] == model.eos_token_id


def _matches(pattern: str, prompt: str) -> bool:
    try:
        return re.fullmatch(pattern, prompt) is not None
    except re.error:
        return False
