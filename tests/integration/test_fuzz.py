"""Some generated requests; `tests/tools/fuzz.py` sends any number of them."""

import pytest
from fuzz import fuzz
from running import portion

CASES = {"worker": 75, "hive": 75, "queen": 100, "hub": 30}


@pytest.mark.parametrize("service", portion(sorted(CASES), 2, "RBEE_LONG"))
def test_generated_requests_get_answers_of_the_contract(service, tmp_path):
    outcome = fuzz(service, CASES[service], tmp_path)
    print(outcome)
    assert outcome.problems == []
    assert outcome.cases >= CASES[service]
    assert len(outcome.statuses) > 1, "nothing but one status: the cases reach nothing"
