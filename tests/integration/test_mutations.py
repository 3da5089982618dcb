"""Every mutation is caught by the test that names the broken behaviour.

A few are tried, others for each commit; `RBEE_MUTATIONS=all` tries all of them.
"""

import pytest
from mutations.run import outcome
from mutations.table import MUTATIONS, GeneratedMutation, Mutation, generated
from running import ROOT, portion, robot


@pytest.mark.parametrize("mutation", portion([*MUTATIONS, *generated()], 64, "RBEE_MUTATIONS"), ids=lambda mutation: mutation.name)
def test_broken_behaviour_is_noticed(mutation: Mutation | GeneratedMutation):
    caught, message = outcome(mutation)
    assert caught, f"{mutation.name}: {mutation.test} did not notice: {message}"
    assert "Traceback" not in message


def test_text_of_every_patch_stands_exactly_once():
    counts = {one.name: (ROOT / "RbeeLibrary" / one.file).read_text().count(one.old) for one in MUTATIONS}
    assert {name: count for name, count in counts.items() if count != 1} == {}


def test_text_of_every_generated_mutation_stands_in_its_file():
    texts = {file: " ".join((ROOT / "RbeeLibrary" / file).read_text().split()) for file in {one.file for one in generated()}}
    assert [one.name for one in generated() if one.before not in texts[one.file]] == []


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
    assert robot(tmp_path, str(ROOT / "tests/data/failing_suites/leak.robot")).rc == 0
