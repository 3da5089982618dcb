"""A hive that is killed in the middle of a download loses nothing, and gives its token to nobody but the hub. `RBEE_TRIES` sets the number of kills."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sqlite3
import threading
import time
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import urlopen

from test_programs import ask, program

MODEL = "hf:TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF"
ROUNDS = int(os.environ.get("RBEE_TRIES", "10"))


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


def test_killed_at_random_moments(tmp_path):
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
    assert len([offset for offset in offsets if offset]) >= ROUNDS // 6, f"hardly any kill hit the download: {offsets}"


class _Mirror(BaseHTTPRequestHandler):
    """Stands between a hive and its hub: a hub whose files are elsewhere, at another port of this machine."""

    def do_GET(self) -> None:
        self.server.seen.append(self.headers.get("Authorization"))
        if "/resolve/" in self.path and self.server.elsewhere:
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{self.server.elsewhere}{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        with urlopen(f"http://127.0.0.1:{self.server.hub}{self.path}") as answer:
            body = answer.read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def mirror(hub: int, elsewhere: int | None = None):
    """A server that remembers the Authorization headers that it has seen."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Mirror)
    server.hub, server.elsewhere, server.seen = hub, elsewhere, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def test_token_of_the_hub_is_sent_to_nobody_else(tmp_path):
    """As Hugging Face's own client does it: a redirect to another host goes there without the token."""
    with program("fake-hub", "--port", "0") as hub, mirror(hub.ready["port"]) as stranger, mirror(hub.ready["port"], stranger.server_port) as asked:
        words = ["--models-db", str(tmp_path / "models.db"), "--models-dir", str(tmp_path / "models"), "--hub-url", f"http://127.0.0.1:{asked.server_port}"]
        with program("fake-hive", "--port", "0", *words, env={"HF_TOKEN": "hub-token"}) as hive:
            events = download(hive.ready["port"])
    assert events[-1]["stage"] == "complete", events
    assert set(asked.seen) == {"Bearer hub-token"}
    assert set(stranger.seen) == {None}, "the token of the hub went to another host"
