"""Plugin of pytest: writes which statements each test has run. `RBEE_HIT_COPY` is the copy of the project, `RBEE_HIT_FILE` the file to write."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from mutants.probes import Probes

_probes = Probes(Path(os.environ.pop("RBEE_HIT_COPY")))
_written = Path(os.environ.pop("RBEE_HIT_FILE"))
_of_setup: dict[str, set[int]] = {}
_setup_seconds: dict[str, float] = {}
_failed: set[str] = set()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    """What the setup of a test runs, such as a fixture of its module, counts for all tests of the file."""
    began = time.monotonic()
    try:
        return (yield)
    finally:
        seconds = time.monotonic() - began
        _setup_seconds[str(item.path)] = max(seconds, _setup_seconds.get(str(item.path), 0))
        _of_setup.setdefault(str(item.path), set()).update(_probes.hits())


def pytest_runtest_logreport(report):
    """Remembers failures: such tests judge nothing."""
    if report.failed or report.skipped:
        _failed.add(report.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Takes the bytes at the end of each test."""
    _probes.clear()
    began = time.monotonic()
    done = yield
    hits = set(_probes.hits()) | _of_setup.get(str(item.path), set())
    setup = _setup_seconds.get(str(item.path), 0)  # alone, it would have to do what another test has done for it
    status = "FAIL" if item.nodeid in _failed else "PASS"
    where, _, name = item.nodeid.partition("::")
    record = {"kind": "pytest", "where": where, "name": name, "seconds": round(time.monotonic() - began + setup, 3), "status": status}
    with _written.open("a") as file:
        file.write(json.dumps({**record, "hits": sorted(hits)}) + "\n")
    return done
