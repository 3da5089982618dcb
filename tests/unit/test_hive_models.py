"""The models of a hive, which it finds for its workers."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.fakes.hive.models import Models
from RbeeLibrary.protocol.error_codes import RbeeError
from RbeeLibrary.protocol.program_options import HiveOptions
from RbeeLibrary.protocol.schema.messages import SpawnRequest
from RbeeLibrary.protocol.units import MEBIBYTE, ByteSize


@pytest.mark.parametrize("length", [20, 200, 201, 4096])
def test_path_of_a_missing_file_is_told_in_at_most_200_characters(tmp_path, length):
    hive = SimpleNamespace(client=None, clock=Clock(None), journal=None)
    models = Models(hive, HiveOptions(models_db=str(tmp_path / "models.db"), models_dir=str(tmp_path / "models")))
    path = "/" + "x" * (length - 1)
    with pytest.raises(RbeeError) as refused:
        models.provide(SpawnRequest(model_ref="hf:a/b", model_path=path))
    assert (refused.value.code, refused.value.message) == ("MODEL_NOT_FOUND", f"model file {path[:200]} is not there")


def test_folder_of_the_models_is_there_from_the_start_and_private(tmp_path):
    hive = SimpleNamespace(client=None, clock=Clock(None), journal=None)
    Models(hive, HiveOptions(models_db=str(tmp_path / "models.db"), models_dir=str(tmp_path / "home" / "models")))
    assert (tmp_path / "home" / "models").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(("ram", "vram", "lacks"), [(5, 6, "RAM"), (6, 5, "VRAM")])
def test_memory_that_is_too_small_for_a_model_is_named(tmp_path, ram, vram, lacks):
    file = tmp_path / "model.gguf"
    file.touch()
    os.truncate(file, 5 * MEBIBYTE)
    hive = SimpleNamespace(client=None, clock=Clock(None), journal=None)
    options = HiveOptions(
        models_db=str(tmp_path / "models.db"), models_dir=str(tmp_path), backends="cuda", ram=ByteSize(ram * MEBIBYTE), vram=ByteSize(vram * MEBIBYTE)
    )
    with pytest.raises(RbeeError) as refused:
        Models(hive, options).provide(SpawnRequest(model_ref="hf:a/b", model_path=str(file), backend="cuda"))
    assert (refused.value.code, refused.value.message) == ("VRAM_EXHAUSTED", f"the model needs 6 MB of {lacks}, 5 MB are free")
