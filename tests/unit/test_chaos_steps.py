"""Which steps of a chaos schedule can be done, as the fleet is at that moment, and which ones never."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from RbeeLibrary.errors import UsageError
from RbeeLibrary.session.judging.chaos_run import ChaosRun
from RbeeLibrary.session.judging.chaos_schedule import Step
from RbeeLibrary.session.judging.chaos_steps import ChaosSteps
from RbeeLibrary.session.types import InferenceState

STATES = {
    "well": {"alive": True, "frozen": False},
    "frozen": {"alive": True, "frozen": True},
    "dead": {"alive": False, "frozen": False},
}


def chaos_run(*, owner_state: str = "well", owner_has_fault: bool = False) -> ChaosRun:
    """A run over programs that are named for their state; `orphan` is dead and was started by a hive that is in `owner_state`."""
    processes = {name: SimpleNamespace(name=name, **state) for name, state in STATES.items()}
    processes["orphan"] = SimpleNamespace(name="orphan", **STATES["dead"])
    processes["hive"] = SimpleNamespace(name="hive", **STATES[owner_state])
    programs = SimpleNamespace(
        process_or_none=processes.get,
        find=lambda name: name,
        owner_of=lambda name: processes["hive"] if name == "orphan" else None,
        responsive=lambda name: processes[name] if processes[name].alive and not processes[name].frozen else None,
    )
    faults = SimpleNamespace(armed=[SimpleNamespace(name="hive")] if owner_has_fault else [])
    # without the one called frozen, which is always there: it would rule out all that must not be done while somebody is frozen
    supervisor = SimpleNamespace(alive=lambda: [one for one in processes.values() if one.alive and one.name != "frozen"])
    return ChaosRun(SimpleNamespace(programs=programs, faults=faults, run=SimpleNamespace(supervisor=supervisor)), print)


def possible(run: ChaosRun, keyword: str, *args: str, **inferences: InferenceState) -> bool:
    variables = {name: SimpleNamespace(state=state) for name, state in inferences.items()}
    return run._is_possible(Step(1.0, keyword, args), variables)


@pytest.mark.parametrize(
    ("keyword", "well", "frozen", "dead"),
    [
        ("Kill", True, False, False),
        ("Terminate", True, False, False),
        ("Freeze", True, False, False),
        ("Resume", False, True, False),
        ("Restart", False, False, True),
    ],
)
def test_state_of_the_program_decides(keyword, well, frozen, dead):
    run = chaos_run()
    assert [possible(run, keyword, name) for name in STATES] == [well, frozen, dead]
    assert not possible(run, keyword, "nobody")


@pytest.mark.parametrize(("owner", "has_fault", "expected"), [("well", False, True), ("frozen", False, False), ("dead", False, False), ("well", True, False)])
def test_worker_is_started_again_only_by_a_hive_that_is_well(owner, has_fault, expected):
    assert possible(chaos_run(owner_state=owner, owner_has_fault=has_fault), "Restart", "orphan") is expected


def test_inference_is_cancelled_while_it_runs():
    run = chaos_run()
    assert possible(run, "Cancel Inference", "${chaos-0}", **{"chaos-0": InferenceState.streaming})
    assert not possible(run, "Cancel Inference", "${chaos-0}", **{"chaos-0": InferenceState.done})
    assert not possible(run, "Cancel Inference", "${chaos-1}", **{"chaos-0": InferenceState.streaming})


def test_nobody_is_parted_who_could_not_be_told():
    run = chaos_run()
    assert possible(run, "Partition", "well | hive")
    assert not possible(run, "Partition", "well | frozen")
    assert not possible(run, "Partition", "dead | well")


def test_network_is_healed_and_inferences_are_cancelled_when_nobody_is_frozen():
    run = chaos_run(owner_state="frozen")
    assert not possible(run, "Heal")
    assert not possible(run, "Cancel Inference", "${a}", a=InferenceState.streaming)
    assert possible(run, "Submit Inference", "question")
    assert possible(chaos_run(), "Heal")


def test_step_with_a_time_that_is_none_is_refused():
    steps = ChaosSteps(SimpleNamespace(advance=lambda by, limit: []))
    with pytest.raises(UsageError, match="^'soon' is not a duration such as 500ms, 2s, 5min or a number of seconds$"):
        steps("Advance Time", "soon")


def test_step_that_was_carried_out_is_done_and_its_inference_is_known():
    run, variables = chaos_run(), {}
    run._perform = lambda keyword, *args: (keyword, *args)
    assert run._do(Step(1.0, "Submit Inference", ("question",), "chaos-0"), variables)
    assert variables == {"chaos-0": ("Submit Inference", "question")}


def test_step_that_the_chaos_before_it_prevents_is_not_done():
    def perform(keyword: str, *args: str) -> None:
        raise UsageError("well is not running")

    run = chaos_run()
    run._perform = perform
    assert not run._do(Step(1.0, "Kill", ("well",)), {})
