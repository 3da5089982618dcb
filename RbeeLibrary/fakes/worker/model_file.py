"""Reads the header of a worker's model file (contract 6.7)."""

from __future__ import annotations

import mmap
import os

from ...errors import BadModel
from ...protocol.model.gguf import Model, read_header


def read_model(path: str) -> Model:
    """Reads the header of a model file.

    Raises:
        BadModel: the file is missing or not a model; the message names path and reason.
    """
    if not os.path.isfile(path):
        raise BadModel(f"model file {path} is not there")
    if not path.endswith(".gguf"):
        raise BadModel(f"model file {path}: unsupported model format, expected a name that ends in .gguf")
    size = os.path.getsize(path)
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return read_header(data, size)
    except (BadModel, OSError, ValueError) as error:
        raise BadModel(f"model file {path}: {error}") from None
