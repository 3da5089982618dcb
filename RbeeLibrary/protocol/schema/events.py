"""Events of streams as dataclasses, fields in wire order (contract 12)."""

from __future__ import annotations

from typing import Any

from .answers import described
from .fields import anything, flag, integer, number, text


@described
class PlainToken:
    """A token in shape `plain`."""

    t: str = text()


@described
class IndexedToken:
    """A token in shape `indexed`."""

    token: str = text()
    index: int = integer(0)


@described
class IndexedEnd:
    """The end of the tokens in shape `indexed`."""

    done: bool = flag()
    total_tokens: int = integer(0)
    duration_ms: int = integer(0)


@described
class Narration:
    """What the worker does, in words for people, in shape `typed`."""

    type: str = text(choices=("narration",))
    actor: str = text()
    action: str = text()
    target: str = text()
    human: str = text()
    cute: str = text(default=None)
    job_id: str = text(default=None)


@described
class TypedStart:
    """The start of the tokens in shape `typed`."""

    type: str = text(choices=("started",))
    job_id: str = text(1)
    model: str = text()
    started_at: str = text(1)


@described
class TypedToken:
    """A token in shape `typed`."""

    type: str = text(choices=("token",))
    t: str = text()
    i: int = integer(0)


@described
class TypedEnd:
    """The end of the tokens in shape `typed`."""

    type: str = text(choices=("end",))
    tokens_out: int = integer(0)
    decode_time_ms: int = integer(0)
    stop_reason: str = text(choices=("MAX_TOKENS", "EOS", "STOP_SEQUENCE", "CANCELLED", "ERROR"))
    stop_sequence_matched: str = text(1, default=None)


@described
class TypedError:
    """An error instead of the end in shape `typed`."""

    type: str = text(choices=("error",))
    code: str = text(choices=("VRAM_OOM", "CANCELLED", "TIMEOUT", "INVALID_REQUEST", "INFERENCE_FAILED"))
    message: str = text(1)


@described
class LayersLoaded:
    """Progress of loading."""

    stage: str = text(choices=("loading_to_vram",))
    layers_loaded: int = integer(0)
    layers_total: int = integer(0)
    vram_mb: int = integer(0)


@described
class LoadingEnded:
    """End of loading."""

    stage: str = text(choices=("ready",))


@described
class Downloading:
    """Progress of a download."""

    stage: str = text(choices=("downloading",))
    bytes_downloaded: int = integer(0)
    bytes_total: int = integer(0)
    speed_mbps: float = number(0, 1e12)


@described
class Retrying:
    """A further attempt of a download."""

    stage: str = text(choices=("retrying",))
    attempt: int = integer(2)
    max_attempts: int = integer(1)
    delay_ms: int = integer(0)
    error: str = text(1)
    bytes_downloaded: int = integer(0)
    bytes_total: int = integer(0)


@described
class DownloadComplete:
    """Successful end of a download."""

    stage: str = text(choices=("complete",))
    local_path: str = text(1)


@described
class StageError:
    """Failure of a download or an installation."""

    stage: str = text(choices=("error",))
    code: str = text(1)
    message: str = text(1)
    details: Any = anything()


@described
class Connecting:
    """A further connection attempt."""

    stage: str = text(choices=("connecting",))
    target: str = text(1)
    attempt: int = integer(1)
    max_attempts: int = integer(1)
    delay_ms: int = integer(0)
    timeout_s: float = number(0, 1e9)


@described
class InstallStage:
    """Progress of an installation."""

    stage: str = text(choices=("cloning", "building", "done"))
