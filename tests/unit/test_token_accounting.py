"""Tokens that workers wrote and clients received are compared one by one."""

from __future__ import annotations

from RbeeLibrary.protocol.tokens import generated
from RbeeLibrary.report.rules.token_accounting import Submitted, wrong_tokens


def token(pid: int, number: str, index: int) -> dict:
    return {"record": "token", "pid": pid, "name": f"worker-{pid}", "request_id": number, "index": index}


def asked(state: str, *texts: str, wanted: int | None = 2, seed: int | None = None) -> Submitted:
    return Submitted("r", "test", state, state != "streaming", texts, wanted, seed)


def test_tokens_are_counted_one_by_one():
    two = [token(1, "r", 0), token(1, "r", 1)]
    assert wrong_tokens([asked("done", "from", " told")], two, as_generated=True) == []
    assert wrong_tokens([asked("broken", "from")], two, as_generated=True) == []
    assert wrong_tokens([asked("refused")], [], as_generated=True) == []
    assert wrong_tokens([asked("done", "from")], two, as_generated=False) == ["r is done with 1 tokens, workers wrote 2"]
    assert wrong_tokens([asked("broken", "from", " told", " slow")], two, as_generated=False) == ["r has 3 tokens, workers wrote 2"]
    assert wrong_tokens([asked("done", "from", " told", wanted=3)], two, as_generated=True) == ["r is done with 2 of 3 tokens"]
    assert wrong_tokens([asked("done", "a", "b")], two, as_generated=True) == ["token 0 of r is 'a', which is not what the worker generates"]
    assert wrong_tokens([asked("streaming")], [], as_generated=False) == ["r has not ended, it is streaming with 0 tokens"]
    assert wrong_tokens([asked("broken")], [token(1, "r", 0), token(1, "r", 2)], as_generated=False) == ["worker-1 wrote token 2 of r where token 1 was due"]
    twice = wrong_tokens([asked("broken")], [token(1, "r", 0), token(2, "r", 0)], as_generated=False)
    assert twice == ["r was answered by several workers: worker-1, worker-2"]


def test_seed_decides_which_tokens_are_right():
    two = [token(1, "r", 0), token(1, "r", 1)]
    usual, other = tuple(generated("test", 42, 2)), tuple(generated("test", 7, 2))
    assert usual != other
    assert wrong_tokens([asked("done", *other, seed=7)], two, as_generated=True) == []
    assert wrong_tokens([asked("done", *usual, seed=42)], two, as_generated=True) == []
    assert wrong_tokens([asked("done", *usual, seed=7)], two, as_generated=True) == [f"token 0 of r is {usual[0]!r}, which is not what the worker generates"]


def test_number_of_tokens_is_free_where_the_worker_decides_it():
    assert wrong_tokens([asked("done", "from", wanted=None)], [token(1, "r", 0)], as_generated=True) == []


def test_request_is_known_at_the_worker_by_another_id():
    two = [token(1, "job-1", 0), token(1, "job-1", 1), token(2, "job-2", 0)]
    assert wrong_tokens([asked("done", "from", " told")], two, as_generated=True, known_as={"job-1": "r"}) == []
    assert wrong_tokens([asked("done", "from", " told")], two, as_generated=True) == [
        "r has 2 tokens, workers wrote 0",
        "r is done with 2 tokens, workers wrote 0",
    ]
