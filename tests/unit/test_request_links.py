"""Which request that was sent is the one that was received."""

from __future__ import annotations

from RbeeLibrary.report.trace.request_links import RequestLinks


def test_requests_of_one_correlation_id_are_told_apart_by_their_methods():
    route = {"path": "/v2/tasks", "correlation_id": "c1"}
    post = {"record": "request_out", "ns": 1, "pid": 60, "name": "keeper", "n": 1, "method": "POST", **route}
    get = {**post, "ns": 2, "n": 2, "method": "GET"}
    received = {"record": "request_in", "ns": 3, "pid": 10, "name": "queen", "n": 1, "method": "POST", **route}
    assert RequestLinks([post, get, received]).source(received) is post
