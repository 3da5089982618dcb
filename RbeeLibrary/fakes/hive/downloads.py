"""Downloads of a hive: fetches files from the hub, resumes and checks them, and publishes progress (contract 9.3, 12)."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

from ...clock.clock import Clock
from ...clock.event import Event
from ...errors import HttpFailure, NotConnected
from ...journal.writer import Journal
from ...net.http_client import HttpClient, Stream, reason
from ...protocol.error_codes import RbeeError
from ...protocol.program_options import HiveOptions
from ...protocol.units import MEBIBYTE
from ..runtime.event_stream import Broadcast
from ..runtime.retry import attempts, doubling
from .hubs import HUB_LIMIT, HubModel, Hubs

_DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REDIRECTS = 5
_BUFFER = 1048576


class _Failed(Exception):
    """A failed attempt, which may be repeated."""

    def __init__(self, message: str, *, stalled: bool = False, start_over: bool = False):
        super().__init__(message)
        self.stalled = stalled
        self.start_over = start_over


class Download:
    """A download of one model; any number of clients may follow its progress.

    Args:
        model_ref: reference of the model.
        model: description of its file at the hub.
        path: of the complete file.
    """

    def __init__(self, model_ref: str, model: HubModel, path: str):
        self.id = str(uuid.uuid4())
        self.model_ref = model_ref
        self.model = model
        self.path = path
        self.partial = f"{path}.partial"
        self.progress = Broadcast()
        self.ended = Event()
        self.cancelled = Event()
        self.error: RbeeError | None = None


class Downloader:
    """Fetches files from the hub and its mirrors, in several attempts if necessary.

    Args:
        http: sends the requests.
        clock: measures pauses and limits.
        journal: records every attempt.
        options: of the hive.
        hubs: where files are.
    """

    def __init__(self, http: HttpClient, clock: Clock, journal: Journal, options: HiveOptions, hubs: Hubs):
        self._http = http
        self._clock = clock
        self._journal = journal
        self._options = options
        self._hubs = hubs

    def run(self, download: Download) -> None:
        """Downloads a file. Afterwards it is complete and checked, or `download.error` is set."""
        pauses = doubling(self._options.download_attempts, self._options.download_delay)
        for attempt in attempts(self._clock, pauses, "download-retry", download.cancelled):
            try:
                if not download.cancelled.is_set():
                    if attempt > 1:
                        download.model = self._hubs.next_after(download.model_ref, download.model)
                    self._attempt(download, attempt)
                    return
            except _Failed as failure:
                if not download.cancelled.is_set():  # whatever a cancellation has cut is no failure
                    if failure.start_over:
                        _remove(download.partial)
                    if attempt == len(pauses):
                        code = "DOWNLOAD_TIMEOUT" if failure.stalled else "DOWNLOAD_FAILED"
                        download.error = RbeeError(code, f"model {download.model_ref} could not be downloaded in {attempt} attempts: {failure}")
                        return
                    self._publish_retry(download, attempt + 1, pauses[attempt], str(failure))
            except OSError as error:
                if error.errno not in _DISK_IS_FULL:
                    download.error = RbeeError("DOWNLOAD_FAILED", f"{download.partial} cannot be written: {error.strerror}")
                    return
                written = _size(download.partial)
                _remove(download.partial)
                self._journal.record("disk_full", path=download.partial, reason=error.strerror, written=written)
                message = f"the disk became full while {download.path} was written: {error.strerror}"
                download.error = RbeeError("INSUFFICIENT_DISK", message, disk_details(download.model.size, written))
                return
            if download.cancelled.is_set():
                kept = _size(download.partial)
                download.error = RbeeError("REQUEST_CANCELED", f"the download of {download.model_ref} was cancelled; {kept} bytes of it are kept")
                return

    def _publish_retry(self, download: Download, attempt: int, pause: float, failure: str) -> None:
        download.progress.publish(
            {
                "stage": "retrying",
                "attempt": attempt,
                "max_attempts": self._options.download_attempts,
                "delay_ms": round(pause * 1000),
                "error": failure,
                "bytes_downloaded": _size(download.partial),
                "bytes_total": download.model.size,
            }
        )

    def _attempt(self, download: Download, number: int) -> None:
        offset = _size(download.partial)
        if offset > download.model.size:
            _remove(download.partial)
            offset = 0
        self._journal.record("download_attempt", model_ref=download.model_ref, attempt=number, offset=offset, hub=download.model.hub)
        try:
            if offset < download.model.size or not offset:
                self._fetch(download, offset)
            self._check(download)
        except _Failed as failure:
            self._journal.record("download_failed", model_ref=download.model_ref, attempt=number, offset=_size(download.partial), reason=str(failure))
            raise
        os.replace(download.partial, download.path)
        self._journal.record("download_done", model_ref=download.model_ref, path=download.path)

    def _fetch(self, download: Download, offset: int) -> None:
        http = self._http.cancelled_by(download.cancelled)
        asked = self._clock.now(), time.monotonic()  # from here on, so that no speed exceeds that of the line
        stream = self._open(http, download.model.url, offset)
        try:
            with http.cutting(stream):
                self._take(download, stream, offset, asked)
        finally:
            stream.close()

    def _take(self, download: Download, stream: Stream, offset: int, asked: tuple[float, float]) -> None:
        if stream.status == 416:
            raise _Failed("the hub has less than is here already", start_over=True)
        if stream.status not in (200, 206):
            raise _Failed(f"the hub answered {stream.status}")
        etag = stream.headers.get("etag", "").strip('"')
        if download.model.sha256 and etag and etag != download.model.sha256:
            raise _Failed("the file has changed at the hub", start_over=True)
        if stream.status == 200:
            offset = 0
        declared = stream.headers.get("content-length")
        if declared is not None and declared.isdigit() and int(declared) != download.model.size - offset:
            raise _Failed(f"the hub declares {declared} bytes, expected {download.model.size - offset}", start_over=True)
        self._write(download, stream, offset, asked)

    def _open(self, http: HttpClient, url: str, offset: int) -> Stream:
        headers = {**self._hubs.headers_for(url), **({"Range": f"bytes={offset}-"} if offset else {})}
        for _ in range(_REDIRECTS):
            try:
                stream = http.open("GET", url, limit=HUB_LIMIT, headers=headers, timer="hub-answer")
            except NotConnected as error:
                raise _Failed(str(error)) from error
            except HttpFailure as error:
                raise _Failed(_cause(error)) from error
            if stream.status not in (301, 302, 307, 308):
                return stream
            stream.close()
            target = urljoin(url, stream.headers.get("location", ""))
            if urlsplit(target)[:2] != urlsplit(url)[:2]:
                headers.pop("Authorization", None)  # no other host may get the token of the hub
            url = target
        raise _Failed(f"the hub redirects more than {_REDIRECTS} times")

    def _write(self, download: Download, stream: Stream, offset: int, asked: tuple[float, float]) -> None:
        step = self._options.progress_step
        first = offset
        fd = os.open(download.partial, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            if stat.S_ISREG(os.fstat(fd).st_mode):
                os.ftruncate(fd, offset)
                os.lseek(fd, offset, os.SEEK_SET)
            for piece in self._pieces(stream):
                data = memoryview(piece)
                while data:
                    # Writes up to the next multiple of the step only, so that an event reports exactly the bytes on the disk.
                    count = os.write(fd, data[: step - offset % step])
                    data, offset = data[count:], offset + count
                    if offset % step == 0:
                        seconds = (self._clock.now() - asked[0]) or (time.monotonic() - asked[1]) or 1e-6
                        self._publish_progress(download, offset, (offset - first) / MEBIBYTE / seconds)
        finally:
            os.close(fd)
        if offset < download.model.size:
            raise _Failed(f"the answer ended after {offset} of {download.model.size} bytes")

    def _publish_progress(self, download: Download, offset: int, speed: float) -> None:
        total = download.model.size
        download.progress.publish({"stage": "downloading", "bytes_downloaded": offset, "bytes_total": total, "speed_mbps": max(0.1, round(speed, 1))})

    def _pieces(self, stream: Stream) -> Iterator[bytes]:
        chunks = stream.chunks()
        while True:
            with self._clock.limit(self._options.stall_timeout, stream.cut, "download-stall") as timer:
                try:
                    piece = next(chunks, None)
                except HttpFailure as error:
                    if timer.fired:
                        raise _Failed(f"no byte came for {self._options.stall_timeout}", stalled=True) from error
                    raise _Failed(_cause(error)) from error
            if piece is not None:
                yield piece
            if timer.fired:  # the last piece may have come just as the stream was cut
                raise _Failed(f"no byte came for {self._options.stall_timeout}", stalled=True)
            if piece is None:
                return

    def _check(self, download: Download) -> None:
        if download.model.sha256 is None:
            return
        digest = hashlib.sha256()
        with open(download.partial, "rb") as file:
            while piece := file.read(_BUFFER):
                digest.update(piece)
        if digest.hexdigest() != download.model.sha256:
            raise _Failed("the checksum is wrong", start_over=True)


class Downloads:
    """All downloads of a hive, at most one at a time for each model.

    Args:
        clock: measures how long ended downloads are kept.
        keep: seconds for which an ended download is kept.
    """

    def __init__(self, clock: Clock, keep: float):
        self._clock = clock
        self._keep = keep
        self._lock = threading.Lock()
        self._known: dict[str, Download] = {}

    def join(self, model_ref: str, begin: Callable[[set[str]], Download | None]) -> tuple[Download | None, bool]:
        """Returns the running download of a model or begins a new one, and whether it is new.

        `begin` gets the paths of the running downloads and must be short; it returns None if the model has arrived meanwhile.
        """
        with self._lock:
            running = [known for known in self._known.values() if not known.ended.is_set()]
            same = next((known for known in running if known.model_ref == model_ref), None)
            if same is not None:
                return same, False
            download = begin({known.path for known in running})
            if download is not None:
                self._known[download.id] = download
            return download, True

    def find(self, download_id: str | None) -> Download | None:
        """The download with this id; without an id, the only one if there is just one."""
        with self._lock:
            if download_id is None:
                return next(iter(self._known.values())) if len(self._known) == 1 else None
            return self._known.get(download_id)

    def end(self, download: Download) -> None:
        """Marks a download as ended; its progress is kept for a while."""

        def forget() -> None:
            with self._lock:
                self._known.pop(download.id, None)

        download.ended.set()
        self._clock.call_at(self._clock.now() + self._keep, forget, "progress-keep")


def megabytes(size: float) -> int:
    """Bytes as MB, rounded up."""
    return -int(-size // MEBIBYTE)


def disk_details(required: int, available: int) -> dict[str, Any]:
    """`details` of INSUFFICIENT_DISK, in MB from bytes."""
    return {"required": megabytes(required), "available": available // MEBIBYTE, "shortfall": megabytes(required) - available // MEBIBYTE}


def _cause(error: HttpFailure) -> str:
    return reason(error.__cause__) if isinstance(error.__cause__, OSError) else str(error)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)
