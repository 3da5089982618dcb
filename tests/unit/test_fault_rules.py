"""Faults: reading them, when they act, draws that do not depend on the order of arrival."""

from __future__ import annotations

import random

import pytest

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.faults.base import Cut, ErrorAnswer, FaultContext, FaultSet, FaultSpec
from RbeeLibrary.faults.registry import KINDS
from RbeeLibrary.journal.reader import entries
from RbeeLibrary.journal.writer import Journal
from RbeeLibrary.session.judging.chaos_schedule import schedule


@pytest.fixture
def box(tmp_path):
    clock = Clock()
    made = FaultSet(KINDS, "worker-1", clock, Journal(str(tmp_path / "w-1.jsonl"), "fake-worker", clock))
    made.hits = lambda: [entry["fault"] for entry in entries(tmp_path / "w-1.jsonl") if entry["record"] == "fault"]
    return made


def answers(box, *places) -> list[int]:
    found = []
    for place in places:
        try:
            box.at("request", place)
            found.append(200)
        except ErrorAnswer as error:
            found.append(error.status)
    return found


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("kill:after_tokens=12", {"kind": "kill", "after_tokens": 12}),
        ("slow-end:delay=4s", {"kind": "slow-end", "delay": 4.0}),
        ("delay:delay=250ms,times=2", {"kind": "delay", "delay": 0.25, "times": 2}),
        ("status:status=503,path=/v1/*", {"kind": "status", "status": 503, "path": "/v1/*"}),
        ("never-ready", {"kind": "never-ready"}),
    ],
)
def test_faults_of_the_command_line(text, values):
    spec = FaultSpec.parse(text)
    assert {name: getattr(spec, name) for name in values} == values
    assert FaultSpec.parse(str(spec)) == spec


@pytest.mark.parametrize(
    "text", ["kill:after_tokens", "kill:tokens=3", "kill:after_tokens=many", "delay:delay=soon", "delay:delay=-1s", "status:probability=2"]
)
def test_nonsense_is_refused_with_the_reason(text):
    with pytest.raises(ValueError, match=text.partition(":")[0] if "probability" not in text else "probability"):
        FaultSpec.parse(text)


def test_unknown_kind_is_refused_with_the_known_ones(box):
    with pytest.raises(ValueError, match="there is no fault 'explode', expected KIND or KIND:NAME=VALUE,... with one of .*kill"):
        box.arm(FaultSpec("explode"))


def test_after_requests_and_times(box):
    box.arm(FaultSpec("status", after_requests=1, times=2))
    assert answers(box, *[FaultContext("/x")] * 5) == [200, 503, 503, 200, 200]
    assert box.hits() == ["status", "status"]


def test_path(box):
    box.arm(FaultSpec("status", path="/v1/health"))
    box.arm(FaultSpec("status", id="all-v2", path="/v2/*", status=500))
    assert answers(box, FaultContext("/v1/health"), FaultContext("/v1/status"), FaultContext("/v2/tasks"), FaultContext(None)) == [503, 200, 500, 200]
    assert box.hits() == ["status", "all-v2"]


def test_cleared_fault_acts_no_more(box):
    box.arm(FaultSpec("status"))
    box.clear("status")
    assert answers(box, FaultContext("/x")) == [200]


def test_fault_that_is_cleared_during_a_stream_does_not_change_its_rest(box):
    box.arm(FaultSpec("swap-tokens", after_tokens=1))
    stream = box.events(iter([b"t1", b"t2", b"t3", b"end"]), FaultContext(is_token=lambda event: event.startswith(b"t")))
    assert next(stream) == b"t1"
    box.clear("swap-tokens")
    assert list(stream) == [b"t2", b"t3", b"end"]
    assert box.hits() == []


def test_layer(box):
    box.arm(FaultSpec("stick", layer=28))
    assert box.find("stick") is None
    assert box.find("stick", FaultContext(layer=27)) is None
    assert box.find("stick", FaultContext(layer=28)).layer == 28


def decisions(seed: int, keys: list[str], tmp_path) -> dict[str, int]:
    clock = Clock()
    box = FaultSet(KINDS, "worker-1", clock, Journal(None, "fake-worker", clock))
    box.arm(FaultSpec("status", probability=0.5, seed=seed))
    return dict(zip(keys, answers(box, *[FaultContext("/x", key) for key in keys]), strict=True))


def test_thirty_requests_in_twenty_orders_have_the_same_decisions(tmp_path):
    keys = [f"req-{number}" for number in range(30)]
    first = decisions(7, keys, tmp_path)
    assert set(first.values()) == {200, 503}
    for order in range(20):
        shuffled = keys[:]
        random.Random(order).shuffle(shuffled)
        assert decisions(7, shuffled, tmp_path) == first
    assert decisions(8, keys, tmp_path) != first


def test_schedules_of_chaos_use_all_keywords_with_their_arguments():
    programs = {"worker": ["worker-1"], "hive": ["hive"], "queen": ["queen"]}
    steps = [step for seed in range(60) for step in schedule(seed, programs, ["kill", "stall"], 20.0, 20)]
    used = {step.keyword for step in steps}
    assert used == {"Submit Inference", "Cancel Inference", "Inject Fault", "Kill", "Freeze", "Resume", "Terminate", "Restart", "Partition", "Heal"}
    assert {step.args[1] for step in steps if step.keyword == "Cancel Inference"} == {"by=delete", "by=disconnect"}
    lines = {step.target for step in steps if step.keyword == "Partition"}
    assert lines == {"queen | hive", "queen | worker-1", "hive | worker-1"}
    assert {step.args[1] for step in steps if step.keyword == "Inject Fault"} == {"kill", "stall"}
    tokens = {int(step.args[2].removeprefix("max_tokens=")) for step in steps if step.keyword == "Submit Inference"}
    assert (min(tokens), max(tokens)) == (1, 30)
    assert all(step.at > 0 for step in steps)


def test_decisions_depend_on_program_kind_and_seed():
    def drawn(kind: str = "status", node: str = "worker-1", seed: int = 7) -> list[float]:
        made = KINDS[kind](FaultSpec(kind, seed=seed), node, Clock(), Journal(None, "fake-worker", Clock()))
        return [made.draw(f"req-{request}") for request in range(10)]

    assert drawn() == drawn()
    assert len(set(drawn())) == 10
    for other in (drawn(kind="delay"), drawn(node="worker-2"), drawn(seed=8)):
        assert set(other) & set(drawn()) == set()


def test_decisions_do_not_depend_on_the_id_of_the_fault(box):
    clock = Clock()
    drawn = []
    for number in ("fault-1", "fault-37"):
        made = KINDS["status"](FaultSpec("status", id=number, seed=7), "worker-1", clock, Journal(None, "fake-worker", clock))
        drawn.append([made.draw(f"req-{request}") for request in range(10)])
    assert drawn[0] == drawn[1]


def test_every_kind_says_what_comes_of_it():
    for name, kind in KINDS.items():
        assert name == name.lower()
        assert kind.help and not kind.help.endswith("."), name
        assert kind.point in ("port", "request", "answer", "stream", "program"), name


@pytest.mark.parametrize("text", ["kill:times=-1", "kill:after_tokens=-1", "corrupt:after_bytes=-1", "kill:after_requests=-2", "exit:layer=-1"])
def test_negative_numbers_are_refused(text):
    with pytest.raises(ValueError, match=r"=-\d is negative"):
        FaultSpec.parse(text)


@pytest.mark.parametrize("kind", ["delay", "stall", "refuse", "slow-end", "late-callback", "slow-sweep"])
def test_delay_of_zero_is_refused_where_it_is_all_that_the_fault_does(box, kind):
    with pytest.raises(ValueError, match=f"{kind} does nothing with delay=0"):
        box.arm(FaultSpec.parse(f"{kind}:delay=0s"))


@pytest.mark.parametrize(
    ("kind", "without_effect", "with_effect"),
    [
        ("wrong-version", b'{"status":"ok"}', b'{"status":"ok","version":"2.0.0"}'),
        ("broken-json", b"", b"{}"),
        ("empty-body", b"", b"{}"),
    ],
)
def test_answer_that_a_fault_does_not_change_is_no_hit(box, kind, without_effect, with_effect):
    box.arm(FaultSpec(kind, times=1))
    assert box.body(without_effect, FaultContext()) == without_effect
    assert box.hits() == []
    assert box.body(with_effect, FaultContext()) != with_effect
    assert box.hits() == [kind]


def test_last_token_has_no_successor_to_be_swapped_with(box):
    box.arm(FaultSpec("swap-tokens", after_tokens=1))
    context = FaultContext(is_token=lambda event: event.startswith(b"t"))
    assert list(box.events(iter([b"t1", b"t2", b"end"]), context)) == [b"t1", b"t2", b"end"]
    assert box.hits() == []
    assert list(box.events(iter([b"t1", b"t2", b"t3", b"end"]), context)) == [b"t1", b"t3", b"t2", b"end"]
    assert box.hits() == ["swap-tokens"]


def test_stream_whose_client_has_left_is_not_mended(box):
    def broken():
        yield b"t1"
        raise Cut

    box.arm(FaultSpec("mend-stream"))
    with pytest.raises(Cut):
        list(box.events(broken(), FaultContext(gone=lambda: True)))
    assert box.hits() == []
    assert list(box.events(broken(), FaultContext())) == [b"t1", b"data: [DONE]\n\n"]


@pytest.mark.parametrize("after", [0, 1, 3, 4])
def test_stream_that_stalls_at_a_byte_has_every_byte_once(box, after):
    box.arm(FaultSpec("stall", after_bytes=after, delay=0.001))
    assert b"".join(box.events(iter([b"one", b"two"]), FaultContext())) == b"onetwo"
    assert len(box.hits()) == 1
