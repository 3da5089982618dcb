"""Logs the stream of an inference as a table."""

from __future__ import annotations

from robot.api import logger

from ..report.stream_table import stream_table
from ..session.inference.inference_client import Inference


def log_stream(inference: Inference) -> None:
    """Logs a table of the tokens of an inference, unless it was logged before or was never sent."""
    if inference.logged or not inference.started_at:
        return
    inference.logged = True
    tokens = [(token.text, token.at) for token in inference.tokens]
    state = inference.unfinished or inference.state.value
    logger.info(stream_table(str(inference), state, "" if inference.unfinished else inference.why(), inference.started_at, tokens), html=True)
