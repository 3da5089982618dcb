"""With what an answer is compared: the contract, real programs, or one of both; and what is said of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from RbeeLibrary.errors import UsageError
from RbeeLibrary.session.judging.answer_check import SeenAnswer, check_answer
from RbeeLibrary.session.types import AnswerProfile

CONTRACT, REAL = AnswerProfile.contract, AnswerProfile.real
HIVE = {"status": "alive", "version": "0.1.0", "api_version": "v1"}
WORKER = {"status": "healthy", "state": "idle"}


def answer(value: Any, path: str = "/v1/health") -> SeenAnswer:
    return SeenAnswer("GET", path, 200, {"content-type": "application/json"}, json.dumps(value).encode())


def checked(said: SeenAnswer, service: str | None, profile: AnswerProfile | None = None, *, is_fake: bool = False) -> tuple[AnswerProfile, str]:
    return check_answer(said, service, None, is_fake=is_fake, exact=None, profile=profile)


def test_answer_that_fits_both_is_one_of_the_contract():
    assert checked(answer(HIVE), "hive") == (CONTRACT, "GET /v1/health 200 matches the contract (5.2)")


def test_answer_of_a_real_program_is_said_to_be_off_the_contract_where_it_was_compared_with_it():
    real = answer({"status": "healthy", "vram_bytes": 0}, "/health")
    assert checked(real, "worker") == (REAL, "GET /health 200 is what a real program answers, and off the contract (6.2)")
    assert checked(real, "worker", REAL) == (REAL, "GET /health 200 is what a real program answers")


def test_answer_is_compared_with_the_real_programs_of_its_service():
    assert checked(answer(WORKER), "worker", REAL)[0] is REAL
    with pytest.raises(AssertionError, match='of a real program: status is "healthy", expected one of alive'):
        checked(answer(WORKER), "hive", REAL)


def test_answer_of_an_unknown_service_is_compared_with_all_real_programs_that_have_its_path():
    assert checked(answer(WORKER), None, REAL)[0] is REAL
    assert checked(answer(HIVE), None, REAL)[0] is REAL


def test_route_that_the_contract_does_not_have_is_a_mistake_of_the_test_unless_a_real_program_may_have_it():
    nothing = answer({}, "/v1/nothing")
    for profile, is_fake in ((CONTRACT, False), (None, True)):
        with pytest.raises(UsageError, match="^a hive has no route GET /v1/nothing$"):
            checked(nothing, "hive", profile, is_fake=is_fake)
    with pytest.raises(AssertionError, match="a hive has no route GET /v1/nothing\nof a real program: status 200, expected 404"):
        checked(nothing, "hive")


def test_real_program_that_refuses_a_method_has_to_say_which_ones_it_takes():
    def refused(allow: str) -> SeenAnswer:
        return SeenAnswer("DELETE", "/v1/health", 405, {"allow": allow}, b"")

    assert checked(refused("GET,HEAD"), "hive", REAL)[0] is REAL
    with pytest.raises(AssertionError, match="of a real program: Allow is POST, expected GET,HEAD"):
        checked(refused("POST"), "hive", REAL)
