"""Where a disk is full, a folder cannot be used or descriptors run out: one clear message, no traceback, no hang, and nothing left."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from running import ROOT, assert_none_left, robot_command, robot_env
from running import Run as RobotRun

from RbeeLibrary.errors import NoRun
from RbeeLibrary.run.socket_folder import socket_folder
from RbeeLibrary.session.run import Run

SCARCE = ROOT / "tests/data/trials/scarce.robot"
IS_ROOT = os.geteuid() == 0
_WITHOUT = "-dac_override,-dac_read_search"
AS_OWNER = ["setpriv", f"--bounding-set={_WITHOUT}", f"--inh-caps={_WITHOUT}"] if IS_ROOT and shutil.which("setpriv") else []
"""Takes root's right away to write where the mode forbids it."""
CLOSED = pytest.param("closed", marks=pytest.mark.skipif(IS_ROOT and not AS_OWNER, reason="root, and no setpriv"))
SILENT = ("--output", "NONE", "--log", "NONE", "--report", "NONE")
"""For robots that cannot write their own files either."""


def scarce(folder: Path, test: str, *options: str, limits: dict[int, tuple[int, int]] | None = None, env: dict[str, str] | None = None) -> RobotRun:
    """Runs tests with resource limits; nothing may be left, nobody may have hung or printed a traceback."""

    def limit() -> None:
        for what, values in (limits or {}).items():
            resource.setrlimit(what, values)

    began = time.time()
    words = [*AS_OWNER, *robot_command(folder, *options, *(word for name in test.split("|") for word in ("--test", name)), str(SCARCE))]
    done = subprocess.run(words, cwd=folder, env=robot_env(env), capture_output=True, text=True, timeout=60, preexec_fn=limit)
    assert_none_left(began)
    printed = {path.name: path.read_text() for path in folder.rglob("*") if path.suffix in (".stderr", ".stdout", ".log") and path.is_file()}
    noisy = [name for name, text in {"robot": done.stdout + done.stderr, **printed}.items() if "Traceback" in text]
    assert noisy == [], f"{', '.join(noisy)} shows a traceback instead of a message"
    return RobotRun(done.returncode, done.stdout + done.stderr, folder)


def messages(run: RobotRun) -> dict[str, str]:
    """Message of every test that failed, without the output file: from what robot printed."""
    found = re.findall(r"^(\S[^|\n]*)\| FAIL \|\n(.*?)\n-{20}", run.output, re.DOTALL | re.MULTILINE)
    return {name.partition(" :: ")[0].strip(): said.strip() for name, said in found}


def message_of(test: str, run: RobotRun) -> str:
    """The message of a test that must have failed."""
    assert test in messages(run), f"{test} should have failed:\n{run.output}"
    return messages(run)[test]


# --- a disk that is full ---

PROGRAMS = {
    "queen": ["--port", "0"],
    "hive": ["--port", "0", "--provision", "off"],
    "worker": ["--port", "0", "--worker-id", "w"],
    "hub": ["--port", "0"],
    "relay": ["--port", "0", "--to", "127.0.0.1:1"],
    "keeper": ["workers", "list"],
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_program_whose_journal_has_no_room_ends_and_says_so(tmp_path, program):
    _ends_without_journal(tmp_path, program, "/dev/full", "No space left on device")


def test_program_whose_journal_cannot_be_opened_ends_and_says_so(tmp_path):
    (tmp_path / "file").touch()
    _ends_without_journal(tmp_path, "queen", str(tmp_path / "file" / "journal"), "Not a directory")
    _ends_without_journal(tmp_path, "queen", str(tmp_path), "Is a directory")


@pytest.mark.parametrize("kind", [CLOSED])
def test_program_whose_journal_may_not_be_written_ends_and_says_so(tmp_path, kind):
    closed = tmp_path / kind
    closed.mkdir(mode=0o500)
    _ends_without_journal(tmp_path, "queen", str(closed / "journal"), "Permission denied")


def _ends_without_journal(folder: Path, program: str, journal: str, why: str) -> None:
    began = time.time()
    words = [*AS_OWNER, sys.executable, "-m", f"RbeeLibrary.fakes.{program}", *PROGRAMS[program], "--journal", journal]
    done = subprocess.run(words, env=robot_env({"HOME": str(folder)}), capture_output=True, text=True, timeout=30)
    assert done.returncode == 1, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "serves on" not in line]
    assert re.fullmatch(
        rf"\S+Z the journal {re.escape(journal)} cannot be written: {why}; fake-{program} ends, "
        "because nobody could tell what it does: free some room, or give it another file",
        line,
    ), line
    assert_none_left(began)


def test_journal_that_cannot_grow_ends_its_program_and_is_the_cause(tmp_path):
    run = scarce(tmp_path, "Long Answers", *SILENT, limits={resource.RLIMIT_FSIZE: (48 * 1024,) * 2})
    message = message_of("Long Answers", run)
    assert re.search(r"^likely cause: worker-1 ended with exit code 1 because its journal could not be written \(File too large\), ", message, re.MULTILINE), (
        message
    )
    (said,) = [path.read_text() for path in tmp_path.glob("rbee/*/worker-1.stderr")]
    assert re.search(r"the journal \S+/worker-1-\d+\.jsonl cannot be written: File too large; fake-worker ends", said), said


def test_room_for_nothing_fails_before_anything_is_started(tmp_path):
    run = scarce(tmp_path, "Small Fleet|Without A Fleet", *SILENT, limits={resource.RLIMIT_FSIZE: (5 * 1024,) * 2})
    message = message_of("Small Fleet", run)
    assert "Without A Fleet" not in messages(run), run.output
    assert re.fullmatch(
        r"\S+/rbee/\d+-small-fleet, the folder for the output and journals of the programs, cannot be written to: the journal \S+ cannot be written: "
        r"File too large\. Expected is a folder of yours with some room; give another output folder \(robot -d\), or another one for this "
        r"\(artifacts= of the import\)",
        message,
    ), message
    assert list(tmp_path.glob("rbee/*/queen*")) == []


def test_journal_of_the_library_that_cannot_grow_fails_the_test(tmp_path):
    run = scarce(tmp_path, "Many Steps Of The Clock|Without A Fleet", *SILENT, limits={resource.RLIMIT_FSIZE: (12 * 1024,) * 2})
    message = message_of("Many Steps Of The Clock", run)
    assert re.search(r"the journal \S+/library-\d+\.jsonl cannot be written: File too large: what the library did is not known", message), message
    assert "Without A Fleet" not in messages(run), run.output


# --- folders that cannot be used ---


@pytest.mark.parametrize("kind", ["a file", "missing", "too long", CLOSED])
def test_temporary_folder_that_cannot_be_used_is_done_without(tmp_path, kind):
    wanted = {"a file": "file", "missing": "missing", "too long": "x" * 100, "closed": "closed"}[kind]
    (tmp_path / "file").touch()
    (tmp_path / "closed").mkdir(mode=0o500)
    if kind == "too long":
        (tmp_path / wanted).mkdir()
    run = scarce(tmp_path, "Small Fleet", env={"TMPDIR": str(tmp_path / wanted)})
    assert run.rc == 0, run.output
    assert "WARN" not in run.output
    assert not (tmp_path / wanted).is_dir() or list((tmp_path / wanted).iterdir()) == []


def test_no_folder_for_the_sockets_at_all_is_explained(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file" / "below"))
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(sys.modules[socket_folder.__module__], "_PLAIN", str(long))
    with pytest.raises(NoRun) as caught:
        socket_folder()
    assert re.fullmatch(
        r"there is no folder for the sockets of a run: .*Not a directory.*; \S+ is too long for a unix socket, whose path has at most \d+ bytes\. "
        r"Set TMPDIR to a short path of a folder that can be written to",
        str(caught.value),
    ), caught.value
    assert list(long.iterdir()) == [], "what cannot be used is left there"


@pytest.mark.parametrize("kind", ["a file", "below a file", CLOSED])
def test_output_folder_that_cannot_be_used_fails_the_tests_that_need_it(tmp_path, kind):
    """Not the import: a test that fails with `No keyword with name` explains nothing."""
    (tmp_path / "file").touch()
    (tmp_path / "closed").mkdir(mode=0o500)
    wanted, why = {
        "a file": (tmp_path / "file", "File exists"),
        "below a file": (tmp_path / "file" / "folder", "Not a directory"),
        "closed": (tmp_path / "closed" / "folder", "Permission denied"),
    }[kind]
    suite = tmp_path / "own.robot"
    suite.write_text(SCARCE.read_text().replace("Resource            ../../../resources/rbee.resource", f"Library    RbeeLibrary    artifacts={wanted}"))
    began = time.time()
    done = subprocess.run(
        [*AS_OWNER, *robot_command(tmp_path, "-t", "Small Fleet", "-t", "Without A Fleet", str(suite))],
        env=robot_env(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    tests = RobotRun(done.returncode, done.stdout, tmp_path).tests()
    message = tests["Small Fleet"].message
    assert re.match(rf"{wanted}, the folder for the output and journals of the programs, cannot be written to: .*{why}", message), message
    assert "\n" not in message
    assert tests["Without A Fleet"].passed
    assert "Traceback" not in done.stdout + done.stderr and "ERROR" not in done.stderr
    assert_none_left(began)


def test_run_that_cannot_begin_is_tried_again_in_the_same_folder(tmp_path, monkeypatch):
    """By every test that needs it: the second one may find what the first one missed."""
    (tmp_path / "file").touch()
    run = Run(lambda: tmp_path / "rbee")
    with monkeypatch.context() as without:
        without.setattr(tempfile, "tempdir", str(tmp_path / "file"))
        without.setattr(sys.modules[socket_folder.__module__], "_PLAIN", str(tmp_path / "file"))
        run.warm_up()
        for _ in range(2):
            with pytest.raises(NoRun, match="there is no folder for the sockets of a run"):
                run.outputs()
    assert not run.is_running
    run.open_scene("again")
    assert run.outputs() == str(tmp_path / "rbee" / "001-again")
    run.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "rbee"]


# --- descriptors ---


def test_sixty_four_descriptors_are_enough_for_a_small_fleet_and_explained_where_not(tmp_path):
    run = scarce(tmp_path, "Many Workers Of Their Own|Many Workers Of One Hive|Small Fleet", limits={resource.RLIMIT_NOFILE: (64, 64)})
    tests = run.tests()
    advice = r"Too many open files.*\. At most 64 may be open at once; allow more with ulimit -n"
    own, hive = (tests[name].message for name in ("Many Workers Of Their Own", "Many Workers Of One Hive"))
    assert re.search(rf"^worker 'alone-\d+' could not be started: .*{advice}$", own, re.MULTILINE), own
    assert re.search(rf"^worker 'worker-\d+' could not be started: .*{advice}$", hive, re.DOTALL | re.MULTILINE), hive
    assert tests["Small Fleet"].passed, "the nursery did not survive: " + tests["Small Fleet"].message


def test_soft_limit_of_descriptors_is_none(tmp_path):
    """A login shell allows 1024 and could have more: the programs take what they may. Robot itself has its 64."""
    run = scarce(tmp_path, "Many Workers Of One Hive", "-v", "WORKERS:48", limits={resource.RLIMIT_NOFILE: (64, 4096)})
    assert run.rc == 0, run.output
