"""The files of a model hub: a valid GGUF header, then filler bytes that depend only on their position (contract 9.2)."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator

from ...protocol.forms import hub_file
from ...protocol.model.gguf import write_header
from ...protocol.program_options import HubOptions

BLOCK = 65536
_STAMP = 16
_FILLER = hashlib.shake_128(b"rbee").digest(BLOCK - _STAMP)
_MOST_HASHED = 256 * 1048576
"""Bytes; a larger file is served without a checksum, which would take seconds to compute."""


class HubFile:
    """One file: its repository, name, size and content.

    Args:
        repository: `ORG/REPO`.
        name: of the file.
        size: in bytes.
        header: its first bytes.
    """

    def __init__(self, repository: str, name: str, size: int, header: bytes):
        self.repository = repository
        self.name = name
        self.size = size
        self._header = header[:size]
        self._lock = threading.Lock()
        self._sha256: str | None = None

    @property
    def sha256(self) -> str | None:
        """Checksum of the content; None for a file that is too large to have one."""
        if self.size > _MOST_HASHED:
            return None
        with self._lock:
            if self._sha256 is None:
                digest = hashlib.sha256()
                for piece in self.pieces(0):
                    digest.update(piece)
                self._sha256 = digest.hexdigest()
            return self._sha256

    @property
    def etag(self) -> str:
        """ETag of the file, which changes with its content."""
        return self.sha256 or hashlib.sha1(f"{self.repository}/{self.name} {self.size}".encode()).hexdigest()

    def pieces(self, start: int) -> Iterator[bytes]:
        """The content from a position on, in pieces of up to 64 KiB."""
        while start < self.size:
            number, skipped = divmod(start, BLOCK)
            block = f"{number:016d}".encode() + _FILLER
            if number * BLOCK < len(self._header):
                head = self._header[number * BLOCK : (number + 1) * BLOCK]
                block = head + block[len(head) :]
            piece = block[skipped : min(BLOCK, self.size - number * BLOCK)]
            yield piece
            start += len(piece)


class HubFiles:
    """All files of a hub, by repository.

    Raises:
        ValueError: a `--file` is not `ORG/REPO/NAME=SIZE`.
    """

    def __init__(self, options: HubOptions, default: str):
        header = write_header(vocab_size=options.vocab_size, eos_token_id=options.eos_token_id, quantization=options.quantization)
        self._files: dict[str, dict[str, HubFile]] = {}
        for text in options.file or [default]:
            repository, name, size = hub_file(text)
            self._files.setdefault(repository, {})[name] = HubFile(repository, name, size, header)

    def of(self, repository: str) -> list[HubFile] | None:
        """The files of a repository in alphabetical order; None if there is no such repository."""
        found = self._files.get(repository)
        return None if found is None else [found[name] for name in sorted(found)]

    def find(self, repository: str, name: str) -> HubFile | None:
        """The file of a repository with this name, or None."""
        return self._files.get(repository, {}).get(name)
