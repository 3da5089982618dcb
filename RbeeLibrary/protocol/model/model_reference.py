"""Syntax of model references (contract 9.1)."""

from __future__ import annotations

import re

from ..error_codes import RbeeError

NO_MODEL = "mock-model"
CATALOG_MODEL = "hf:TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF"
"""The model that a real hive has in its catalog: it knows no `mock-model`."""
_ALLOWED = re.compile(r"[A-Za-z0-9_/:.-]{1,512}\Z")
_FORMS = {
    "hf": re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+\Z"),
    "file": re.compile(r"///.+\Z"),
}


def check_model_reference(reference: str) -> str:
    """Returns the reference unchanged, or raises INVALID_REQUEST: a malformed reference never falls back to another model."""
    provider, _, rest = reference.partition(":")
    if reference == NO_MODEL:
        return reference
    if not _ALLOWED.match(reference) or "../" in reference or ":" in rest or provider not in _FORMS or not _FORMS[provider].match(rest):
        raise RbeeError(
            "INVALID_REQUEST",
            f"model reference {reference[:80]!r} is not of the form hf:ORG/REPO, file:///path/to/model.gguf or mock-model",
            {"errors": [{"field": "model_ref", "constraint": "model reference", "message": "expected provider:reference", "value": reference[:80]}]},
        )
    return reference
