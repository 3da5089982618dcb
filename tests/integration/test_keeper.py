"""The keeper as a person uses it: in a terminal, with help, with Ctrl+C."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

import pytest
from running import robot_env
from test_programs import program

from RbeeLibrary.fakes.keeper.cli import COMMANDS
from RbeeLibrary.fakes.keeper.installation import BadConfig, read_config

LIMIT = 20.0
KEEPER = [sys.executable, "-m", "RbeeLibrary.fakes.keeper"]


class Terminal:
    """A keeper in a terminal of its own."""

    def __init__(self, *words: str, env: dict[str, str] | None = None, columns: int = 80):
        self.fd, inner = pty.openpty()
        termios.tcsetwinsize(inner, (24, columns))
        clean = robot_env(env)
        clean.pop("NO_COLOR", None)
        self.process = subprocess.Popen([*KEEPER, *words], stdin=inner, stdout=inner, stderr=inner, env={**clean, **(env or {})}, start_new_session=True)
        os.close(inner)
        self.text = ""

    def read_until(self, part: str | None) -> str:
        """Reads until a part is there; None = to the end."""
        deadline = time.monotonic() + LIMIT
        while part is None or part not in self.text:
            left = deadline - time.monotonic()
            assert left > 0, f"{part!r} did not come: {self.text!r}"
            if select.select([self.fd], [], [], min(left, 0.5))[0]:
                try:
                    data = os.read(self.fd, 4096)
                except OSError:
                    break
                if not data:
                    break
                self.text += data.decode()
        return self.text

    def end(self) -> int:
        """Reads to the end; the exit code."""
        self.read_until(None)
        os.close(self.fd)
        return self.process.wait(LIMIT)


def run(*words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    """A keeper without a terminal."""
    return subprocess.run([*KEEPER, *words], capture_output=True, text=True, timeout=LIMIT, env=robot_env(env))


@pytest.fixture
def hive():
    """A hive whose workers load for a while and answer slowly."""
    env = {"RBEE_WORKER_ARGS": "--load-time 600ms --token-delay 50ms"}
    with program("fake-hive", "--port", "0", "--worker-ports", "0", "--provision", "off", env=env) as running:
        yield f"http://127.0.0.1:{running.ready['port']}"


def test_bar_on_a_terminal(hive):
    terminal = Terminal("infer", "--hive-url", hive, "--model", "mock-model", "--prompt", "x", "--max-tokens", "5")
    assert terminal.end() == 0
    assert "\r\x1b[K[=========               ]  38% 12/32 layers" in terminal.text
    assert terminal.text.rstrip().count("\n") <= 2, terminal.text


@pytest.mark.parametrize("columns", [12, 20, 44, 45])
def test_bar_fits_a_narrow_terminal(hive, columns):
    terminal = Terminal("infer", "--hive-url", hive, "--model", "mock-model", "--prompt", "x", "--max-tokens", "1", columns=columns)
    assert terminal.end() == 0
    bars = [part for part in terminal.text.split("\r\x1b[K")[1:] if "%" in part]
    assert bars
    assert max(len(bar.splitlines()[0]) for bar in bars) < columns
    assert ("[=" in bars[-1]) is (columns >= 44)


def test_ctrl_c_leaves_a_clean_line(hive):
    terminal = Terminal("infer", "--hive-url", hive, "--model", "mock-model", "--prompt", "x", "--max-tokens", "2000")
    terminal.read_until("24/32 layers")
    terminal.read_until(" the ")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130
    assert terminal.text.endswith("\r\nCanceled.\r\n"), terminal.text[-60:]


@pytest.mark.parametrize(("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_errors_are_red_unless_nobody_wants_colours(env, coloured):
    terminal = Terminal("workers", "list", "--queen-url", "http://127.0.0.1:1", "--retry", "1", env=env)
    assert terminal.end() == 1
    assert ("\x1b[31m" in terminal.text) is coloured
    assert "CONNECTION_TIMEOUT" in terminal.text


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.words)
def test_every_command_has_help(command):
    done = run(*command.words.split(), "--help")
    assert done.returncode == 0, done.stderr
    assert f"usage: rbee-keeper {command.words}" in done.stdout
    assert len(done.stdout.splitlines()) > 3


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["--help"], 0, "setup add-node"),
        (["setup", "--help"], 0, "setup list-nodes"),
        (["--version"], 0, "rbee-keeper 0.1.0"),
        ([], 2, "usage"),
        (["setup"], 2, "there is no command 'setup'"),
        (["infer", "--max-tokens", "0", "--node", "n", "--model", "m", "--prompt", "p"], 2, "out of range"),
        (["workers", "shutdown"], 2, "--id"),
    ],
)
def test_help_and_bad_words(words, code, part):
    done = run(*words)
    assert done.returncode == code
    assert part in done.stdout + done.stderr


def test_flags_may_stand_before_the_command():
    assert "127.0.0.1:1" in run("--queen-url", "http://127.0.0.1:1", "--retry=1", "workers", "list").stderr


def test_tokens_leave_at_once(hive):
    """Standard output is a pipe: nothing is held back until the end."""
    words = ["infer", "--hive-url", hive, "--model", "mock-model", "--prompt", "x", "--max-tokens", "20"]
    process = subprocess.Popen([*KEEPER, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=robot_env())
    times = []
    while data := os.read(process.stdout.fileno(), 4096):
        times += [time.monotonic()] * len(data.split())
    assert process.wait(LIMIT) == 0
    assert len(times) == 20
    assert times[-1] - times[0] > 0.5


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('[remote]\nbinary_path = "/a b"  # mine\n', {"remote": {"binary_path": "/a b"}}),
        ("# nothing\n\n[pool]\nname = 'x'\nport = 9200\nfast = true", {"pool": {"name": "x", "port": "9200", "fast": "true"}}),
        ('[a]\nx = "say \\"yes\\""\n', {"a": {"x": 'say "yes"'}}),
    ],
)
def test_config_is_read(tmp_path, text, found):
    (tmp_path / "config.toml").write_text(text)
    assert read_config(tmp_path / "config.toml") == found


@pytest.mark.parametrize("text", ["[remote\n", "x\n", "x = [1, 2]\n", '[a]\nx = "open\n'])
def test_broken_config_names_its_line(tmp_path, text):
    (tmp_path / "config.toml").write_text("# a comment\n" + text)
    with pytest.raises(BadConfig, match=r"config.toml, line [23]"):
        read_config(tmp_path / "config.toml")
