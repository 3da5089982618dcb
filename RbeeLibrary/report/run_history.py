"""Results of tests over many runs: an SQLite file, and a page that shows which tests are flaky or slow.

`python -m RbeeLibrary.report.run_history --help` joins the files of several machines.
"""

from __future__ import annotations

import argparse
import contextlib
import sqlite3
import statistics
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime, timezone
from html import escape
from pathlib import Path

_BUSY = 30.0
"""Seconds that a process waits for others which write to the same file."""
_SHOWN = 40
"""Latest runs of a test on the page."""
_SLOW_ROWS = 30
_LAST = 5
"""A test is slower if its last runs are; so many of them are compared with the earlier ones."""
_FAILED, _PASSED = "FAIL", "PASS"
_STYLE = (
    "<style>:root{color-scheme:light dark}body{font:14px sans-serif;margin:1.5em}table{border-collapse:collapse}th,td{border:1px solid #888;padding:3px 8px;"
    "text-align:left;vertical-align:top}thead th{position:sticky;top:0;background:Canvas}td.n{text-align:right}.r{white-space:nowrap}"
    ".r span{display:inline-block;width:9px;height:16px;margin-right:1px;background:#757575}"
    ".r .PASS{background:#2e7d32}.r .FAIL{background:#c62828}.r span{print-color-adjust:exact}"
    ".wide{overflow-x:auto}@media print{.r{white-space:normal;width:12em}}@media(max-width:700px){body{margin:.5em}th,td{padding:2px 4px}}</style>"
)


@dataclass(frozen=True)
class TestRun:
    """One test in one run.

    Args:
        run: which run it was, such as `2026-11-27T12:00:00Z laptop 4711`.
        test: full name of the test.
        at: start of the test, in seconds since 1970.
        status: PASS, FAIL or SKIP.
        seconds: that it took.
        cause: likely cause of the failure, else its message; empty if it did not fail.
        seed: that the test was given, as text; empty without one.
    """

    __test__ = False

    run: str
    test: str
    at: float
    status: str
    seconds: float
    cause: str = ""
    seed: str = ""


_COLUMNS = tuple(field.name for field in fields(TestRun))


class RunHistory:
    """A file of results. Several processes may write to it at the same time.

    Args:
        path: of the file; it is made if it does not exist.

    Raises:
        ValueError: it cannot be used; the message says why.
    """

    def __init__(self, path: Path):
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._opened() as database:
                database.execute(
                    "CREATE TABLE IF NOT EXISTS results "
                    "(run TEXT, test TEXT, at REAL, status TEXT, seconds REAL, cause TEXT, seed TEXT, PRIMARY KEY (run, test, at))"
                )
        except (OSError, sqlite3.Error) as error:
            raise ValueError(f"{path} cannot be used as the history of tests: {error}; expected a file of an earlier run, or a path for a new one") from None

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        database = sqlite3.connect(self._path, timeout=_BUSY)
        try:
            with database:
                yield database
        finally:
            database.close()

    def add(self, results: Iterable[TestRun]) -> None:
        """Adds results; those that are there already stay as they are."""
        with self._opened() as database:
            database.executemany(f"INSERT OR IGNORE INTO results ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})", map(astuple, results))

    def results(self) -> list[TestRun]:
        """All results, in the order of time."""
        with self._opened() as database:
            return [TestRun(*row) for row in database.execute(f"SELECT {', '.join(_COLUMNS)} FROM results ORDER BY at")]


@dataclass(frozen=True)
class TestStory:
    """The results of one test, in the order of time."""

    __test__ = False

    name: str
    results: Sequence[TestRun]

    @property
    def flips(self) -> int:
        """How often it failed after it had passed, or passed after it had failed."""
        judged = [one.status for one in self.results if one.status in (_PASSED, _FAILED)]
        return sum(before != after for before, after in zip(judged, judged[1:], strict=False))

    @property
    def failures(self) -> int:
        """How often it failed."""
        return sum(one.status == _FAILED for one in self.results)

    @property
    def is_flaky(self) -> bool:
        """Whether it went back and forth: a test that broke once and stays broken, or was mended, is not flaky."""
        return self.flips >= 2

    @property
    def seconds(self) -> float:
        """Median of its times."""
        return statistics.median(one.seconds for one in self.results)

    @property
    def slower(self) -> float:
        """Median time of its last runs as a multiple of that of the earlier ones; 1 if there are too few."""
        earlier, last = [one.seconds for one in self.results[:-_LAST]], [one.seconds for one in self.results[-_LAST:]]
        return statistics.median(last) / max(0.001, statistics.median(earlier)) if len(earlier) >= _LAST else 1.0


def stories(results: Sequence[TestRun]) -> list[TestStory]:
    """The results by test, in the order of their names."""
    by_test: dict[str, list[TestRun]] = {}
    for one in results:
        by_test.setdefault(one.test, []).append(one)
    return [TestStory(name, by_test[name]) for name in sorted(by_test)]


def history_page(results: Sequence[TestRun]) -> str:
    """The page: flaky tests, tests that fail now, and the slowest ones."""
    tests = stories(results)
    flaky = sorted((test for test in tests if test.is_flaky), key=lambda test: (-test.flips, test.name))
    failing = [test for test in tests if test.results[-1].status == _FAILED and not test.is_flaky]
    slow = sorted(tests, key=lambda test: -test.seconds)[:_SLOW_ROWS]
    runs = len({one.run for one in results})
    parts = [
        f"<p>{len(tests)} tests in {runs} runs. Each small box is one of the last {_SHOWN} runs, the latest on the right: "
        "<span class='r'><span class='PASS'></span> passed, <span class='FAIL'></span> failed, <span></span> skipped</span>. "
        "Point at it for time, cause and seed.</p>",
        _table("Flaky: failed and passed by turns", flaky),
        _table("Failing", failing),
        _table(f"Slowest {len(slow)}", slow),
    ]
    head = "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>History of tests</title>"
    return f"{head}{_STYLE}</head><body><h1>History of tests</h1>{''.join(parts)}</body></html>"


def _table(title: str, tests: Sequence[TestStory]) -> str:
    if not tests:
        return f"<h2>{title}</h2><p>none</p>"
    titles = "".join(f"<th scope='col'>{name}</th>" for name in ("test", "runs", "failed", "changes", "median", "last to earlier", "results", "last cause"))
    return f"<h2>{title}</h2><div class='wide'><table><thead><tr>{titles}</tr></thead><tbody>{''.join(map(_row, tests))}</tbody></table></div>"


def _row(test: TestStory) -> str:
    boxes = "".join(f"<span class='{escape(one.status)}' title='{escape(_told(one))}'></span>" for one in test.results[-_SHOWN:])
    cause = next((one.cause + (f" (seed {one.seed})" if one.seed else "") for one in reversed(test.results) if one.status == _FAILED), "")
    numbers = (str(len(test.results)), str(test.failures), str(test.flips), f"{test.seconds:.2f} s", f"{test.slower:.1f} x")
    cells = "".join(f"<td class='n'>{number}</td>" for number in numbers)
    return f"<tr><td>{escape(test.name)}</td>{cells}<td class='r'>{boxes}</td><td>{escape(cause)}</td></tr>"


def _told(one: TestRun) -> str:
    when = datetime.fromtimestamp(one.at, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    more = [one.cause, f"seed {one.seed}" if one.seed else ""]
    return "\n".join(filter(None, [f"{one.status}, {one.seconds:.2f} s, {when}", one.run, *more]))


def main(argv: Sequence[str] | None = None) -> int:
    """Joins files, and writes the page."""
    parser = argparse.ArgumentParser(
        prog="python -m RbeeLibrary.report.run_history",
        description="Joins histories of tests, for example of several machines, and writes the page that shows flaky and slow tests.",
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="history to add")
    parser.add_argument("--into", required=True, type=Path, metavar="FILE", help="history that gets the results of all others; it is made if it does not exist")
    parser.add_argument("--page", type=Path, metavar="FILE", help="where to write the page")
    given = parser.parse_args(argv)
    try:
        missing = [str(path) for path in given.files if not path.is_file()]
        if missing:
            raise ValueError(f"there is no file {', '.join(missing)}")
        history = RunHistory(given.into)
        for path in given.files:
            history.add(RunHistory(path).results())
        results = history.results()
        if given.page is not None:
            given.page.write_text(history_page(results), encoding="utf-8")
    except (ValueError, OSError, sqlite3.Error) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{len(results)} results of {len({one.run for one in results})} runs in {given.into}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
