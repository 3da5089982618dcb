"""Error codes, their HTTP statuses, and the error envelope (contract 13)."""

from __future__ import annotations

from typing import Any

from ..errors import RbeeLibraryError

_RECORDED = 300
"""Characters of a message that are kept in the journal."""

ERRORS: dict[str, int] = {
    "INVALID_REQUEST": 400,
    "BACKEND_UNAVAILABLE": 400,
    "INVALID_API_KEY": 401,
    "MODEL_ACCESS_DENIED": 403,
    "NOT_FOUND": 404,
    "NODE_NOT_FOUND": 404,
    "WORKER_NOT_FOUND": 404,
    "TASK_NOT_FOUND": 404,
    "DOWNLOAD_NOT_FOUND": 404,
    "MODEL_NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "VERSION_MISMATCH": 409,
    "NODE_ALREADY_EXISTS": 409,
    "WORKER_ALREADY_REGISTERED": 409,
    "REQUEST_CANCELED": 499,
    "WORKER_CRASHED": 500,
    "WORKER_BINARY_NOT_FOUND": 500,
    "DOWNLOAD_FAILED": 500,
    "INTERNAL": 500,
    "HIVE_ERROR": 502,
    "WORKER_UNREACHABLE": 502,
    "ALL_SLOTS_BUSY": 503,
    "WORKER_NOT_READY": 503,
    "NO_FREE_PORT": 503,
    "SHUTTING_DOWN": 503,
    "SSH_TIMEOUT": 503,
    "SSH_AUTH_FAILED": 503,
    "SSH_HOST_KEY_CHANGED": 503,
    "SSH_COMMAND_TIMEOUT": 503,
    "SSH_CONNECTION_LOST": 503,
    "SSH_FAILED": 503,
    "HIVE_NOT_INSTALLED": 503,
    "CONNECTION_TIMEOUT": 504,
    "LOADING_TIMEOUT": 504,
    "DOWNLOAD_TIMEOUT": 504,
    "VRAM_EXHAUSTED": 507,
    "INSUFFICIENT_DISK": 507,
}
"""Error code -> HTTP status."""


class RbeeError(RbeeLibraryError):
    """An error response: a code, a message, and details.

    Args:
        code: one of `ERRORS`.
        message: readable description of the error.
        details: value of `error.details`; None leaves the field out.
        status: HTTP status, if it differs from `ERRORS` (413 for a body over the limit, a relayed status of a hive).
        fields: further fields of `error` (`slots_total`, `slots_busy` of `ALL_SLOTS_BUSY`).
        top: fields beside `error` (older responses of the queen keep `success` and `message`).
        headers: HTTP headers of the response.
    """

    def __init__(
        self,
        code: str,
        message: str,
        details: dict[str, Any] | None = None,
        *,
        status: int | None = None,
        fields: dict[str, Any] | None = None,
        top: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ):
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details
        self.status = status if status is not None else ERRORS[code]
        self.fields = fields or {}
        self.top = top or {}
        self.headers = headers or {}

    def envelope(self) -> dict[str, Any]:
        """The JSON body of the response."""
        error: dict[str, Any] = {"code": self.code, "message": self.message, **self.fields}
        if self.details is not None:
            error["details"] = self.details
        return {**self.top, "error": error}


def envelope_error(body: Any) -> dict[str, Any] | None:
    """The `error` object of a response body, or None if the body is no error envelope."""
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) and isinstance(error.get("code"), str) else None


def error_fields(body: Any) -> dict[str, str]:
    """`code` and `message` of an error for a journal record; empty for a body that is no error."""
    error = envelope_error(body)
    return {} if error is None else {"code": str(error["code"]), "message": str(error.get("message", ""))[:_RECORDED]}
