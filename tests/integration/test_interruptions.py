"""A keyword that is interrupted by its timeout gives back what it held."""

from __future__ import annotations

import signal
import threading
import time

import pytest
from running import ROOT, assert_none_left, robot

from RbeeLibrary.run.interruption import interrupted_in_waits, interruptible


class Interrupted(Exception):
    pass


@pytest.fixture
def interrupt():
    def handler(number, frame):
        raise Interrupted

    before = signal.signal(signal.SIGALRM, handler)
    yield lambda: signal.raise_signal(signal.SIGALRM)
    signal.signal(signal.SIGALRM, before)


def test_signal_waits_for_the_next_wait(interrupt):
    steps = []

    def work():
        interrupt()
        steps.append("after the signal")
        with interruptible():
            steps.append("in the wait")

    with pytest.raises(Interrupted):
        interrupted_in_waits(work)()
    assert steps == ["after the signal"]


def test_signal_in_a_wait_interrupts_it_and_no_wait_after_it(interrupt):
    steps = []

    def work():
        try:
            with interruptible():
                interrupt()
                steps.append("not reached")
        finally:
            with interruptible():
                steps.append("clean-up")

    with pytest.raises(Interrupted):
        interrupted_in_waits(work)()
    assert steps == ["clean-up"]


def test_signal_without_a_wait_is_raised_at_the_end(interrupt):
    steps = []

    def work():
        interrupt()
        steps.append("done")

    with pytest.raises(Interrupted):
        interrupted_in_waits(work)()
    assert steps == ["done"]
    with pytest.raises(Interrupted):  # the handler is back in its place
        interrupt()


def test_waits_of_other_threads_are_left_alone(interrupt):
    steps = []

    def wait():
        with interruptible():
            steps.append("other thread")

    def work():
        interrupt()
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join()

    with pytest.raises(Interrupted):
        interrupted_in_waits(work)()
    assert steps == ["other thread"]


def test_random_interruptions_leave_nothing(tmp_path):
    since = time.time()
    run = robot(tmp_path, "-v", "COUNT:40", "-v", "SEED:7", str(ROOT / "tests/data/trials/interruptions.robot"))
    assert run.rc == 0, run.output
    assert_none_left(since)
