"""The one retry rule."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest

from RbeeLibrary.errors import UsageError
from RbeeLibrary.session import assertions
from RbeeLibrary.session.assertions import Check, Hopeless, NotYet, Verifier, _after

SOON = timedelta(seconds=5)
NOW = timedelta(0)


@pytest.fixture
def log():
    return []


@pytest.fixture
def verify(log):
    return Verifier(lambda: 0.0, lambda seconds: None, log.append)


def values(*sequence):
    """A reading that brings one value after the other, then the last one for ever; exceptions are raised."""
    left = list(sequence)

    def read():
        value = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(value, Exception):
            raise value
        return value

    return read


def test_without_an_operator_it_reads_once(verify, log):
    assert verify("answer", values(1, 2), Check()) == 1
    assert log == ["answer is 1"]


def test_reads_again_until_the_value_fits_and_logs_one_line(verify, log):
    assert verify("answer", values(1, 2, NotYet("is not there"), 3), Check("==", 3, SOON)) == 3
    assert len(log) == 1
    assert log[0].startswith("answer is 3")


def test_failure_says_what_it_was_and_what_was_expected(verify, log):
    with pytest.raises(AssertionError, match=r"^answer is 'cold', expected == 'warm' \(after \d+ ms\)$"):
        verify("answer", values("cold"), Check("==", "warm", NOW))
    assert log == []


def test_own_message(verify):
    with pytest.raises(AssertionError, match="^got 1, want 2$"):
        verify("answer", values(1), Check("==", 2, NOW, "got {value}, want {expected}"))


def test_value_that_is_not_there_yet(verify):
    with pytest.raises(AssertionError, match=r"^exit code is not known, expected == 0 \("):
        verify("exit code", values(NotYet("is not known")), Check("==", 0, NOW))


def test_hopeless_ends_the_wait_at_once(verify):
    with pytest.raises(Hopeless, match="it was ended by SIGKILL"):
        verify("state", values("loading", Hopeless("it was ended by SIGKILL"), "idle"), Check("==", "idle", SOON))


@pytest.mark.parametrize(
    ("operator", "value", "fits", "misses"),
    [
        ("==", 3, 3, 4), ("!=", 3, 4, 3), ("<", 3, 4, 3), ("<=", 3, 3, 2), (">", 3, 2, 3), (">=", 3, 3, 4),
        ("contains", "a worker", "work", "queen"), ("not contains", "a worker", "queen", "work"), ("starts", "abc", "ab", "bc"), ("ends", "abc", "bc", "ab"),
        ("matches", "pid 17", r"\d+$", r"^\d"), ("not matches", "pid 17", r"^\d", r"\d+$"),
    ],
)  # fmt: skip
def test_every_operator_can_fit_and_miss(verify, operator, value, fits, misses):
    assert verify("it", values(value), Check(operator, fits, NOW)) == value
    with pytest.raises(AssertionError):
        verify("it", values(value), Check(operator, misses, NOW))


def test_pattern_that_is_none_is_named(verify):
    with pytest.raises(UsageError, match=r"^'\(' is no regular expression: missing \)"):
        verify("it", values("a worker"), Check("matches", "(", NOW))


def test_values_that_cannot_be_compared_are_named(verify):
    with pytest.raises(AssertionError, match="str 'many' cannot be compared by < with int 3"):
        verify("it", values("many"), Check("<", 3, SOON))


def test_default_patience_is_the_librarys(log):
    patient = Verifier(lambda: 5.0, lambda seconds: None, log.append)
    assert patient("it", values(1, 1, 2), Check("==", 2)) == 2
    with pytest.raises(AssertionError):
        patient("it", values(1, 1, 2), Check("==", 2, NOW))


@pytest.mark.parametrize(("waits", "told"), [(0.0009, ""), (0.001, " (after 1 ms)"), (0.999, " (after 999 ms)"), (2.5, " (after 2.5 s)")])
def test_wait_is_told_from_a_millisecond_on(monkeypatch, log, waits, told):
    now = [0.0]
    monkeypatch.setattr(assertions, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def pause(_: float) -> None:
        now[0] = waits

    Verifier(lambda: 5.0, pause, log.append)("it", values(1, 2), Check("==", 2))
    assert log == [f"it is 2{told}"]


@pytest.mark.parametrize(
    ("seconds", "always", "expected"),
    [(0.0, False, ""), (0.0, True, " (after 0 ms)"), (0.15, False, " (after 150 ms)"), (1.25, False, " (after 1.2 s)")],
)
def test_time_of_a_wait_is_told_in_milliseconds_below_a_second(seconds, always, expected):
    assert _after(seconds, always=always) == expected
