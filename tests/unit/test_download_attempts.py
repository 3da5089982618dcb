"""One attempt of a hive to download a file, from a hub that sends what is written down here."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.fakes.hive.downloads import Download, Downloader
from RbeeLibrary.fakes.hive.hubs import HubModel, Hubs
from RbeeLibrary.journal.writer import Journal
from RbeeLibrary.net.http_client import HttpClient, NoAnswer
from RbeeLibrary.protocol.program_options import HiveOptions
from RbeeLibrary.protocol.units import Duration

CONTENT = b"GGUF" + bytes(96)
LIMIT = 5.0


class Hub:
    """Gives each connection the next answer, and closes none by itself.

    Attributes:
        url: on which it serves.
        connections: that have brought a request.
        ended: for each connection but the first, whether its client had closed the one before.
    """

    def __init__(self, listener: socket.socket, answers: tuple[bytes, ...]):
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.connections: list[socket.socket] = []
        self.ended: list[bool] = []
        self._listener, self._answers = listener, answers
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        for answer in self._answers:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # the test is over
                return
            connection.recv(65536)
            if self.connections:
                self.ended.append(_has_ended(self.connections[-1]))
            self.connections.append(connection)
            connection.sendall(answer)


def _has_ended(connection: socket.socket) -> bool:
    connection.settimeout(LIMIT)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False


@contextmanager
def hub(*answers: bytes) -> Iterator[Hub]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = Hub(listener, answers)
        try:
            yield serving
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            serving.thread.join()
            for connection in serving.connections:
                connection.close()


def answer(status: int, body: bytes, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} -", *(headers or [f"Content-Length: {len(body)}"]), "", ""]).encode() + body


def downloader(url: str, stall_timeout: float = 10) -> Downloader:
    clock = Clock(None)
    options = HiveOptions(hub_url=url, download_attempts=1, stall_timeout=Duration(stall_timeout))
    http = HttpClient(clock, "fake-hive")
    return Downloader(http, clock, Journal(None, "fake-hive", clock), options, Hubs(http, options))


def file_at(url: str, folder, content: bytes = CONTENT) -> Download:
    return Download("hf:a/b", HubModel(url, f"{url}/file", "file", len(content), hashlib.sha256(content).hexdigest()), str(folder / "file"))


def download(url: str, folder, content: bytes = CONTENT, stall_timeout: float = 10) -> Download:
    """One attempt for a file with this content."""
    one = file_at(url, folder, content)
    downloader(url, stall_timeout).run(one)
    return one


def test_complete_part_is_not_fetched_again(tmp_path):
    (tmp_path / "file.partial").write_bytes(CONTENT)
    with hub(answer(416, b"")) as asked:
        assert download(asked.url, tmp_path).error is None
    assert asked.connections == []
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_empty_file_is_fetched(tmp_path):
    with hub(answer(200, b"")) as asked:
        assert download(asked.url, tmp_path, b"").error is None
    assert len(asked.connections) == 1
    assert (tmp_path / "file").read_bytes() == b""


def test_connection_of_a_redirect_is_closed_before_the_next_one(tmp_path):
    with hub(answer(302, b"moved", "Location: /there", "Content-Length: 5"), answer(200, CONTENT)) as asked:
        assert download(asked.url, tmp_path).error is None
    assert asked.ended == [True]


@pytest.mark.parametrize(
    ("header", "body"),
    [("Content-Length: 100", b"GGUF"), ("Transfer-Encoding: chunked", b"4\r\nGGUF\r\n"), ("Connection: close", b"GGUF")],
    ids=["length", "chunks", "close"],
)
def test_hub_that_falls_silent_is_a_timeout(tmp_path, header, body):
    with hub(answer(200, body, header)) as asked:
        error = download(asked.url, tmp_path, stall_timeout=0.05).error
    assert (error.code, error.message) == ("DOWNLOAD_TIMEOUT", "model hf:a/b could not be downloaded in 1 attempts: no byte came for 50ms")


def test_first_file_by_name_is_that_of_a_model():
    names = ["README.md", "model.Q5_K_M.gguf", "model.Q4_K_M.gguf", "model.Q8_0.gguf"]
    described = json.dumps({"siblings": [{"rfilename": name, "size": 5} for name in names]}).encode()
    with hub(answer(200, described)) as asked:
        model = Hubs(HttpClient(Clock(None), "fake-hive"), HiveOptions(hub_url=asked.url)).look_up("hf:a/b")
    assert model == HubModel(asked.url, f"{asked.url}/a/b/resolve/main/model.Q4_K_M.gguf", "model.Q4_K_M.gguf", 5, None)


@pytest.mark.parametrize(("speed", "told"), [(2.345, 2.3), (0.02, 0.1)])
def test_speed_is_told_in_tenths_and_never_as_none(tmp_path, speed, told):
    url = "http://127.0.0.1:1"
    one = file_at(url, tmp_path)
    downloader(url)._publish_progress(one, 25, speed)
    assert one.progress.latest == {"stage": "downloading", "bytes_downloaded": 25, "bytes_total": 100, "speed_mbps": told}


def test_piece_that_comes_just_as_its_time_is_over_is_the_last_one():
    cut = threading.Event()

    def chunks() -> Iterator[bytes]:
        assert cut.wait(LIMIT)
        yield b"GGUF"
        raise NoAnswer("the stream ended in the middle")

    pieces = downloader("http://127.0.0.1:9", stall_timeout=0.01)._pieces(SimpleNamespace(chunks=chunks, cut=cut.set))
    assert next(pieces) == b"GGUF"
    with pytest.raises(Exception, match="^no byte came for 10ms$"):
        next(pieces)
