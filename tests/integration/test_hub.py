"""The model hub, looked at by foreign eyes: the `gguf` package and Hugging Face's own client."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from running import robot_env
from test_programs import ask, end, program

from RbeeLibrary.fakes.hub.hub_files import HubFiles
from RbeeLibrary.protocol.model.gguf import QUANTIZATIONS, read_header, write_header
from RbeeLibrary.protocol.program_options import DEFAULT_FILE, HubOptions

REPOSITORY, FILE = DEFAULT_FILE.rpartition("=")[0].rsplit("/", 1)
PATH = f"/{REPOSITORY}/resolve/main/{FILE}"
DOWNLOAD = """
import sys
from huggingface_hub import hf_hub_download
print(hf_hub_download(sys.argv[1], sys.argv[2], cache_dir=sys.argv[3]))
"""


def fields_of(path: Path) -> dict:
    """What the `gguf` package reads in a file's header."""
    from gguf import GGUFReader

    reader = GGUFReader(path)
    return {name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")}


@pytest.mark.parametrize(("quantization", "number"), [("Q4_K_M", 15), ("Q5_K_M", 17), ("Q8_0", 7)])
def test_headers_are_what_the_gguf_package_reads(tmp_path, quantization, number):
    path = tmp_path / "model.gguf"
    path.write_bytes(write_header(quantization=quantization, vocab_size=4711, eos_token_id=9) + bytes(1000))
    assert fields_of(path) == {
        "general.architecture": "llama",
        "general.file_type": number,
        "llama.vocab_size": 4711,
        "tokenizer.ggml.eos_token_id": 9,
    }


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_header_is_read_back(quantization):
    data = write_header(quantization=quantization)
    model = read_header(data, len(data))
    assert (model.architecture, model.vocab_size, model.eos_token_id, model.quantization) == ("llama", 32000, 2, quantization)


@pytest.mark.parametrize("size", [0, 1, 100, 65536, 65537, 200_000])
def test_content_does_not_depend_on_where_it_is_read_from(size):
    file = HubFiles(HubOptions(), f"a/b/c={size}b").find("a/b", "c")
    whole = b"".join(file.pieces(0))
    assert len(whole) == size
    for start in {0, 1, 65535, 65536, 65537, size // 2, max(0, size - 1)}:
        assert b"".join(file.pieces(start)) == whole[start:]
    assert file.sha256 == hashlib.sha256(whole).hexdigest()


def test_huge_file_is_described_at_once():
    file = HubFiles(HubOptions(), "a/b/c=5000MB").find("a/b", "c")
    assert file.size == 5000 * 1048576
    assert file.sha256 is None
    assert next(file.pieces(file.size - 10)) != b""


@pytest.mark.parametrize("text", ["a/b=5MB", "a/b/c", "a/b/c=many", "a/b/c/d=5MB"])
def test_file_of_another_form_is_refused(text):
    with program("fake-hub", "--port", "0", "--file", text) as hub:
        assert hub.ready is None
        _, errors = hub.communicate(timeout=10)
        assert hub.returncode == 2
        assert text in errors or "many" in errors


def test_files_are_served_in_parts():
    with program("fake-hub", "--port", "0") as hub:
        port = hub.ready["port"]
        _, described = ask(port, "GET", f"/api/models/{REPOSITORY}")
        file = json.loads(described)["siblings"][0]
        assert (file["rfilename"], file["size"]) == (FILE, 5 * 1048576)
        assert ask(port, "HEAD", PATH)[0] == 200
        assert ask_range(port, "bytes=5242870-") == (206, 10, "bytes 5242870-5242879/5242880")
        assert ask_range(port, "bytes=0-9") == (206, 10, "bytes 0-9/5242880")
        assert ask_range(port, "bytes=5242880-") == (416, 0, "bytes */5242880")
        assert ask_range(port, "bytes=-10") == (206, 10, "bytes 5242870-5242879/5242880")
        assert ask_range(port, "bytes=-0") == (416, 0, "bytes */5242880")
        for ignored in ("bytes=10-5", "bytes=-", "lines=1-2"):
            assert ask_range(port, ignored) == (200, 5242880, None)
        assert ask(port, "GET", "/no/where/resolve/main/x")[0] == 404
        assert ask(port, "GET", f"/{REPOSITORY}/resolve/main/other.gguf")[0] == 404
        assert end(hub)[0] == 0


def ask_range(port: int, asked: str) -> tuple[int, int, str | None]:
    """Status, length and range of an answer."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", PATH, headers={"Range": asked})
    answer = connection.getresponse()
    length = len(answer.read())
    connection.close()
    return answer.status, length, answer.getheader("Content-Range")


@pytest.mark.parametrize("redirect", ["off", "on"])
def test_hugging_face_client_downloads_from_it(tmp_path, redirect):
    with program("fake-hub", "--port", "0", "--redirect", redirect) as hub:
        url = f"http://127.0.0.1:{hub.ready['port']}"
        env = {**robot_env(), "HF_ENDPOINT": url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_TELEMETRY": "1"}
        words = [sys.executable, "-c", DOWNLOAD, REPOSITORY, FILE, str(tmp_path / "cache")]
        done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        path = done.stdout.strip().splitlines()[-1]
        _, described = ask(hub.ready["port"], "GET", f"/api/models/{REPOSITORY}")
        assert os.path.getsize(path) == 5 * 1048576
        assert hashlib.sha256(Path(path).read_bytes()).hexdigest() == json.loads(described)["siblings"][0]["lfs"]["sha256"]
        assert fields_of(Path(path))["llama.vocab_size"] == 32000


@pytest.mark.parametrize("redirect", ["off", "on"])
def test_hugging_face_client_downloads_whole_repositories(tmp_path, redirect):
    """`snapshot_download`, the lists of files, and the command line of the official client."""
    with program("fake-hub", "--port", "0", "--redirect", redirect) as hub:
        url = f"http://127.0.0.1:{hub.ready['port']}"
        env = {**robot_env(), "HF_ENDPOINT": url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_TELEMETRY": "1"}
        python = [sys.executable, "-c"]
        snapshot = "import sys, huggingface_hub as h; print(h.snapshot_download(sys.argv[1], cache_dir=sys.argv[2]))"
        files = "import sys, huggingface_hub as h; print(h.HfApi().list_repo_files(sys.argv[1]), [f.path for f in h.HfApi().list_repo_tree(sys.argv[1])])"
        info = (
            "import sys, huggingface_hub as h; a, fs = h.HfApi(), h.HfFileSystem(); r, f = sys.argv[1:]; p = f'{r}/{f}'; "
            "print([i.path for i in a.get_paths_info(r, [f, 'no'])], [b.name for b in a.list_repo_refs(r).branches], "
            "a.file_exists(r, f), a.file_exists(r, 'no'), a.repo_exists(r), a.revision_exists(r, 'main'), "
            "h.get_hf_file_metadata(h.hf_hub_url(r, f)).size, a.model_info(r, files_metadata=True).siblings[0].size, "
            "fs.ls(r, detail=False), fs.info(p)['size'], len(fs.read_bytes(p, 10, 20)))"
        )
        words = [
            [*python, snapshot, REPOSITORY, str(tmp_path / "cache")],
            [*python, files, REPOSITORY],
            [*python, info, REPOSITORY, FILE],
            [str(Path(sys.executable).with_name("hf")), "download", REPOSITORY, "--local-dir", str(tmp_path / "local")],
        ]
        outputs = []
        for one in words:
            done = subprocess.run(one, env=env, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stderr
            outputs.append(done.stdout.strip().splitlines()[-1])
        assert os.path.getsize(Path(outputs[0]) / FILE) == 5 * 1048576
        assert outputs[1] == f"['{FILE}'] ['{FILE}']"
        size = 5 * 1048576
        assert outputs[2] == f"['{FILE}'] ['main'] True False True True {size} {size} ['{REPOSITORY}/{FILE}'] {size} 10"
        assert os.path.getsize(tmp_path / "local" / FILE) == size


def test_hugging_face_client_is_refused_without_the_token(tmp_path):
    with program("fake-hub", "--port", "0", "--gated", REPOSITORY, env={"RBEE_HUB_TOKEN": "hf_right"}) as hub:
        env = {**robot_env(), "HF_ENDPOINT": f"http://127.0.0.1:{hub.ready['port']}", "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": "hf_wrong"}
        words = [sys.executable, "-c", DOWNLOAD, REPOSITORY, FILE, str(tmp_path / "cache")]
        done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode != 0
        assert "GatedRepoError" in done.stderr
        done = subprocess.run(words, env={**env, "HF_TOKEN": "hf_right"}, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
