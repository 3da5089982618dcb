"""`Requests Should Be In Order` on records that are written down here."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from RbeeLibrary.journal.reader import RequestRecord
from RbeeLibrary.keywords.journal import JournalKeywords


def keywords(*received: str, pauses: list[float]) -> JournalKeywords:
    """Keywords of a session in which these requests have come, in this order, as program and path."""
    fields = dict.fromkeys(RequestRecord.__dataclass_fields__)
    records = [
        RequestRecord(**{**fields, "program": line.split()[0], "method": "GET", "path": line.split()[1], "ns": n * 10**6}) for n, line in enumerate(received)
    ]
    return JournalKeywords(
        SimpleNamespace(
            programs=SimpleNamespace(find=lambda name: None),
            journals=SimpleNamespace(all_requests=lambda since: records),
            settings=SimpleNamespace(within=lambda given: 0.05),
            run=SimpleNamespace(supervisor=SimpleNamespace(await_news=pauses.append)),
        )
    )


def test_requests_that_have_come_are_not_waited_for():
    pauses: list[float] = []
    keywords("queen /health", "hive /x", "worker /v1/health", pauses=pauses).requests_should_be_in_order("queen GET /health", "worker GET /v1/*")
    assert pauses == []


@pytest.mark.parametrize(
    ("received", "said"),
    [
        (["worker /v1/health", "queen /health"], "worker GET /v1/health did not come after queen GET /health"),
        (["worker /v1/health"], "queen GET /health did not come at all"),
        (["queen /health"], "worker GET /v1/health did not come after queen GET /health"),
    ],
)
def test_requests_that_do_not_come_in_order_are_waited_for(received, said):
    pauses: list[float] = []
    with pytest.raises(AssertionError, match=f"^{said}"):
        keywords(*received, pauses=pauses).requests_should_be_in_order("queen GET /health", "worker GET /v1/health")
    assert pauses != []
