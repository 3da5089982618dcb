"""Which request to a real program caused which request of it."""

from __future__ import annotations

from types import SimpleNamespace

from RbeeLibrary.recorder.causes import Causes
from RbeeLibrary.recorder.exchange import _error_of


class Request(SimpleNamespace):
    __hash__ = object.__hash__
    __eq__ = object.__eq__


def asked(causes: Causes, number: int, **body: object) -> Request:
    request = Request(number=number, correlation_id=f"c{number}", path="/v2/tasks", body=body, status=0)
    causes.begins(request)
    return request


def sent(number: int, **body: object) -> Request:
    return Request(number=number, path="/v1/inference", body=body, status=0)


def test_fields_in_common_tell_which_one_it_was():
    causes = Causes()
    short, long = asked(causes, 1, prompt="hello", max_tokens=5), asked(causes, 2, prompt="hello", max_tokens=9)
    assert causes.of(sent(3, prompt="hello", max_tokens=9)) == (long, True)
    assert causes.of(sent(4, prompt="hello", max_tokens=5)) == (short, True)


def test_number_that_has_lost_digits_is_the_same():
    causes = Causes()
    cold, warm = asked(causes, 1, temperature=0.2), asked(causes, 2, temperature=0.7)
    assert causes.of(sent(3, temperature=0.699999988079071)) == (warm, True)
    assert causes.of(sent(4, temperature=0.200000003)) == (cold, True)


def test_of_two_equal_ones_it_is_probably_the_oldest_without_any():
    causes = Causes()
    first, second = asked(causes, 1, prompt="hello"), asked(causes, 2, prompt="hello")
    assert causes.of(sent(3, prompt="hello")) == (first, False)
    assert causes.of(sent(4, prompt="hello")) == (second, False)


def test_answer_shows_that_it_was_the_other_one():
    """The second task is answered although only the request that seemed to be of the first one has been answered."""
    causes = Causes()
    first, second = asked(causes, 1, prompt="hello"), asked(causes, 2, prompt="hello")
    one = sent(3, prompt="hello")
    assert causes.of(one) == (first, False)
    one.status = 200
    assert causes.answers(second) == [(one, second)]
    second.status = 200
    causes.ends(second)
    assert causes.of(sent(4, prompt="hello")) == (first, True)


def test_answer_shows_that_both_were_the_other_way_round():
    causes = Causes()
    first, second = asked(causes, 1, prompt="hello"), asked(causes, 2, prompt="hello")
    one, two = sent(3, prompt="hello"), sent(4, prompt="hello")
    causes.of(one)
    causes.of(two)
    one.status = 200
    assert causes.answers(second) == [(one, second), (two, first)]
    second.status = two.status = 200
    assert causes.answers(first) == []


def test_answer_that_fits_the_guess_corrects_nothing():
    causes = Causes()
    first, second = asked(causes, 1, prompt="hello"), asked(causes, 2, prompt="hello")
    one = sent(3, prompt="hello")
    causes.of(one)
    one.status = 200
    assert causes.answers(first) == []
    assert second.status == 0


def test_nothing_is_kept_of_requests_that_are_over():
    causes = Causes()
    for number in range(0, 400, 2):
        task = asked(causes, number, prompt="hello")
        twin = asked(causes, number + 1, prompt="hello")
        causes.of(sent(number, prompt="hello"))
        causes.ends(task)
        causes.ends(twin)
    assert all(len(kept) == 0 for kept in vars(causes).values() if hasattr(kept, "__len__"))


def test_refusal_of_the_program_itself_moves_no_request_of_another_task():
    causes = Causes()
    task = asked(causes, 1, prompt="hello", model="m")
    other = asked(causes, 2, prompt="good bye", model="m")
    one = sent(3, prompt="hello", model="m")
    assert causes.of(one) == (task, True)
    one.status = 200
    assert causes.answers(other) == []


def test_error_of_a_real_program_is_kept_without_the_key_of_its_request():
    assert _error_of(b"invalid key: top-secret\n", "top-secret") == {"message": "invalid key: ***"}
    envelope = b'{"error":{"code":"INVALID_API_KEY","message":"top-secret is wrong"}}'
    assert _error_of(envelope, "top-secret") == {"code": "INVALID_API_KEY", "message": "*** is wrong"}
    assert _error_of(b"", "top-secret") == _error_of(b"  ", "") == {}
    assert len(_error_of(b"x" * 1000, "")["message"]) == 300
