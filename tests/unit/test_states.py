"""What the state of a program is if it does not answer, and how it has ended."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from RbeeLibrary.errors import HttpFailure
from RbeeLibrary.fleet.launch import ProgramSpec
from RbeeLibrary.keywords.state import StateKeywords
from RbeeLibrary.net.http_client import Answer
from RbeeLibrary.protocol.profiles import PROFILES
from RbeeLibrary.session.assertions import Hopeless, Verifier
from RbeeLibrary.session.programs.states import StateReader
from RbeeLibrary.session.types import Daemon, SeenBy, State

FAKE = ProgramSpec("queen", module="RbeeLibrary.fakes.queen")
REAL = ProgramSpec("queen", command=["queen-rbee"])


@pytest.mark.parametrize(
    ("program", "ready", "state"),
    [(FAKE, None, State.starting), (FAKE, "{}", State.unreachable), (REAL, None, State.unreachable), (None, None, State.unreachable)],
    ids=["fake that has not served yet", "fake that has served", "real", "started by another program"],
)
def test_fake_that_does_not_answer_is_starting_until_it_has_said_that_it_serves(program, ready, state):
    def probe(daemon, path):
        raise HttpFailure("connection refused")

    process = SimpleNamespace(program=program, ready=ready, exit_code=None, alive=True, frozen=False)
    daemon = Daemon("queen", "queen", "http://127.0.0.1:1", 1, 1)
    programs = SimpleNamespace(find=lambda name: daemon, process=lambda name: process, probe=probe)
    assert StateReader(SimpleNamespace(), programs).read("queen") is state


def test_program_that_has_ended_cannot_come_to_life_but_its_end_can_be_expected():
    programs = SimpleNamespace(process=lambda name: SimpleNamespace(exit_code=3))
    reader = StateReader(SimpleNamespace(), programs)
    with pytest.raises(Hopeless, match="^queen cannot become idle: it exited with 3$"):
        reader.check_hope("queen", State.idle, SeenBy.itself)
    reader.check_hope("queen", State.exited, SeenBy.itself)


def test_beginning_of_a_list_that_was_refused_is_shown():
    programs = SimpleNamespace(probe=lambda daemon, path: Answer(500, {}, b"x" * 400))
    with pytest.raises(AssertionError, match="^hive answered GET /v1/workers/list with 500: x{300}$"):
        StateReader(SimpleNamespace(), programs).rows(Daemon("hive", "hive", "http://127.0.0.1:1", 1, 1), "/v1/workers/list")


@pytest.mark.parametrize(
    ("exit_code", "state"), [(0, State.exited), (3, State.exited), (-9, State.killed), (None, State.exited)], ids=["well", "error", "signal", "unknown"]
)
@pytest.mark.parametrize("seen_by", [SeenBy.itself, SeenBy.process])
def test_program_that_has_ended_was_killed_only_if_its_exit_code_is_known_to_say_so(exit_code, state, seen_by):
    process = SimpleNamespace(exit_code=exit_code, alive=False, frozen=False)
    assert StateReader(SimpleNamespace(), SimpleNamespace(process=lambda name: process)).read("queen", seen_by) is state


def state_keywords() -> StateKeywords:
    """For a program that has exited with 3; they look once."""
    reader = StateReader(SimpleNamespace(), SimpleNamespace(process=lambda name: SimpleNamespace(exit_code=3)))
    return StateKeywords(SimpleNamespace(states=reader, verify=Verifier(patience=lambda: 0.0, pause=lambda seconds: None, log=lambda line: None)))


def test_check_of_a_state_fails_at_once_if_the_program_has_ended():
    keywords = state_keywords()
    with pytest.raises(Hopeless, match="^queen cannot become idle: it exited with 3$"):
        keywords.get_state("queen", "==", State.idle)
    assert keywords.get_state("queen", "==", State.exited) is State.exited


@pytest.mark.parametrize(("seen_by", "whose"), [(SeenBy.itself, ""), (SeenBy.process, " seen by process")])
def test_failed_check_of_a_state_names_the_observer_if_it_is_not_the_program_itself(seen_by, whose):
    with pytest.raises(AssertionError, match=f"^state of queen{whose} is exited, expected == killed"):
        state_keywords().get_state("queen", "==", State.killed, seen_by=seen_by)


@pytest.mark.parametrize(("status", "state"), [(200, State.idle), (401, State.idle), (403, State.unreachable), (500, State.unreachable)])
def test_real_program_that_asks_for_a_key_is_there(status, state):
    daemon = Daemon("queen", "queen", "http://127.0.0.1:1", 1, 1, profile=PROFILES["queen-rbee"])
    process = SimpleNamespace(program=REAL, ready=None, exit_code=None, alive=True, frozen=False)
    programs = SimpleNamespace(find=lambda name: daemon, process=lambda name: process, probe=lambda daemon, path: Answer(status, {}, b""))
    assert StateReader(SimpleNamespace(), programs).read("queen") is state
