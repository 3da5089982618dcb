"""The measurements, a function a group."""

from __future__ import annotations

import itertools
import os
import signal
import statistics
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path

import psutil
from harness import HERE, PYTHON, ROOT, Readers, Report, Row, compare, free_port, get, in_turns, library, pss, script, spread, timed, touch_memory
from peers import peers

_names = (f"w{number}" for number in itertools.count())
PASS = "python -c pass"
BARE = "bare script"
RAW = "raw socket writer"
COLD = """
import time, sys
began = time.perf_counter()
sys.path[:0] = [{root!r}, {here!r}]
from harness import get, library
with library() as lib:
    port = lib.start_worker("first", hive=None).port
    get(port)
    print(time.perf_counter() - began)
"""


def _pass() -> float:
    return timed(lambda: subprocess.run([PYTHON, "-c", "pass"], check=True))


def _executed(*words: str) -> float:
    port = free_port()
    began = time.perf_counter()
    with subprocess.Popen([PYTHON, *(word.format(port=port) for word in words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            get(port)
            return time.perf_counter() - began
        finally:
            process.kill()


def starting(report: Report, rounds: int) -> None:
    """From the start of a program to its first answered health."""
    with library() as lib:
        lib.start_worker("warm", hive=None)

        def forked() -> float:
            name = next(_names)
            began = time.perf_counter()
            launching = lib._session.launcher.begin(name, "worker", {"worker_id": name}, time.monotonic() + 10)
            get(launching.daemon.port)
            took = time.perf_counter() - began
            lib.kill(name)
            return took

        def cold() -> float:
            code = COLD.format(root=str(ROOT), here=str(HERE))
            return float(subprocess.run([PYTHON, "-c", code], check=True, capture_output=True, text=True).stdout)

        contenders = {
            PASS: _pass,
            "forked fake": forked,
            "python -m RbeeLibrary.fakes.worker": lambda: _executed("-m", "RbeeLibrary.fakes.worker", "--port", "{port}", "--worker-id", "w"),
            BARE: lambda: _executed(str(HERE / "bare.py"), "{port}"),
            "cold first fake, library import included": cold,
        }
        found = in_turns(contenders, rounds)
    compare(report, "start", found, PASS, {"forked fake": "<= 0.75"})
    times = statistics.median(found[BARE]) / statistics.median(found["forked fake"])
    report.add(Row("start", f"{BARE} / forked fake", times, spread(found[BARE]), "", ">= 15", rounds))


def fleets(report: Report, rounds: int) -> None:
    """A queen, a hive and workers, until all are idle, and the stop of the same."""
    with library() as lib:
        stops: dict[int, list[float]] = {1: [], 2: [], 8: [], 32: []}

        def fleet(workers: int) -> float:
            took = timed(lambda: lib.start_fleet(workers=workers))
            stops[workers].append(timed(lib.stop_all))
            return took

        lib.start_fleet(workers=1)
        lib.stop_all()
        contenders = {PASS: _pass, **{f"fleet of {2 + workers}": (lambda workers=workers: fleet(workers)) for workers in stops}}
        found = in_turns(contenders, rounds)
        compare(report, "fleet", found, PASS, {"fleet of 4": "<= 4"})
        for workers, values in stops.items():
            under = statistics.median(found[PASS])
            middle = statistics.median(values)
            report.add(Row("fleet", f"stop of {2 + workers} / {PASS}", middle / under, spread(values), f"{middle * 1000:.4g} ms", "", len(values)))


def many(report: Report, rounds: int) -> None:
    """Hundreds of workers: memory, pace of starts, health, end."""
    bare = statistics.median([_executed(str(HERE / "bare.py"), "{port}") for _ in range(7)])
    paces = {}
    for count in (100, 300, 500):
        touch_memory(count * 10_000_000)
        with library() as lib:
            lib.start_worker("warm", hive=None)
            begin = lib._session.launcher.begin
            first = [begin(next(_names), "worker", {"worker_id": "w"}, time.monotonic() + 30) for _ in range(10)]
            lib._session.launcher.finish_all(first, lib_idle(), time.monotonic() + 30)
            small = sum(pss(one.daemon.pid) for one in first)
            began = time.perf_counter()
            rest = [begin(next(_names), "worker", {"worker_id": "w"}, time.monotonic() + 60) for _ in range(count - 10)]
            lib._session.launcher.finish_all(rest, lib_idle(), time.monotonic() + 60)
            took = time.perf_counter() - began
            everyone = [*first, *rest]
            with ThreadPoolExecutor(8) as pool:
                healthy = sum(b'"healthy"' in answer for answer in pool.map(lambda one: get(one.daemon.port), everyone))
            slope = (sum(pss(one.daemon.pid) for one in everyone) - small) / (count - 10)
            pace = paces[count] = (count - 10) / took
            report.add(Row("many", f"{count} workers: healthy / {count}", healthy / count, 0, "", "= 1", 1))
            report.add(Row("many", f"{count} workers: starts per second / those of the {BARE}", pace * bare, 0, f"{pace:.0f} per second", ">= 15", 1))
            report.add(Row("many", f"{count} workers: PSS of a further worker / 4.5 MB", slope / 4.5e6, 0, f"{slope / 1e6:.2f} MB", "<= 1", 1))
            if count == 100:
                report.add(Row("many", "100 idle workers: share of one core", _cpu([one.daemon.pid for one in everyone]), 0, "", "<= 0.03", 1))
            stopping = timed(lib.stop_all)
            report.add(Row("many", f"{count} workers: stop of all / 10 starts", stopping / (10 / pace), 0, f"{stopping * 1000:.0f} ms", "<= 1", 1))
            left = sum(psutil.pid_exists(one.daemon.pid) for one in everyone)
            report.add(Row("many", f"{count} workers: processes left", left, 0, "", "= 0", 1))
    report.add(Row("many", "500 workers: starts per second / those of 100", paces[500] / paces[100], 0, "", ">= 1", 1))


def lib_idle():
    """The state that a fleet is waited for."""
    from RbeeLibrary.session.types import State

    return State.idle


def _cpu(pids: list[int], seconds: float = 5.0) -> float:
    def used() -> float:
        ticks = 0
        for pid in pids:
            words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(words[11]) + int(words[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    before = used()
    time.sleep(seconds)
    return (used() - before) / seconds


def streams(report: Report, rounds: int) -> None:
    """Tokens per second of unpaced streams, and the pace of paced ones."""
    with library() as lib, script("raw_writer.py") as raw, script("bare.py") as bare:
        fleet = lib.start_fleet(workers=1, slots=128)
        worker, queen = fleet.workers[0].port, fleet.queen.port

        def pace(port: int, path: str, count: int, **body: object) -> float:
            tokens = max(64, 2048 // count)
            readers = Readers(port, path, {"prompt": "x", "max_tokens": tokens, **body}, count)
            took = readers.read()
            assert readers.tokens == tokens * count, readers.tokens
            return took / readers.tokens

        for count, target in ((1, "<= 2.5"), (8, "<= 4"), (64, "")):
            contenders = {
                RAW: lambda count=count: pace(raw, "/", count),
                "fake worker": lambda count=count: pace(worker, "/v1/inference", count),
                "bare bottle generator": lambda count=count: pace(bare, "/v1/inference", count),
                "through the queen": lambda count=count: pace(queen, "/v2/tasks", count, node="workstation", model="mock-model"),
            }
            if count == 64:
                del contenders["through the queen"]
            found = in_turns(contenders, rounds)
            compare(report, f"{count} streams", found, RAW, {"fake worker": target, "bare bottle generator": ""}, "us")
            if count == 1:
                through = statistics.median(found["through the queen"]) / statistics.median(found["fake worker"])
                report.add(Row("1 streams", "through the queen / fake worker", through, spread(found["through the queen"]), "", "<= 2", rounds))


def pacing(report: Report, rounds: int) -> None:
    """Asked and seen delays; what comes late, against a raw writer that sleeps."""
    with library() as lib, script("raw_writer.py") as raw:
        delay, tokens = 0.005, 100
        worker = lib.start_worker("paced", hive=None, token_delay=timedelta(seconds=delay)).port
        late = lib.start_worker("late", hive=None, first_token_delay=timedelta(milliseconds=100)).port
        gaps: dict[str, list[float]] = {RAW: [], "fake worker": []}
        rates = []

        def paced(name: str, port: int, path: str, **body: object) -> float:
            readers = Readers(port, path, {"prompt": "x", "max_tokens": tokens, **body}, 1)
            took = readers.read()
            arrivals = readers.arrivals
            gaps[name].extend(abs(b - a - delay) for a, b in itertools.pairwise(arrivals))
            if name != RAW:
                rates.append((tokens - 1) * delay / took)
            return took

        in_turns({RAW: lambda: paced(RAW, raw, "/", delay=delay), "fake worker": lambda: paced("fake worker", worker, "/v1/inference")}, rounds)
        report.add(Row("pacing", "rate seen / rate asked, a token every 5 ms", statistics.median(rates), spread(rates), "", "1 ± 0.005", rounds))
        for part, number in (("p50", 50), ("p99", 99)):
            ours, theirs = (statistics.quantiles(gaps[name], n=100)[number - 1] for name in ("fake worker", RAW))
            target = "<= 1.8" if number == 50 else ""
            detail = f"{ours * 1e6:.0f} us"
            report.add(Row("pacing", f"{part} of what a token is early or late / {RAW}", ours / theirs, spread(gaps["fake worker"]), detail, target, rounds))
        firsts = [timed(Readers(late, "/v1/inference", {"prompt": "x", "max_tokens": 1}, 1).read) for _ in range(rounds)]
        report.add(Row("pacing", "first token: seen / asked, 100 ms", statistics.median(firsts) / 0.1, spread(firsts), "", "", rounds))


def requests(report: Report, rounds: int) -> None:
    """Short requests, alone and beside open streams."""
    with library() as lib, script("bare.py") as bare:
        fleet = lib.start_fleet(workers=2, slots=160, token_delay=timedelta(milliseconds=200))
        worker, hive = fleet.workers[0].port, fleet.hives[0].port
        per_round = max(10, 1000 // rounds)

        def each(port: int, path: str) -> float:
            return timed(lambda: [get(port, path) for _ in range(per_round)]) / per_round

        idle = {BARE: lambda: each(bare, "/v1/health"), "health": lambda: each(worker, "/v1/health"), "list of a hive": lambda: each(hive, "/v1/workers/list")}
        found = in_turns(idle, rounds)
        compare(report, "requests", found, BARE, {}, "us")
        under = statistics.median(found["health"])
        for count, target in ((8, ""), (120, "<= 10")):
            readers = Readers(worker, "/v1/inference", {"prompt": "x", "max_tokens": 100000}, count)
            values = [each(worker, "/v1/health") for _ in range(rounds)]
            report.add(Row("requests", f"health beside {count} streams / health", statistics.median(values) / under, spread(values), "", target, rounds))
            for key in list(readers._selector.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]


def journal(report: Report, rounds: int) -> None:
    """An unpaced stream with a journal and without one."""
    with tempfile.TemporaryDirectory() as folder, _program(folder) as on, _program(None) as off:

        def pace(port: int) -> float:
            readers = Readers(port, "/v1/inference", {"prompt": "x", "max_tokens": 2048}, 1)
            return readers.read() / 2048

        found = in_turns({"without a journal": lambda: pace(off), "with a journal": lambda: pace(on)}, max(rounds, 40))
    compare(report, "journal", found, "without a journal", {"with a journal": "<= 1.18"}, "us")


class _program:
    """A worker of its own, with a journal in a folder or without."""

    def __init__(self, folder: str | None):
        self._port = free_port()
        env = {name: value for name, value in os.environ.items() if not name.startswith("RBEE_")}
        words = [PYTHON, "-m", "RbeeLibrary.fakes.worker", "--port", str(self._port), "--worker-id", "w"]
        env |= {"PYTHONPATH": str(ROOT), **({"RBEE_JOURNALS": folder} if folder else {})}
        self._process = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self) -> int:
        get(self._port)
        return self._port

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


def clock(report: Report, rounds: int) -> None:
    """Five minutes of rbee's time, over one worker and over a hundred."""
    for workers in (1, 100):
        with library() as lib:
            lib.start_fleet(workers=workers, idle_timeout=timedelta(0), timeout=timedelta(seconds=60))
            lib.set_time_rate(0)
            step = partial(timed, partial(lib.advance_time, timedelta(minutes=5)))
            found = in_turns({PASS: _pass, f"Advance Time 5 min, {workers} workers": step}, rounds)
            compare(report, "clock", found, PASS, {})


def keywords(report: Report, rounds: int) -> None:
    """What the library adds to a run of robot, and what a keyword costs."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        many_calls = "\n".join(["    No Operation"] * 300)
        (base / "empty.robot").write_text("*** Test Cases ***\nA\n    No Operation\n")
        (base / "imports.robot").write_text("*** Settings ***\nLibrary    RbeeLibrary\n*** Test Cases ***\nA\n    No Operation\n")
        (base / "plain.robot").write_text(f"*** Test Cases ***\nA\n{many_calls}\n")
        (base / "marks.robot").write_text("*** Settings ***\nLibrary    RbeeLibrary\n*** Test Cases ***\nA\n" + "    Mark Journal\n" * 300)
        states = "    Start Worker    hive=None\n" + "    Get State    worker-1    ==    idle\n" * 100
        (base / "states.robot").write_text("*** Settings ***\nLibrary    RbeeLibrary\n*** Test Cases ***\nA\n" + states)

        def run(name: str) -> float:
            words = [PYTHON, "-m", "robot", "--output", "NONE", "--log", "NONE", "--report", "NONE", "--console", "none", str(base / name)]
            return timed(lambda: subprocess.run(words, check=True, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}))

        found = in_turns({"empty run of robot": lambda: run("empty.robot"), "with the library imported": lambda: run("imports.robot")}, rounds)
        compare(report, "robot", found, "empty run of robot", {"with the library imported": "<= 1.15"})
        both = in_turns({"300 x No Operation": lambda: run("plain.robot"), "300 x Mark Journal": lambda: run("marks.robot")}, rounds)
        compare(report, "robot", both, "300 x No Operation", {})
        hundred = in_turns({"with the library imported": lambda: run("imports.robot"), "and 100 x Get State": lambda: run("states.robot")}, rounds)
        compare(report, "robot", hundred, "with the library imported", {})
        dry = [PYTHON, "-m", "robot", "--dryrun", "--output", "NONE", "--log", "NONE", "--report", "NONE", "--console", "none", str(ROOT / "suites")]
        values = [timed(lambda: subprocess.run(dry, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})) for _ in range(3)]
        under = statistics.median(found["empty run of robot"])
        report.add(Row("robot", "dry run of suites/ / empty run", statistics.median(values) / under, spread(values), "", "", 3))


def suites(report: Report, rounds: int) -> None:
    """The whole run over suites/, once, and its log.html."""
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        words = [PYTHON, "-m", "robot", "-d", folder, "--console", "none", str(ROOT / "suites")]
        whole = timed(lambda: subprocess.run(words, check=True, env=env, cwd=folder))
        scenarios = timed(
            lambda: subprocess.run(
                [*words[:-1], "--output", "NONE", "--log", "NONE", "--report", "NONE", "-i", "S??", "-i", "EC*", words[-1]], check=True, env=env, cwd=folder
            )
        )
        size = (Path(folder) / "log.html").stat().st_size
        writing = timed(lambda: subprocess.run([PYTHON, "-m", "robot.rebot", "-d", folder, f"{folder}/output.xml"], stdout=subprocess.DEVNULL, env=env))
        report.add(Row("suites", "robot suites/ / 60 s", whole / 60, 0, f"{whole:.1f} s", "<= 1", 1))
        report.add(Row("suites", "tests tagged S and EC / 20 s", scenarios / 20, 0, f"{scenarios:.1f} s", "<= 1", 1))
        report.add(Row("suites", "log.html / 5 MB", size / 5e6, 0, f"{size / 1e6:.2f} MB", "<= 1", 1))
        report.add(Row("suites", "writing log.html with rebot / the whole run", writing / whole, 0, f"{writing:.1f} s", "", 1))


GROUPS = {one.__name__: one for one in (starting, fleets, many, streams, pacing, requests, journal, clock, keywords, suites, peers)}
