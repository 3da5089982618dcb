"""What the likely cause says of ssh, with which a queen starts a hive on another machine."""

from __future__ import annotations

from test_cause_rules import at, cause, exchange

REFUSED = exchange("queen", 20, 30, 503, "/v2/tasks", code="SSH_TIMEOUT")
SAID = "queen answered POST /v2/tasks with 503 SSH_TIMEOUT, 79.5 ms before the failure"
NODES = [at(2, "library", "node", node="cellar", host="cellar.home", ssh="ok"), at(3, "library", "node", node="attic", host="attic.home", ssh="timeout")]


def ssh(when: float, host: str, exit_code: int) -> dict:
    return at(when, "queen", "ssh", argv=["ssh", f"rbee@{host}", "true"], exit_code=exit_code)


def test_refusal_names_the_end_of_ssh_and_whether_the_test_chose_it():
    chosen = f"{SAID}; ssh ended with exit code 255, as the test chose for node attic (ssh=timeout)"
    assert cause([*NODES, *REFUSED, ssh(25, "attic.home", 255)], "req-1 is refused") == chosen
    assert cause([*NODES, *REFUSED, ssh(25, "cellar.home", 127)], "req-1 is refused") == f"{SAID}; ssh ended with exit code 127"
    assert cause([*NODES, *REFUSED, ssh(25, "attic.home", 0)], "req-1 is refused") == SAID


def test_ssh_that_failed_before_or_after_the_request_has_not_refused_it():
    assert cause([*NODES, *REFUSED, ssh(10, "attic.home", 255), ssh(40, "attic.home", 255)], "req-1 is refused") == SAID


def test_node_whose_name_is_only_part_of_the_host_is_not_blamed():
    old = at(1, "library", "node", node="far", host="old-attic.home", ssh="refused")
    chosen = f"{SAID}; ssh ended with exit code 255, as the test chose for node far (ssh=refused)"
    assert cause([*REFUSED, old, *NODES, ssh(25, "old-attic.home", 255)], "req-1 is refused") == chosen
