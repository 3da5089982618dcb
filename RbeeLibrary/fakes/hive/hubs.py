"""The model hub of a hive and its mirrors: what they have, and who takes over when one fails (contract 9.3)."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ...errors import HttpFailure
from ...net.http_client import HttpClient
from ...protocol.error_codes import RbeeError
from ...protocol.program_options import HiveOptions

HUB_LIMIT = 10.0
"""Seconds for the answer of a hub."""
_WORST_FIRST = ("MODEL_ACCESS_DENIED", "DOWNLOAD_FAILED", "MODEL_NOT_FOUND")
"""Which code is told if the hubs fail in different ways: one that was not reached may have the model."""


@dataclass(frozen=True)
class HubModel:
    """A hub's description of a model file."""

    hub: str
    url: str
    name: str
    size: int
    sha256: str | None


class Hubs:
    """The hub and its mirrors, in the order in which they are asked.

    Args:
        http: sends the requests.
        options: of the hive.
    """

    def __init__(self, http: HttpClient, options: HiveOptions):
        self._http = http
        self._all = [url.rstrip("/") for url in (options.hub_url, *options.mirror)]
        self._token = options.hf_token

    def headers_for(self, url: str) -> dict[str, str]:
        """Headers of a request; only the hub itself gets the token."""
        return {"Authorization": f"Bearer {self._token}"} if self._token and f"{url}/".startswith(f"{self._all[0]}/") else {}

    def look_up(self, model_ref: str) -> HubModel:
        """The file of a reference at the first hub that has it, its first `.gguf`.

        Raises:
            RbeeError: none has it; the message says why of each.
        """
        failures = []
        for hub in self._all:
            try:
                return self._look_up_at(hub, model_ref)
            except RbeeError as error:
                failures.append(error)
        worst = min(failures, key=lambda error: _WORST_FIRST.index(error.code))
        raise RbeeError(worst.code, "; ".join(str(error) for error in failures))

    def next_after(self, model_ref: str, model: HubModel) -> HubModel:
        """The same file at the next hub that has it, to the size and checksum; the given one if no other has it."""
        place = self._all.index(model.hub)
        for hub in [*self._all[place + 1 :], *self._all[:place]]:
            try:
                other = self._look_up_at(hub, model_ref)
            except RbeeError:
                continue
            if (other.size, other.sha256) == (model.size, model.sha256) and model.sha256 is not None:
                return other
        return model

    def _look_up_at(self, hub: str, model_ref: str) -> HubModel:
        repository = model_ref.partition(":")[2]
        url = f"{hub}/api/models/{repository}?blobs=true"
        try:
            answer = self._http.call("GET", url, limit=HUB_LIMIT, headers=self.headers_for(url))
        except HttpFailure as error:
            raise RbeeError("DOWNLOAD_FAILED", f"the model hub at {hub} did not answer: {error}") from error
        if answer.status in (401, 403):
            raise RbeeError("MODEL_ACCESS_DENIED", f"access to model {model_ref} was denied by {hub}: set HF_TOKEN to a token that may read it")
        if answer.status == 404:
            raise RbeeError("MODEL_NOT_FOUND", f"model {model_ref} was not found at {hub}/{repository}")
        if not answer.ok:
            raise RbeeError("DOWNLOAD_FAILED", f"the model hub at {hub} answered {answer.status}")
        siblings = answer.object().get("siblings")
        files = [file for file in siblings if isinstance(file, dict) and str(file.get("rfilename", "")).endswith(".gguf")] if isinstance(siblings, list) else []
        if not files:
            raise RbeeError("MODEL_NOT_FOUND", f"{hub}/{repository} has no .gguf file")
        first = min(files, key=lambda file: str(file["rfilename"]))
        name, lfs = str(first["rfilename"]), first.get("lfs") or {}
        if name != os.path.basename(name) or name.startswith("."):
            raise RbeeError("MODEL_NOT_FOUND", f"{hub}/{repository} has a file name that cannot be used: {name[:80]!r}")
        size = first.get("size") or lfs.get("size") or 0
        return HubModel(hub, f"{hub}/{repository}/resolve/main/{name}", name, int(size), lfs.get("sha256"))
