"""What the likely cause says of partitions that held connections back."""

from __future__ import annotations

from test_cause_rules import at, cause, exchange, sent

PARTED = at(10, "library", "partition", groups=[["hive"], ["queen"]])
HELD = at(50, "queen", "held_back", target="127.0.0.1:9200")


def test_partition_that_holds_others_back_later_is_still_the_cause_of_what_it_held_back():
    mine = exchange("queen", 11, 30, 504, "/v2/tasks", code="CONNECTION_TIMEOUT", message="hive could not be reached")
    held = [at(13, "queen", "held_back", target="127.0.0.1:9200"), at(50, "hive", "held_back", target="127.0.0.1:8080")]
    records = [PARTED, *mine, *sent("queen", 12, "hive", "/v1/workers/list", "no answer within 10 s"), *held]
    assert cause(records, "state of inference req-1 is refused") == "queen cannot reach hive: the test parted hive | queen, 90.0 ms before the failure"


def test_connection_that_is_held_back_at_the_very_moment_of_the_failure_counts():
    assert cause([PARTED, HELD], "state of queen is idle", when=50) == "queen cannot reach hive: the test parted hive | queen, 40.0 ms before the failure"


def test_partition_that_was_healed_before_the_failure_is_told_as_over():
    failed = sent("queen", 40, "hive", "/v1/workers/list", "no answer within 10 s")
    healed = at(60, "library", "healed")
    assert cause([PARTED, *failed, HELD, healed], "state of queen is idle") == (
        "a request of queen, GET /v1/workers/list, got no answer from hive at 127.0.0.1:9200: no answer within 10 s; "
        "queen could not reach hive: the test parted hive | queen, 90.0 ms before the failure, and healed it since"
    )
