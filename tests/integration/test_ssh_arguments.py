"""What comes out at the other end of ssh: the words joined by blanks, unchanged, as one text for the shell there; the scripted ssh as the real one."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from running import ROOT, robot, robot_env

SCRIPTED = [sys.executable, "-ES", str(ROOT / "RbeeLibrary/fakes/ssh/ssh.py")]
RECORDER = f"""#!{sys.executable} -ES
import os, sys
with open(os.environ["HEARD"], "wb") as file:
    file.write(b"\\0".join(os.fsencode(word) for word in sys.argv[1:]))
if sys.argv[-1].startswith("exit "):
    os.close(1), os.close(2), sys.exit(int(sys.argv[-1][5:]))
"""
"""Stands where the shell of the node is."""
PRINTER = f"""#!{sys.executable} -ES
import os, sys
sys.stdout.buffer.write(b"\\0".join(os.fsencode(word) for word in sys.argv[1:]))
"""
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
NASTY = [
    *("", " ", "  two  blanks ", "a\nb", "\t", "\\", "\\n", "'", '"', "'\"'", "ä€🐝", "-p", "--"),
    *("$(touch pwned)", "`id`", "$HOME", "~", "*", "; exit 3", "&& false", "|", "> out", "#", "!!"),
]
WORD = st.one_of(st.sampled_from(NASTY), TEXT)
FIRST = WORD.filter(lambda word: not word.startswith("-"))
"""A first word with a dash is an option of ssh itself."""
SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@dataclass
class Client:
    """Words of an ssh client up to the host, the folder of what its node's shell hears, and its environment."""

    words: list[str]
    folder: Path
    env: dict[str, str]

    def run(self, words: list[str]) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([*self.words, *words], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=30)

    def __call__(self, words: list[str]) -> list[bytes]:
        """Runs ssh with words; what the shell at the other end was called with."""
        (self.folder / "heard").unlink(missing_ok=True)
        done = self.run(words)
        assert (done.returncode, done.stderr) == (0, b""), done
        return (self.folder / "heard").read_bytes().split(b"\0")


@pytest.fixture
def scripted(tmp_path) -> Client:
    write(tmp_path / "bin/sh", RECORDER)
    env = robot_env({"PATH": f"{tmp_path / 'bin'}", "HEARD": str(tmp_path / "heard"), "HOME": str(tmp_path)})
    return Client([*SCRIPTED, "vince@node"], tmp_path, env)


def test_account_without_a_home_begins_in_the_root_folder():
    done = subprocess.run([*SCRIPTED, "vince@node", "pwd"], env={"PATH": os.defpath}, capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr, done.returncode) == ("/\n", "", 0)


@pytest.mark.parametrize(
    ("words", "caller", "user"),
    [(["node"], "olga", "olga"), (["node"], "", "root"), (["-l", "vince", "node"], "olga", "vince"), (["ann@node"], "olga", "ann")],
)
def test_user_is_the_one_who_calls_unless_another_is_named(tmp_path, words, caller, user):
    env = {"USER": caller, "FAKE_SSH_HOSTS": str(tmp_path / "hosts.json")}
    (tmp_path / "hosts.json").write_text('{"node": {"outcome": "denied"}}')
    done = subprocess.run([*SCRIPTED, *words, "true"], env=env, capture_output=True, text=True, timeout=30)
    assert (done.stderr, done.returncode) == (f"{user}@node: Permission denied (publickey).\n", 255)


def test_rules_of_hosts_are_read_in_any_locale(tmp_path):
    (tmp_path / "hosts.json").write_text('{"b\u00fccherei": {}, "node": {"outcome": "refused"}}', encoding="utf-8")
    env = robot_env({"FAKE_SSH_HOSTS": str(tmp_path / "hosts.json"), "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    done = subprocess.run([sys.executable, SCRIPTED[-1], "node", "true"], env=env, capture_output=True, text=True, timeout=30)
    assert (done.stderr, done.returncode) == ("ssh: connect to host node port 22: Connection refused\n", 255)


def test_real_server_serves_on_the_socket_that_is_held_for_it(tmp_path):
    keys = pytest.importorskip("asyncssh").generate_private_key("ssh-ed25519")
    keys.write_public_key(str(tmp_path / "key.pub"))
    (tmp_path / "environment.json").write_text("{}")
    read, ready = os.pipe()
    words = [sys.executable, "-m", "RbeeLibrary.fakes.ssh.sshd", "--authorized-keys", str(tmp_path / "key.pub"), "--env", str(tmp_path / "environment.json")]
    with socket.create_server(("127.0.0.1", 0)) as held, os.fdopen(read) as line:
        env = robot_env({"RBEE_READY_FD": str(ready), "RBEE_LISTEN_FD": str(held.fileno())})
        with subprocess.Popen(words, env=env, pass_fds=[ready, held.fileno()]) as server:
            os.close(ready)
            port = json.loads(line.readline())["port"]
            server.terminate()
        assert (port, server.returncode) == (held.getsockname()[1], 0)


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Iterator[Client]:
    if shutil.which("ssh") is None or importlib.util.find_spec("asyncssh") is None:
        pytest.skip("OpenSSH's client or asyncssh is not installed")
    folder = tmp_path_factory.mktemp("sshd")
    write(folder / "bin/sh", RECORDER)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True, timeout=10)
    node = {"PATH": f"{folder / 'bin'}", "HEARD": str(folder / "heard"), "HOME": str(folder)}
    (folder / "environment.json").write_text(json.dumps(node))
    read, ready = os.pipe()
    words = [sys.executable, "-m", "RbeeLibrary.fakes.ssh.sshd", "--authorized-keys", str(folder / "key.pub"), "--env", str(folder / "environment.json")]
    server = subprocess.Popen(words, env=robot_env({"RBEE_READY_FD": str(ready)}), pass_fds=[ready], stderr=subprocess.PIPE)
    os.close(ready)
    sockets = tempfile.mkdtemp()  # pytest's own folders are too long for them
    try:
        with os.fdopen(read) as line:
            port = json.loads(line.readline())["port"]
        options = ["BatchMode=yes", "StrictHostKeyChecking=no", "LogLevel=ERROR", f"UserKnownHostsFile={folder / 'known_hosts'}", "IdentitiesOnly=yes"]
        multiplex = ["ControlMaster=auto", f"ControlPath={sockets}/c", "ControlPersist=30"]
        flags = ["-i", str(folder / "key"), *(word for option in (*options, *multiplex) for word in ("-o", option))]
        target = ["-p", str(port), "vince@127.0.0.1"]
        subprocess.run(["ssh", "-F", "none", *flags, *target, "open"], check=True, capture_output=True, timeout=30)
        yield Client(["ssh", "-F", "none", *flags, *target], folder, dict(os.environ))
        subprocess.run(["ssh", "-F", "none", *flags, "-O", "exit", *target], capture_output=True, timeout=10)
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=10)
        shutil.rmtree(sockets)


def expected(words: list[str]) -> list[bytes]:
    """What the protocol says: one text, or no command at all."""
    command = " ".join(words)
    return [b"-c", command.encode()] if command else [b"-s"]


@settings(SETTINGS, max_examples=30)
@given(st.lists(WORD, max_size=3), FIRST)
@example([], "")
@example([""], "")
@example(["-p", "22", "--"], "echo")
@example(["  two  blanks ", "$(id)\n'\""], "echo")
def test_scripted_ssh_passes_the_words_on(scripted, more, first):
    assert scripted([first, *more]) == expected([first, *more])


@settings(SETTINGS, max_examples=30)
@given(st.lists(WORD, max_size=3), FIRST)
@example([], "")
@example(["-p", "22", "--"], "echo")
def test_real_ssh_does_the_same(real, more, first):
    assert real([first, *more]) == expected([first, *more])


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["--", "echo", "hi"], "echo hi"),
        (["-v", "echo", "-v"], "echo -v"),
        (["-T", "-o", "LogLevel=QUIET", "echo"], "echo"),
        (["-oLogLevel=QUIET", "-4Tq", "echo"], "echo"),
        (["-q", "--", "-p"], "-p"),
    ],
)
@pytest.mark.parametrize("kind", ["scripted", "real"])
def test_options_behind_the_host_are_those_of_ssh(request, kind, words, command):
    if kind == "real" and "-v" in words[:1]:
        pytest.skip("it says a lot then")
    assert request.getfixturevalue(kind)(words) == [b"-c", command.encode()]


@pytest.mark.parametrize("kind", ["scripted", "real"])
def test_time_limit_that_is_no_number_is_refused(request, kind):
    assert request.getfixturevalue(kind).run(["-o", "ConnectTimeout=5=3", "echo"]).returncode == 255


@settings(SETTINGS, max_examples=25)
@given(st.lists(WORD, max_size=4))
def test_quoted_words_arrive_as_they_were(tmp_path, words):
    """With a real shell at the other end: whoever quotes for it gets what was meant, and nothing else happens."""
    printer = write(tmp_path / "bin/printer", PRINTER)
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    done = subprocess.run([*SCRIPTED, "node", str(printer), shlex.join(words)], env=robot_env({"HOME": str(home)}), capture_output=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"\0".join(word.encode() for word in words)
    assert list(home.iterdir()) == []


@settings(SETTINGS, max_examples=15)
@given(st.lists(st.binary(min_size=1, max_size=6).filter(lambda data: b"\0" not in data), min_size=1, max_size=3))
def test_bytes_that_are_no_text_are_passed_on_too(scripted, words):
    assert scripted(["x", *(os.fsdecode(word) for word in words)]) == [b"-c", b" ".join([b"x", *words])]


@pytest.mark.parametrize("kind", ["scripted", "real"])
def test_exit_code_is_never_lost(request, kind):
    """Not even that of a command whose output has ended before it: a client that waits for nothing more must still hear of the code."""
    client = request.getfixturevalue(kind)
    codes = [number % 7 + 1 for number in range(14)]
    assert [client.run([f"exit {code}"]).returncode for code in codes] == codes


@pytest.mark.skipif(shutil.which("ssh") is None, reason="there is no ssh here")
def test_openssh_gives_up_a_host_that_does_not_answer(tmp_path):
    """Waits a second of ssh's own clock, so it is in the suite that is out by default."""
    name = "OpenSSH Gives Up A Host That Does Not Answer"
    run = robot(tmp_path, "-v", "SLOW:none", "--test", name, str(ROOT / "suites/slow.robot"))
    assert run.tests()[name].status == "PASS", run.tests()[name].message
