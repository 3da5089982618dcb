"""Statistics of a steady load, from inferences with known times, and its end."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from RbeeLibrary.session.inference.inferences import Inferences
from RbeeLibrary.session.inference.locust_load import LoadPlan, LocustLoad
from RbeeLibrary.session.inference.steady_load import SteadyLoad
from RbeeLibrary.session.types import InferenceState, LoadStatistic


def inference(number: int, state: InferenceState = InferenceState.done, *, tokens: int = 2, code: str | None = None, status: int = 200) -> SimpleNamespace:
    """Sent at 100 s; its first token came `number` seconds later, each further one a second after the one before."""
    arrived = [SimpleNamespace(at=100.0 + number + index) for index in range(tokens)]
    return SimpleNamespace(started_at=100.0, tokens=arrived, state=state, error_code=code, status=status)


@pytest.fixture
def load():
    made = SteadyLoad(lambda: inference(1), 60.0)
    made.end()
    yield made


def statistic(load: SteadyLoad, name: str, code: str | None = None):
    return load.read(LoadStatistic(name), code)


def test_percentiles_are_values_that_were_measured(load):
    load.inferences = [inference(number) for number in reversed(range(1, 21))]
    expected = {
        "median first token": 10.5,
        "p95 first token": 19,
        "max first token": 20,
        "median duration": 11.5,
        "p95 duration": 20,
        "max duration": 21,
    }
    assert {name: statistic(load, name) for name in expected} == {name: timedelta(seconds=seconds) for name, seconds in expected.items()}


def test_of_one_inference_all_percentiles_are_the_same(load):
    load.inferences = [inference(3)]
    assert {statistic(load, f"{which} first token") for which in ("median", "p95", "max")} == {timedelta(seconds=3)}


def test_inferences_without_tokens_have_no_times(load):
    load.inferences = [inference(3), inference(9, InferenceState.refused, tokens=0)]
    assert statistic(load, "max first token") == timedelta(seconds=3)
    load.inferences = load.inferences[1:]
    assert statistic(load, "median duration") == timedelta(0)


def test_each_state_is_counted(load):
    states = [InferenceState.done, InferenceState.done, InferenceState.refused, InferenceState.broken, InferenceState.streaming]
    load.inferences = [inference(1, state, tokens=number) for number, state in enumerate(states)]
    counts = {name: statistic(load, name) for name in ("requests", "done", "failures", "running", "retries", "tokens")}
    assert counts == {"requests": 5, "done": 2, "failures": 2, "running": 1, "retries": 0, "tokens": 10}


def test_failures_of_one_kind_are_known_by_code_or_status(load):
    load.inferences = [
        inference(1, InferenceState.refused, code="ALL_SLOTS_BUSY", status=503),
        inference(1, InferenceState.refused, code="HIVE_ERROR", status=503),
        inference(1, InferenceState.refused, code="NODE_NOT_FOUND", status=404),
    ]
    assert [statistic(load, "failures", code) for code in ("ALL_SLOTS_BUSY", "503", "404", "500", None)] == [1, 2, 1, 0, 3]


def test_load_that_goes_on_ends_with_its_test():
    inferences = Inferences(SimpleNamespace(), SimpleNamespace())
    going_on = SteadyLoad(lambda: inference(1), 60.0)
    inferences.loads.append(going_on)
    inferences.abandon_all()
    try:
        assert not going_on._thread.is_alive()
        assert inferences.loads == []
    finally:
        going_on.end()


def test_load_of_locust_that_is_over_has_no_running_requests(tmp_path):
    load = LocustLoad("users", tmp_path)
    load.summary.write_text("{}")
    assert load.read(LoadStatistic.running) == 0


@pytest.mark.parametrize(("shape", "files"), [("constant", ["locustfile.py"]), ("steps", ["locustfile.py", "shapes.py"])])
def test_shape_is_given_to_locust_unless_the_load_is_constant(tmp_path, monkeypatch, shape, files):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: True)
    load = LocustLoad("users", tmp_path)
    plan = LoadPlan(3, 0, 20, 0, False, shape, 1, "")
    spec = load.program(plan, SimpleNamespace(url="http://127.0.0.1:1", role="worker"), None, {})
    assert [Path(file).name for file in spec.command[spec.command.index("-f") + 1].split(",")] == files
    assert ("--rbee-shape" in spec.command, "--spawn-rate" in spec.command) == (shape != "constant", shape == "constant")
