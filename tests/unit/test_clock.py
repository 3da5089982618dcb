"""The run's clock: pages, waits, activity, and the coordinator with members in this very process."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from RbeeLibrary.clock.activity import Activity, Link
from RbeeLibrary.clock.clock import Clock, ClockPage
from RbeeLibrary.clock.coordinator import Coordinator, NotAtRest
from RbeeLibrary.clock.event import Event
from RbeeLibrary.clock.in_flight import in_flight
from RbeeLibrary.clock.member import ClockMember
from RbeeLibrary.clock.report import Report
from RbeeLibrary.clock.rest_check import ProcessLook
from RbeeLibrary.net.counted_socket import CountedSocket

LIMIT = 5.0


class ProgramSpec:
    """A member of the clock whose jobs are threads of this process."""

    def __init__(self, folder, name: str, port: int = 0, first=lambda program: None):
        self.clock = Clock(ClockPage.of_run(str(folder)))
        ClockMember(str(folder), name, port, self.clock)
        self.log: list[str] = []
        first(self)
        with self.clock.activity.mutex:
            self.clock.activity.step_back()  # the thread of the test is none of its jobs

    def job(self, work) -> None:
        self.clock.activity.add_job()
        threading.Thread(target=self._run, args=(work,), daemon=True).start()

    def _run(self, work) -> None:
        with self.clock.activity.added_job("job of a test"):
            work()


class Run:
    """A coordinator, and what it sees in the process table."""

    def __init__(self, folder):
        self.folder = folder
        self.looks = ProcessLook.alive
        self.notes: list[tuple[str, dict]] = []
        self.own = Activity()
        self.coordinator = Coordinator(str(folder), self.own, lambda _: self.looks, lambda _: {}, lambda what, **fields: self.notes.append((what, fields)))

    def program(self, name: str) -> ProgramSpec:
        return ProgramSpec(self.folder, name)

    def advance(self, by: float) -> list[str]:
        return [str(timer) for timer in self.coordinator.advance(by, LIMIT)]


@pytest.fixture
def run(tmp_path):
    made = Run(tmp_path)
    made.coordinator.set_rate(0)
    yield made
    made.coordinator.close()


def test_page_goes_at_its_rate(tmp_path):
    page = ClockPage.create(str(tmp_path))
    reader = ClockPage.of_run(str(tmp_path))
    assert reader is not None
    assert abs(reader.now() - time.monotonic()) < 1
    page.set(100.0, 0)
    assert (reader.now(), reader.rate) == (100.0, 0)
    page.set(100.0004, 0)
    assert reader.now() == 100.001, "a clock that stands still shows whole milliseconds, and never goes back"
    page.set(200.0, 1000)
    assert reader.now() >= 200.0
    assert abs(reader.epoch + time.monotonic() - time.time()) < 1


def test_page_that_is_no_longer_used_leaves_no_open_file(tmp_path):
    ClockPage.create(str(tmp_path))
    ClockPage.of_run(str(tmp_path))
    assert str(tmp_path / "clock") not in [file.path for file in psutil.Process().open_files()]


def test_run_without_a_clock_has_none(tmp_path):
    assert ClockPage.of_run(str(tmp_path)) is None


def test_wait_ends_with_the_event_or_the_time():
    clock, event = Clock(), Event()
    assert clock.wait(event, clock.now() + 0.01) is False
    threading.Timer(0.01, event.set).start()
    assert clock.wait(event, clock.now() + LIMIT) is True
    event.clear()
    assert clock.wait(event, clock.now() - 1) is False


def test_who_is_woken_is_at_work_before_it_runs():
    clock, event = Clock(), Event()
    threading.Thread(target=clock.wait, args=(event, None), daemon=True).start()
    while clock.activity.at_work:
        time.sleep(0.001)
    with clock.activity.mutex:
        pass
    event.set()
    assert clock.activity.at_work == 1


def test_limit_fires_only_when_it_is_late():
    clock, cut = Clock(), Event()
    with clock.limit(LIMIT, cut.set, "never") as timer:
        pass
    assert not timer.fired
    assert timer.cancelled
    with clock.limit(0.01, cut.set, "soon") as timer:
        assert clock.wait(cut, clock.now() + LIMIT)
    assert timer.fired


def test_action_that_is_due_already_is_done_at_once_though_the_clock_stands_still(run):
    clock, done = run.program("a").clock, threading.Event()
    clock.call_at(clock.now(), done.set, "overdue")
    assert done.wait(LIMIT)


def test_timers_fire_in_order_of_time_program_and_name(run):
    late, early = run.program("a"), run.program("b")
    now = late.clock.now()
    for program, due, name in ((late, 2, "x"), (early, 1, "y"), (late, 1, "z"), (late, 1, "c"), (early, 5, "never")):
        program.clock.call_at(now + due, lambda: None, name)
    assert run.advance(4) == ["a c at 1 s", "a z at 1 s", "b y at 1 s", "a x at 2 s"]
    assert run.advance(1) == ["b never at 1 s"]


def test_timers_armed_on_the_way_are_part_of_the_step(run):
    program = run.program("a")

    def work() -> None:
        for pause in (1, 2, 4):
            program.clock.pause(pause, f"pause-{pause}")
            program.log.append(f"{program.clock.now() - begun:g}")

    begun = program.clock.now()
    program.job(work)
    assert run.advance(10) == ["a pause-1 at 1 s", "a pause-2 at 3 s", "a pause-4 at 7 s"]
    assert program.log == ["1", "3", "7"]


def test_jump_fires_all_timers_together_at_its_end(run):
    late, early = run.program("a"), run.program("b")
    now = late.clock.now()
    for program, due, name in ((early, 1, "y"), (late, 2, "x"), (late, 1, "z"), (early, 6, "never")):
        program.clock.call_at(now + due, lambda program=program: program.log.append(f"{program.clock.now() - now:g}"), name)
    assert [str(timer) for timer in run.coordinator.jump(4, LIMIT)] == ["a z at 4 s", "b y at 4 s", "a x at 4 s"]
    run.advance(0)  # until their work is done
    assert (late.log, early.log) == (["4", "4"], ["4"])


def test_time_waits_for_who_is_at_work(run):
    program = run.program("a")
    program.clock.call_at(program.clock.now() + 1, lambda: program.log.append("timer"), "t")

    def work() -> None:
        time.sleep(0.1)
        program.log.append("work")

    program.job(work)
    run.advance(1)
    assert program.log == ["work", "timer"]


def test_clock_goes_on_at_its_old_rate_after_a_step(run):
    assert run.coordinator.set_rate(1) == 0
    before = run.coordinator.clock.now()
    run.advance(60)
    assert run.coordinator.rate == 1
    assert run.coordinator.clock.now() >= before + 60


def test_wait_of_a_held_clock_goes_on_with_it(run):
    program = run.program("a")
    done = threading.Event()

    def work() -> None:
        program.clock.pause(0.01, "short")
        done.set()

    program.job(work)
    assert not done.wait(0.1)
    run.coordinator.set_rate(1)
    assert done.wait(LIMIT)


def test_who_does_not_come_to_rest_is_named_with_its_work(run):
    program, release = run.program("busy-bee"), threading.Event()
    program.job(lambda: release.wait(LIMIT))
    with pytest.raises(NotAtRest, match=r"busy-bee is at work; at work are busy-bee \(pid \d+\): .*job of a test"):
        run.coordinator.advance(1, 0.1)
    release.set()
    assert run.advance(1) == []


def test_frozen_program_holds_nobody_up_and_fires_nothing(run):
    program, release = run.program("a"), threading.Event()
    program.clock.call_at(program.clock.now() + 1, lambda: None, "t")
    program.job(lambda: release.wait(LIMIT))
    run.looks = ProcessLook.frozen
    assert run.advance(2) == []
    release.set()
    run.looks = ProcessLook.alive
    assert run.advance(0) == ["a t at 0 s"]


def test_program_that_joins_on_the_way_takes_part(run):
    first = run.program("a")

    def begin() -> None:
        ProgramSpec(run.folder, "b", first=lambda second: second.clock.call_at(second.clock.now() + 1, lambda: None, "t"))

    first.clock.call_at(first.clock.now() + 1, begin, "begin")
    assert run.advance(5) == ["a begin at 1 s", "b t at 2 s"]


def test_timer_can_be_waited_for(run):
    program = run.program("a")
    assert run.coordinator.await_timer("a", "soon", 0.05) is None
    threading.Timer(0.05, lambda: program.clock.call_at(program.clock.now() + 7, lambda: None, "soon")).start()
    assert run.coordinator.await_timer("a", "soon", LIMIT) == 7
    assert run.coordinator.timers() == ["a soon"]


def test_next_timers_are_listed_with_the_time_that_is_left(run):
    program = run.program("a")
    now = program.clock.now()
    for seconds, name in ((60, "late"), (2, "soon"), (0.5, "next")):
        program.clock.call_at(now + seconds, lambda: None, name)
    assert run.coordinator.await_timer("a", "next", LIMIT) is not None
    assert run.coordinator.upcoming(2) == ["a next in 0.5 s", "a soon in 2 s"]


def test_connections_of_the_library_and_of_programs_of_the_run_are_no_strangers(run):
    server, client = run.program("server"), run.program("client")
    for port in (1000, 1001, 1002):
        server.clock.activity.open_link(port, 80, serves=True)
    client.clock.activity.open_link(1000, 80, serves=False)
    run.own.open_link(1001, 80, serves=False)
    run.advance(0)
    assert run.coordinator.strangers() == 1


def test_steps_are_noted(run):
    program = run.program("a")
    program.clock.call_at(program.clock.now() + 1, lambda: None, "t")
    run.advance(3)
    assert [what for what, _ in run.notes] == ["clock_rate", "timer_fired", "clock_step"]
    assert run.notes[-1][1]["by"] == 3


def test_two_programs_that_talk_move_together(run):
    """Who sends at 1 s is answered at 1 s, however long it takes: the next timer waits for the answer."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    client, server = run.program("client"), ProgramSpec(run.folder, "server", port)

    def serve() -> None:
        with server.clock.activity.parked():
            connection, address = listener.accept()
        link = server.clock.activity.open_link(address[1], port, serves=True)
        with server.clock.activity.parked():
            data = connection.recv(100)
        server.clock.activity.read(link, len(data))
        time.sleep(0.1)
        server.clock.activity.wrote(link, 2)
        server.clock.activity.end_link(link)
        connection.sendall(b"ok")
        connection.close()

    def ask() -> None:
        connection = CountedSocket(client.clock.activity, socket.AF_INET, socket.SOCK_STREAM, 0)
        connection.connect(("127.0.0.1", port))
        connection.sendall(b"hello")
        connection.await_end()
        connection.close()
        client.log.append("answer")

    def begin() -> None:
        client.job(ask)

    server.job(serve)
    client.clock.call_at(client.clock.now() + 1, begin, "ask")
    client.clock.call_at(client.clock.now() + 2, lambda: client.log.append("later"), "later")
    run.advance(3)
    assert client.log == ["answer", "later"]
    listener.close()


def test_cut_ends_a_read_and_a_connection_that_hangs():
    activity = Activity()
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        hanging = CountedSocket(activity, socket.AF_INET, socket.SOCK_STREAM, 0)
        threading.Timer(0.1, hanging.cut).start()
        with pytest.raises(ConnectionAbortedError):
            hanging.connect(full.getsockname())
        hanging.close()
        for filler in fillers:
            filler.close()
    assert activity.at_work == 1


def report(*links: Link) -> Report:
    return Report(1, 0, [], [Link(**vars(link)) for link in links], [], {}, True)


def client_end(**fields) -> Link:
    return Link(1000, 80, False, **fields)


def server_end(**fields) -> Link:
    return Link(1000, 80, True, **fields)


@pytest.mark.parametrize(
    ("client", "server", "expected"),
    [
        (client_end(sent=10, reading=True), server_end(received=10), None),
        (client_end(sent=10, reading=True), server_end(received=5), "a request is under way between c and s"),
        (client_end(sent=10, reading=True), server_end(received=10, sent=7), "an answer is under way between c and s"),
        (client_end(sent=10), server_end(received=10, sent=7), None),
        (client_end(sent=10, received=7, reading=True), server_end(received=10, sent=7, ended=True), "the end of a connection is under way between c and s"),
        (client_end(sent=10, received=7, ended=True), server_end(received=10, sent=7), "the end of a connection is under way between c and s"),
        (client_end(sent=10, received=7, ended=True), server_end(received=10, sent=7, ended=True), None),
        (client_end(sent=10, reading=True), None, "a connection of c to port 80 is not taken yet"),
        (client_end(sent=10, ended=True), None, None),
    ],
)
def test_what_is_under_way(client, server, expected):
    reports = {"c": report(client), "s": report(*([server] if server else []))}
    assert in_flight(reports, [], {80: [False]}, set()) == expected


def test_what_goes_to_a_frozen_or_unknown_program_is_not_under_way():
    reports = {"c": report(client_end(sent=10, reading=True))}
    assert in_flight(reports, [], {80: [True]}, set()) is None
    assert in_flight(reports, [], {}, set()) is None
    assert in_flight(reports, [], {}, {80}) == "a connection of c to port 80 is not taken yet"


def test_clients_of_the_library_count():
    reports = {"s": report(server_end(received=10, sent=7))}
    own = [client_end(sent=10, reading=True)]
    assert in_flight(reports, own, {80: [False]}, set()) == "an answer is under way between this library and s"


def test_two_threads_move_the_clock_one_after_the_other(run):
    program = run.program("a")
    start = program.clock.now()
    for number in range(8):
        program.clock.call_at(start + number + 0.5, lambda: None, f"timer-{number}")
    assert run.coordinator.await_timer("a", "timer-7", LIMIT) is not None
    with ThreadPoolExecutor(4) as pool:
        fired = [timer for timers in pool.map(run.advance, [2.0] * 4) for timer in timers]
    assert len(fired) == 8
    assert program.clock.now() == pytest.approx(start + 8)
