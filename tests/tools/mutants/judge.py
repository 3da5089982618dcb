"""Tries mutants: runs the few tests that can notice, the nearest and quickest first, until one fails."""

from __future__ import annotations

import compileall
import contextlib
import itertools
import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import psutil
from running import robot_env

from mutants.coverage_map import KnownTest, copy_project
from mutants.generator import PACKAGE, Mutant, mutated_source

KILLED, SURVIVED, HUNG, NOT_RUN = "killed", "survived", "killed by its limit", "no test runs it"
_QUICK = 0.3
_NO_TESTS_OF_ROBOT, _NO_TESTS_OF_PYTEST = 252, 4
_START = 1.0
"""Seconds that it takes to start pytest or robot."""
_SLACK = 20.0
_PATIENCE = 6.0
"""How many times as long as without a change the tests may take."""


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant.

    Attributes:
        name: of the mutant.
        place: file and line.
        before: changed source.
        after: what it became.
        verdict: one of the constants of this module.
        test: that failed first, as `file::name`.
        message: of that test.
        tried: number of tests that ran.
        seconds: that it took.
    """

    name: str
    place: str
    before: str
    after: str
    verdict: str
    test: str = ""
    message: str = ""
    tried: int = 0
    seconds: float = 0.0

    @property
    def caught(self) -> bool:
        """Whether a test noticed."""
        return self.verdict in (KILLED, HUNG)


class Copy:
    """A copy of the project in which one mutant after the other is tried.

    Args:
        folder: a new, empty one.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self.package = folder / "RbeeLibrary"
        self._numbers = itertools.count()
        self._process: subprocess.Popen[bytes] | None = None
        copy_project(folder)
        compileall.compile_dir(folder / "RbeeLibrary", quiet=1)

    def run(self, tests: list[KnownTest], file: str | None, source: str) -> tuple[str, str, str]:
        """Runs tests with one file changed.

        Args:
            tests: of one kind.
            file: below RbeeLibrary/; None changes nothing.
            source: its new text.

        Returns:
            verdict, name of the test that failed first, and its message.
        """
        if file is None:
            return self._run(tests)
        path = self.package / file
        kept, compiled = path.read_bytes(), list(path.parent.glob(f"__pycache__/{path.stem}.*"))
        bytecode = [(one, one.read_bytes()) for one in compiled]
        times = path.stat()
        for one in compiled:
            one.unlink()  # its stamp is in seconds: it would pass for that of the changed file
        path.write_text(source)
        try:
            return self._run(tests)
        finally:
            path.write_bytes(kept)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
            for one, content in bytecode:
                one.write_bytes(content)

    def _run(self, tests: list[KnownTest]) -> tuple[str, str, str]:
        written = self._folder / f"failed{next(self._numbers)}.jsonl"
        limit = _SLACK + _PATIENCE * sum(test.seconds for test in tests)
        env = robot_env({"PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, package=self._folder)
        env["PYTHONPATH"] += f":{self._folder / 'tests/tools'}"
        output = self._folder / "output.txt"
        with output.open("w") as stdout:
            self._process = process = subprocess.Popen(
                self._words(tests, written),
                cwd=self._folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code = process.wait(limit)
            except subprocess.TimeoutExpired:
                self.stop()
                return HUNG, tests[0].id if len(tests) == 1 else "", f"no end after {limit:.0f} s"
        text = output.read_text(errors="replace")
        if code == 0 or _found_no_test(tests[0].kind, code, text):
            return SURVIVED, "", ""
        if tests[0].kind == "robot" and written.exists():
            test, message = json.loads(written.read_text().splitlines()[0])
            return KILLED, test.removeprefix(f"{self._folder}/"), message
        return KILLED, *_failure_of_pytest(text)

    def stop(self) -> None:
        """Kills the tests that run, and the programs that they have started, which have groups of their own."""
        if self._process is not None and self._process.poll() is None:
            started = psutil.Process(self._process.pid).children(recursive=True)
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            for process in started:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()

    def _words(self, tests: list[KnownTest], written: Path) -> list[str]:
        if tests[0].kind == "pytest":
            names = [test.id.removesuffix("::") for test in tests]
            plugins = ("pytest_timeout", "RbeeLibrary.pytest_plugin", "no:cacheprovider")
            words = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=short", "-W", "ignore", *(word for plugin in plugins for word in ("-p", plugin))]
            return [*words, *names]
        words = [sys.executable, "-m", "robot", "--output", "NONE", "--log", "NONE", "--report", "NONE", "--console", "none", "--exitonfailure"]
        words += ["--outputdir", str(self._folder / "results"), "--listener", f"mutants.failure_listener;{written}"]
        for test in tests:
            words += ["--test", test.name if test.name == "*" else _literal(test.name)]
        return [*words, *sorted({test.where for test in tests})]


def _found_no_test(kind: str, code: int, text: str) -> bool:
    """Whether the tests have other names by now, which says nothing about the mutant; one that cannot be imported is noticed, though."""
    if kind == "robot":
        return code == _NO_TESTS_OF_ROBOT
    return code == _NO_TESTS_OF_PYTEST and "not found: " in text and not any(word in text for word in ("ERROR collecting", "while loading conftest"))


def _literal(name: str) -> str:
    return re.sub(r"([\[*?])", r"[\1]", name)


def _failure_of_pytest(text: str) -> tuple[str, str]:
    """Name of the test that failed, and what pytest shows of it: the failed line of the test, and the error."""
    failed = re.findall(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", text, re.M)
    lines = text.splitlines()
    said = [number for number, line in enumerate(lines) if line.startswith("E  ")]
    if not said:
        return failed[0] if failed else "", text[-400:]
    place = max((number for number, line in enumerate(lines[: said[0]]) if re.match(r"\S+:\d+: in ", line)), default=said[0])
    shown = [*lines[place + 1 : said[0]], *(lines[number][1:] for number in said[:12])]
    return failed[0] if failed else "", "\n".join(line.strip() for line in shown)


def stages(tests: list[KnownTest], budget: float) -> Iterator[list[KnownTest]]:
    """Groups of tests, each for one process: quick ones in Python, the nearest of the suites, one of each suite, the rest as far as the budget goes.

    The nearest test says most about a line that few tests run. A line that all tests run needs different ones: what goes wrong is seen elsewhere.

    Args:
        tests: the nearest one first.
        budget: seconds of all together, as they take without a change.
    """
    usable = [test for test in tests if test.seconds <= budget]
    quick = [test for test in usable if test.kind == "pytest" and test.seconds <= _QUICK]
    suites = [test for test in usable if test.kind == "robot"]
    slow = [test for test in usable if test.kind == "pytest" and test.seconds > _QUICK]
    near, others = suites[:5], suites[5:]
    of_each = list({test.where: test for test in others}.values())  # the last one of a suite is the one that runs most
    rest = [test for test in others if test not in of_each]
    of_file = list({test.where: test for test in reversed(slow)}.values())[::-1]  # the nearest one of a file
    more = [test for test in slow if test not in of_file]
    left = budget
    for group in (
        quick[:10],
        near,
        of_file[:1],
        of_each[::3],
        of_file[1:4],
        [*of_each[1::3], *of_each[2::3]],
        quick[10:60],
        of_file[4:],
        rest,
        more,
        quick[60:],
    ):
        chosen = []
        for test in group:
            if test.seconds <= left:
                left -= test.seconds
                chosen.append(test)
        if chosen:
            left -= _START
            yield chosen


def known_test(test: str, seconds: float) -> KnownTest:
    """A test by its `file::name`."""
    where, _, name = test.partition("::")
    return KnownTest("robot" if where.endswith(".robot") else "pytest", where, name, seconds, 0)


class Judge:
    """Tries mutants, several at once, each in a copy of the project of its own.

    Args:
        tests_of: finds groups of tests for a mutant, each for one process.
        at_once: how many are tried at the same time.
        confirms: whether a test that fails has to fail again, alone: one that fails now and then notices nothing.
    """

    def __init__(self, tests_of: Callable[[Mutant], Iterable[list[KnownTest]]], at_once: int, *, confirms: bool = True):
        self._tests_of = tests_of
        self._confirms = confirms
        self._at_once = at_once
        self._copies: queue.Queue[Copy] = queue.Queue()
        self.unreliable: set[str] = set()
        """Tests that failed with a mutant, and did not fail with it again."""

    def verdicts(self, mutants: Iterable[Mutant]) -> Iterator[Verdict]:
        """Verdicts in the order in which they come."""
        with tempfile.TemporaryDirectory(prefix="rbee-mutants-", ignore_cleanup_errors=True) as name:
            copies = []
            for number in range(self._at_once):
                folder = Path(name, f"copy{number}")
                folder.mkdir()
                copies.append(Copy(folder))
                self._copies.put(copies[-1])
            pool = ThreadPoolExecutor(self._at_once)
            try:
                self._check_machinery()
                for done in as_completed([pool.submit(self._verdict, mutant) for mutant in mutants]):
                    yield done.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
                for copy in copies:
                    copy.stop()
                pool.shutdown()

    def _check_machinery(self) -> None:
        """A change that changes nothing must pass, and one that breaks everything must fail; otherwise no verdict means anything."""
        suites = [known_test("suites/lifecycle/process_tree.robot::*", 10)]
        unit = [known_test("tests/unit/test_clock.py", 10)]
        copy = self._copies.get()
        file = "clock/clock.py"
        source = (PACKAGE / file).read_text()
        for tests in (suites, unit):
            nothing = copy.run(tests, file, source + "\n")
            if nothing[0] != SURVIVED:
                raise RuntimeError(f"the placebo, which changes nothing, was {nothing[0]}: {nothing[1]}: {nothing[2]}")
        fatal = copy.run(suites, file, source + "\nraise RuntimeError('fatal mutant')\n")
        if fatal[0] != KILLED:
            raise RuntimeError(f"the fatal mutant {fatal[0]}: the tests do not use the changed file")
        self._copies.put(copy)

    def _confirmed(self, copy: Copy, tests: list[KnownTest], mutant: Mutant, source: str) -> tuple[str, str, str]:
        """Runs tests until one fails, and fails again."""
        while tests := [test for test in tests if test.id not in self.unreliable]:
            found = copy.run(tests, mutant.file, source)
            if found[0] != KILLED or not found[1] or not self._confirms or copy.run([known_test(found[1], 10)], mutant.file, source)[0] != SURVIVED:
                return found
            self.unreliable.add(found[1])
        return SURVIVED, "", ""

    def _verdict(self, mutant: Mutant) -> Verdict:
        began, tried, found = time.monotonic(), 0, (NOT_RUN, "", "")
        copy = self._copies.get()
        try:
            source = mutated_source(mutant, copy.package)
            for tests in self._tests_of(mutant):
                tried += len(tests)
                found = self._confirmed(copy, tests, mutant, source)
                if found[0] != SURVIVED:
                    break
        finally:
            self._copies.put(copy)
        return Verdict(mutant.name, mutant.place, mutant.before, mutant.after, *found, tried, round(time.monotonic() - began, 1))
