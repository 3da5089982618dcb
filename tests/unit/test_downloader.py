"""Downloads of a hive, from a hub that is a few lines long."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from serving import Handler, served

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.fakes.hive.downloads import Download
from RbeeLibrary.fakes.hive.hubs import HubModel
from RbeeLibrary.fakes.hive.models import Models
from RbeeLibrary.net.http_client import HttpClient
from RbeeLibrary.protocol.program_options import HiveOptions

FILE = b"weights" * 100


class _File(Handler):
    def do_GET(self) -> None:
        self.answer(200, FILE)


@pytest.fixture
def hub():
    with served(_File) as url:
        yield url


@pytest.fixture
def hive(tmp_path):
    """What a hive's models need of it: records and lines of the log are in lists."""
    records, lines, clock = [], [], Clock()
    journal = SimpleNamespace(record=lambda kind, **fields: records.append((kind, fields)))
    return SimpleNamespace(clock=clock, client=HttpClient(clock, "fake-hive"), journal=journal, log=lines.append, records=records, lines=lines)


def downloaded(hive, tmp_path, hub: str) -> Download:
    options = HiveOptions(models_db=str(tmp_path / "models.db"), models_dir=str(tmp_path), hub_url=hub, download_attempts=1)
    download = Download("hf:a/b", HubModel(hub, f"{hub}/b.gguf", "b.gguf", len(FILE), None), str(tmp_path / "b.gguf"))
    Models(hive, options)._run(download)
    return download


def test_partial_file_that_is_too_large_is_none(hive, tmp_path, hub):
    (tmp_path / "b.gguf.partial").write_bytes(FILE + b"!")
    downloaded(hive, tmp_path, hub)
    assert (tmp_path / "b.gguf").read_bytes() == FILE
    assert hive.records[0] == ("download_attempt", {"model_ref": "hf:a/b", "attempt": 1, "offset": 0, "hub": hub})


def test_end_of_a_download_is_in_the_log(hive, tmp_path, hub):
    done = downloaded(hive, tmp_path, hub)
    failed = downloaded(hive, tmp_path, "http://127.0.0.1:1")
    assert hive.lines == [f"download of hf:a/b is complete: {done.path}", f"download of hf:a/b failed: DOWNLOAD_FAILED: {failed.error.message}"]


def test_file_whose_checksum_the_hub_does_not_tell_is_taken_as_it_is(hive, tmp_path, hub):
    assert downloaded(hive, tmp_path, hub).error is None
