"""Files of lines that outlive their writers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest
from running import robot_env

from RbeeLibrary.journal.line_file import open_line_file

WRITER = """
import sys, time
from RbeeLibrary.journal.line_file import open_line_file
lines = open_line_file(sys.argv[1], alone=True)
for number in range(5000):
    lines.add(b"%d\\n" % number)
print("written", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("alone", [True, False])
def test_threads_lose_nothing(tmp_path, alone):
    lines = open_line_file(str(tmp_path / "x"), alone=alone)

    def write(who: int) -> None:
        for number in range(3000):
            lines.add(b"%d-%d %s\n" % (who, number, b"x" * (number % 90)))

    threads = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = [line.split()[0] for line in (tmp_path / "x").read_text().split("\n") if line]
    assert sorted(seen) == sorted(f"{who}-{number}" for who in range(4) for number in range(3000))
    lines.close()
    assert not (tmp_path / "x").read_text().endswith("\n\n")
    lines.add(b"too late\n")
    assert "late" not in (tmp_path / "x").read_text()


def test_kill_loses_nothing(tmp_path):
    path = tmp_path / "x"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, env=robot_env(), text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        writer.send_signal(signal.SIGKILL)
    assert path.read_text().split() == [str(number) for number in range(5000)]


def test_file_goes_on_after_a_kill(tmp_path):
    path = tmp_path / "x"
    open_line_file(str(path), alone=True).add(b"one\n")
    again = open_line_file(str(path), alone=True)
    again.add(b"two\n")
    again.close()
    assert path.read_text() == "one\ntwo\n"


def test_line_that_is_longer_than_the_room(tmp_path):
    lines = open_line_file(str(tmp_path / "x"), alone=True)
    long = b"y" * 100_000 + b"\n"
    lines.add(long)
    lines.add(b"z\n")
    lines.close()
    assert (tmp_path / "x").read_bytes() == long + b"z\n"


def test_last_line_may_fill_the_reserved_space(tmp_path):
    path = tmp_path / "x"
    lines = open_line_file(str(path), alone=True)
    first, last = b"x" * (path.stat().st_size - 513) + b"\n", b"y" * 511 + b"\n"
    lines.add(first)
    lines.add_last(last)
    assert path.read_bytes() == first + last


def test_fork_leaves_the_file_of_its_parent_alone(tmp_path):
    lines = open_line_file(str(tmp_path / "x"), alone=True)
    lines.add(b"one\n")
    pid = os.fork()
    if not pid:
        lines.close()
        os._exit(0)
    os.waitpid(pid, 0)
    lines.add(b"two\n")
    lines.close()
    assert (tmp_path / "x").read_text() == "one\ntwo\n"


def test_last_line_of_a_shared_file_is_written_and_nothing_after_it(tmp_path):
    lines = open_line_file(str(tmp_path / "x"), alone=False)
    lines.add_last(b"last\n")
    lines.add(b"later\n")
    assert (tmp_path / "x").read_text() == "last\n"


def test_shared_file_may_be_closed_twice(tmp_path):
    lines = open_line_file(str(tmp_path / "x"), alone=False)
    lines.close()
    lines.close()
