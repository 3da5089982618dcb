"""Reading and writing the header of GGUF model files (contract 6.7)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from ...errors import BadModel

MAGIC = b"GGUF"
_UINT32, _STRING, _ARRAY = 4, 8, 9
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_QUANTIZATIONS = {7: "Q8_0", 15: "Q4_K_M", 17: "Q5_K_M"}
QUANTIZATIONS = tuple(_QUANTIZATIONS.values())


@dataclass(frozen=True)
class Model:
    """Metadata of a model file; fields in the order of `/v1/status`."""

    architecture: str | None
    vocab_size: int | None
    eos_token_id: int | None
    quantization: str | None
    size_bytes: int


def read_header(data: Any, size: int) -> Model:
    """Reads the header of a GGUF file.

    Args:
        data: bytes or a memory map of the file, at least of its header.
        size: size of the file in bytes.

    Raises:
        BadModel: the data is not a GGUF header, or the header is incomplete.
    """
    if bytes(data[:4]) != MAGIC:
        raise BadModel(f"the file begins with {bytes(data[:4])!r}, expected {MAGIC!r}")
    reader = _Reader(data)
    version = reader.scalar("<I")
    if version not in (2, 3):
        raise BadModel(f"GGUF version {version} is not supported, expected 3")
    reader.scalar("<Q")
    pairs = {reader.text(): reader.value(reader.scalar("<I")) for _ in range(reader.scalar("<Q"))}
    architecture = pairs.get("general.architecture")
    return Model(
        architecture,
        pairs.get(f"{architecture}.vocab_size"),
        pairs.get("tokenizer.ggml.eos_token_id"),
        _QUANTIZATIONS.get(pairs.get("general.file_type", -1)),
        size,
    )


def write_header(*, architecture: str = "llama", vocab_size: int = 32000, eos_token_id: int = 2, quantization: str = "Q4_K_M") -> bytes:
    """Builds the header of a model without tensors; any bytes may follow it.

    Args:
        architecture: value of `general.architecture`.
        vocab_size: number of tokens in the vocabulary.
        eos_token_id: id of the end-of-sequence token.
        quantization: one of `QUANTIZATIONS`.
    """
    file_type = next(number for number, name in _QUANTIZATIONS.items() if name == quantization)
    pairs = [
        _text("general.architecture") + struct.pack("<I", _STRING) + _text(architecture),
        *(
            _text(key) + struct.pack("<II", _UINT32, value)
            for key, value in (("general.file_type", file_type), (f"{architecture}.vocab_size", vocab_size), ("tokenizer.ggml.eos_token_id", eos_token_id))
        ),
    ]
    return MAGIC + struct.pack("<IQQ", 3, 0, len(pairs)) + b"".join(pairs)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


class _Reader:
    """Cursor over the bytes of a header."""

    def __init__(self, data: Any):
        self._data = data
        self._offset = len(MAGIC)

    def scalar(self, layout: str) -> Any:
        return struct.unpack(layout, self._take(struct.calcsize(layout)))[0]

    def text(self) -> str:
        return self._take(self.scalar("<Q")).decode("utf-8", "replace")

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            item_kind = self.scalar("<I")
            return [self.value(item_kind) for _ in range(self.scalar("<Q"))]
        if kind not in _SCALARS:
            raise BadModel(f"the header has a value of unknown type {kind}")
        return self.scalar(_SCALARS[kind])

    def _take(self, count: int) -> bytes:
        chunk = bytes(self._data[self._offset : self._offset + count])
        if len(chunk) < count:
            raise BadModel("the header is cut short")
        self._offset += count
        return chunk
