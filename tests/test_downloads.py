"""A hive that is killed in the middle of a download loses nothing."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from test_programs import ask, program

MODEL = "hf:TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF"
ROUNDS = 30


def hive(folder: Path, hub: int):
    """A hive on these files."""
    words = ["--port", "0", "--models-db", str(folder / "models.db"), "--models-dir", str(folder / "models"), "--hub-url", f"http://127.0.0.1:{hub}"]
    return program("fake-hive", *words)


def download(port: int) -> list[dict]:
    """Asks for the model, and reads the progress to its end."""
    status, text = ask(port, "POST", "/v1/models/download", json.dumps({"model_ref": MODEL}))
    assert status == 200, text
    said = json.loads(text)
    if said["download_id"] == "cached":
        return [{"stage": "complete", "local_path": said["local_path"]}]
    _, text = ask(port, "GET", f"/v1/models/download/progress?id={said['download_id']}")
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]


def test_killed_at_thirty_random_moments(tmp_path):
    """The catalog opens, the download goes on where the disk says, and the file is right, each time."""
    draw = random.Random(20240101)
    sums, offsets = set(), []
    with program("fake-hub", "--port", "0", "--rate", "60MB") as hub:
        for number in range(ROUNDS):
            folder = tmp_path / str(number)
            folder.mkdir()
            with hive(folder, hub.ready["port"]) as first:
                ask(first.ready["port"], "POST", "/v1/models/download", json.dumps({"model_ref": MODEL}))
                time.sleep(draw.uniform(0, 0.13))
                os.kill(first.pid, signal.SIGKILL)
                first.wait(10)
            partial = folder / "models" / "tinyllama-q4.gguf.partial"
            offsets.append(partial.stat().st_size if partial.exists() else None)
            with closing(sqlite3.connect(folder / "models.db")) as catalog:
                assert catalog.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            with hive(folder, hub.ready["port"]) as second:
                events = download(second.ready["port"])
                assert events[-1]["stage"] == "complete", events
                path = Path(events[-1]["local_path"])
                sums.add(hashlib.sha256(path.read_bytes()).hexdigest())
                assert os.listdir(folder / "models") == ["tinyllama-q4.gguf"]
            with closing(sqlite3.connect(folder / "models.db")) as catalog:
                assert catalog.execute("SELECT size_bytes FROM models").fetchall() == [(5242880,)]
            path.unlink()
    assert len(sums) == 1
    assert len([offset for offset in offsets if offset]) >= 5, f"hardly any kill hit the download: {offsets}"
