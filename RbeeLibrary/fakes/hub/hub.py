"""fake-hub: a model hub with the part of Hugging Face's API that its client library needs (contract 9.2)."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import socket
from collections.abc import Iterator
from typing import Any

from ...faults.base import FaultContext
from ...protocol.error_codes import RbeeError
from ...protocol.program_options import DEFAULT_FILE, HubOptions
from ..runtime.entry_point import launch
from ..runtime.event_stream import EventStream
from ..runtime.http_app import Reply, Request
from ..runtime.service import Service
from .hub_files import HubFile, HubFiles

_RANGE = re.compile(r"bytes=(\d*)-(\d*)$")
_HUGE = 1 << 50


class Hub(Service):
    """A model hub: lists the files of a repository and serves them, whole or in parts."""

    def __init__(self, options: HubOptions, listener: socket.socket | None):
        self.options: HubOptions  # set by the base class
        self._files = HubFiles(options, DEFAULT_FILE)
        super().__init__("fake-hub", options, listener, "hub")
        self.route("GET", "/health", self.health, at_once=True)
        self.route("GET", "/api/models/{org}/{repo}", self.model)
        self.route("GET", "/api/models/{org}/{repo}/tree/{revision}", self.tree)
        self.route("GET", "/api/models/{org}/{repo}/refs", self.refs)
        self.route("POST", "/api/models/{org}/{repo}/paths-info/{revision}", self.paths_info)
        for method in ("GET", "HEAD"):
            self.route(method, "/{org}/{repo}/resolve/{revision}/{name}", self.resolve)
            self.route(method, "/cdn/{org}/{repo}/{name}", self.serve)

    def prepare(self) -> None:
        self.set_state("idle")

    # --- endpoints ---

    def health(self, request: Request) -> dict[str, Any]:
        """GET /health."""
        return {"status": "ok", "version": self.options.report_version}

    def model(self, request: Request, org: str, repo: str, revision: str = "main") -> Reply:
        """GET /api/models/<org>/<repo>: the files of a repository."""
        files = self._files_of(request, f"{org}/{repo}")
        return Reply(200, {"id": f"{org}/{repo}", "sha": _commit(f"{org}/{repo}"), "siblings": [self._sibling(file, request) for file in files]})

    def tree(self, request: Request, org: str, repo: str, revision: str) -> Reply:
        """GET /api/models/<org>/<repo>/tree/<revision>: an array of files, which clients use that download whole repositories."""
        return Reply(200, json.dumps([self._entry(file, request) for file in self._files_of(request, f"{org}/{repo}")]).encode())

    def paths_info(self, request: Request, org: str, repo: str, revision: str) -> Reply:
        """POST /api/models/<org>/<repo>/paths-info/<revision>: the entries of the files that the form field `paths` names; unknown ones are left out."""
        wanted = request.body.get("paths", [])
        files = [file for file in self._files_of(request, f"{org}/{repo}") if file.name in wanted]
        return Reply(200, json.dumps([self._entry(file, request) for file in files]).encode())

    def refs(self, request: Request, org: str, repo: str) -> dict[str, Any]:
        """GET /api/models/<org>/<repo>/refs: the only branch is `main`."""
        self._files_of(request, f"{org}/{repo}")
        return {"branches": [{"name": "main", "ref": "refs/heads/main", "targetCommit": _commit(f"{org}/{repo}")}], "tags": [], "converts": []}

    def resolve(self, request: Request, org: str, repo: str, revision: str, name: str) -> Reply:
        """GET or HEAD /<org>/<repo>/resolve/<revision>/<file>."""
        if self.options.redirect == "on":
            file = self._find(request, f"{org}/{repo}", name)
            return Reply(302, None, {"Location": f"/cdn/{org}/{repo}/{name}", **self._headers(file, request)})
        return self.serve(request, org, repo, name)

    def serve(self, request: Request, org: str, repo: str, name: str) -> Reply:
        """GET or HEAD of a file, or of the part that `Range: bytes=N-`, `bytes=N-M` or `bytes=-N` (the last N bytes) asks for.

        Args:
            request: the request.
            org: organization, the first part of the repository's name.
            repo: second part of the name.
            name: of the file.
        """
        file = self._find(request, f"{org}/{repo}", name)
        headers = {**self._headers(file, request), "Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
        start, end = 0, file.size
        byte_range = _byte_range(request.headers.get("Range", ""), file.size)
        if byte_range is not None:
            start, end = byte_range
            if start >= end:
                return Reply(416, None, {**headers, "Content-Range": f"bytes */{file.size}", "Content-Length": "0"})
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
        headers["Content-Length"] = str(self._declared(end - start, request))
        status = 206 if byte_range is not None else 200
        if request.method == "HEAD":
            return Reply(status, None, headers)
        return Reply(status, request.stream.carries(self._bytes(file, start, end, request.stream)), headers)

    # --- files ---

    def _files_of(self, request: Request, repository: str) -> list[HubFile]:
        files = self._files.of(repository)
        if files is None:
            raise RbeeError("NOT_FOUND", f"repository {repository[:80]} not found", headers={"X-Error-Code": "RepoNotFound"})
        if repository in self.options.gated and not self._has_access(request):
            message = f"access to model {repository} is restricted: send the token of an account that may read it"
            raise RbeeError("MODEL_ACCESS_DENIED", message, headers={"X-Error-Code": "GatedRepo"})
        return files

    def _has_access(self, request: Request) -> bool:
        authorization = request.headers.get("Authorization", "")
        return bool(self.options.token) and hmac.compare_digest(authorization.encode(), f"Bearer {self.options.token}".encode())

    def _find(self, request: Request, repository: str, name: str) -> HubFile:
        self._files_of(request, repository)
        file = self._files.find(repository, name)
        if file is None:
            raise RbeeError("NOT_FOUND", f"{repository} has no file {name[:80]}", headers={"X-Error-Code": "EntryNotFound"})
        return file

    def _sibling(self, file: HubFile, request: Request) -> dict[str, Any]:
        size = self._declared(file.size, request)
        return {"rfilename": file.name, "size": size, **_lfs(file, size, "sha256")}

    def _entry(self, file: HubFile, request: Request) -> dict[str, Any]:
        size = self._declared(file.size, request)
        return {"type": "file", "oid": _commit(file.name), "size": size, "path": file.name, **_lfs(file, size, "oid")}

    def _declared(self, size: int, request: Request) -> int:
        return _HUGE if self.faults.find("huge-length", FaultContext(request.path)) is not None else size

    def _headers(self, file: HubFile, request: Request) -> dict[str, str]:
        etag = file.etag
        if self.faults.find("changed-etag", FaultContext(request.path)) is not None:
            etag = hashlib.sha256(f"another {etag}".encode()).hexdigest()
        return {"ETag": f'"{etag}"', "X-Linked-ETag": f'"{etag}"', "X-Linked-Size": str(file.size), "X-Repo-Commit": _commit(file.repository)}

    def _bytes(self, file: HubFile, start: int, end: int, stream: EventStream) -> Iterator[bytes]:
        due, left = self.clock.now(), end - start
        for piece in file.pieces(start):
            if self.options.rate:
                due += min(len(piece), left) / self.options.rate
                for _ in stream.pause(due, "rate"):
                    continue  # a file has no comments, so keep-alives are not sent
            if stream.client_gone or not left:
                return
            yield piece[:left]
            left -= len(piece[:left])


def _byte_range(header: str, size: int) -> tuple[int, int] | None:
    """Start and end of the part that a Range header asks for, in bytes; None for a header that has to be ignored, such as `bytes=10-5`."""
    found = _RANGE.match(header)
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        return max(0, size - int(found[2])), size
    first, last = int(found[1]), int(found[2]) if found[2] else size
    return None if last < first else (first, min(size, last + 1))


def _lfs(file: HubFile, size: int, checksum: str) -> dict[str, Any]:
    return {"lfs": {checksum: file.sha256, "size": size, "pointerSize": 135}} if file.sha256 else {}


def _commit(repository: str) -> str:
    return hashlib.sha1(repository.encode()).hexdigest()


def main(argv: list[str] | None = None, listener: socket.socket | None = None) -> int:
    """The program `fake-hub`."""
    launch(Hub, HubOptions, "fake-hub", argv, listener)


if __name__ == "__main__":
    main()
