"""Every mutation is caught by the test that names the broken behaviour."""

import pytest
from mutations.run import outcome
from mutations.table import MUTATIONS, Mutation
from running import robot


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_broken_behaviour_is_noticed(mutation: Mutation):
    caught, message = outcome(mutation)
    assert caught, f"{mutation.name}: {mutation.test} did not notice: {message}"
    assert "Traceback" not in message


def test_leaked_worker_fails_its_test(tmp_path):
    """A hive whose cascade skips one worker leaves it alive: the library notices at the end of a test that checks nothing."""
    from mutations.run import patched_copy

    skipping = next(mutation for mutation in MUTATIONS if mutation.name == "cascade skips one worker")
    folder = patched_copy(skipping, tmp_path)
    run = robot(tmp_path, str(folder / "tests/data/failing_suites/leak.robot"), package=folder)
    test = run.tests()["Leaked Worker Fails The Test"]
    assert test.status == "FAIL"
    assert test.message.startswith("leaked: worker-"), test.message
    assert "outlived the graceful stop of what started it" in test.message


def test_clean_cascade_leaks_nothing(tmp_path):
    from running import ROOT

    assert robot(tmp_path, str(ROOT / "tests/data/failing_suites/leak.robot")).rc == 0
