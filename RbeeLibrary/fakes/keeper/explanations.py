"""Explains a failure to the user: its code, details, and a hint (contract 7.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ...protocol.error_codes import RbeeError
from ...protocol.options import VERSION
from ..runtime.formatting import printable

_RESOURCES = ("VRAM_EXHAUSTED",)


@dataclass
class Failure:
    """Code, message and details of an error."""

    code: str
    message: str
    details: dict[str, Any]

    @classmethod
    def of(cls, error: RbeeError) -> Failure:
        """The failure of an exception, from its envelope."""
        payload = error.envelope()["error"]
        details = payload.get("details")
        return cls(str(payload.get("code")), printable(str(payload.get("message", ""))), details if isinstance(details, dict) else {})


def explain(failure: Failure, node: str, host: str, queen: str) -> list[str]:
    """Lines for the user; the first one has the code.

    Args:
        failure: the failure.
        node: name of the requested node.
        host: HOST:PORT of the program that answered.
        queen: HOST:PORT of the queen.
    """
    lines = [f"{failure.code}: {failure.message}"]
    details = failure.details
    if failure.code == "INVALID_API_KEY":
        lines = [f"authentication failed at {host}: {failure.code}: {failure.message}"]
    if failure.code == "VERSION_MISMATCH":
        keeper, hive = details.get("keeper_version", VERSION), details.get("hive_version", "?")
        lines.append(f"  keeper: v{keeper}, hive: v{hive}")
    if failure.code == "VRAM_EXHAUSTED":
        lines += [f"  Node: {node}", f"  Required: {details.get('required')} MB", f"  Available: {details.get('available')} MB"]
    if failure.code == "INSUFFICIENT_DISK":
        missing = details.get("shortfall")
        lines.append(f"  Required: {details.get('required')} MB, available: {details.get('available')} MB, missing: {missing} MB")
    if failure.code == "LOADING_TIMEOUT":
        limit = in_words(float(details.get("limit_s") or 300))
        seen = f"{details.get('layers_loaded') or 0}/{details.get('layers_total') or '?'}"
        lines.append(f"  the worker is still {details.get('state') or 'loading'} after {limit}, {seen} layers are loaded")
    hint = _hint(failure, node, queen)
    return lines + ([f"  Hint: {hint}"] if hint else [])


def _hint(failure: Failure, node: str, queen: str) -> str | None:
    hive_version = failure.details.get("hive_version", "?")
    return {
        "NODE_NOT_FOUND": f"rbee-keeper setup add-node --name {node} --ssh-host HOST --ssh-user USER --git-repo URL --install-path PATH",
        "CONNECTION_TIMEOUT": "check that " + (f"queen-rbee is running at {queen}" if f"{queen} " in failure.message else f"rbee-hive is running on {node}"),
        "VERSION_MISMATCH": f"upgrade the keeper: cargo install rbee-keeper --version {hive_version}",
        "HIVE_NOT_INSTALLED": f"rbee-keeper setup install --node {node}",
        "MODEL_ACCESS_DENIED": "set HF_TOKEN in the hive's environment to a token that may read the model",
        "INSUFFICIENT_DISK": "remove models that nobody needs: rbee-hive models rm ID",
        "VRAM_EXHAUSTED": "take a smaller quantized model, such as Q4 instead of Q8",
        "WORKER_BINARY_NOT_FOUND": f"rbee-keeper setup install --node {node}",
        "LOADING_TIMEOUT": f"look at the worker logs: rbee-keeper logs --node {node}",
        "ALL_SLOTS_BUSY": "wait, or use another node",
        "INVALID_API_KEY": "check the key in ~/.rbee/config.yaml, or give another one with --api-key",
        "SSH_AUTH_FAILED": "is the key in the node's authorized_keys?",
        "SSH_HOST_KEY_CHANGED": "if the node was set up anew, remove its old key: ssh-keygen -R HOST",
        "SSH_COMMAND_TIMEOUT": f"log in to {node} and see what hangs there",
        "SSH_CONNECTION_LOST": f"check the network to {node}, and run the command again",
    }.get(failure.code)


def in_words(seconds: float) -> str:
    """Formats a duration: two or more whole minutes as minutes, everything else as seconds."""
    number, unit = (seconds / 60, "minute") if seconds >= 60 and seconds % 60 == 0 and seconds != 60 else (seconds, "second")
    return f"{number:g} {unit}{'' if number == 1 else 's'}"


def host_of(url: str) -> str:
    """HOST:PORT of a URL."""
    return urlsplit(url).netloc
