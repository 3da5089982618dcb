"""The hives of a queen: the only node, and how they are ended."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.fakes.queen.hives import Hives
from RbeeLibrary.net.http_client import HttpClient, NotConnected

URL = "http://127.0.0.1:9200"


def hives(urls: dict[str, str], registered: list[str]) -> Hives:
    nodes = SimpleNamespace(all=lambda: [{"node_name": name} for name in registered])
    return Hives(SimpleNamespace(), SimpleNamespace(probe_timeout=1.0), SimpleNamespace(known=urls, placed={}), nodes, SimpleNamespace())


@pytest.mark.parametrize(
    ("urls", "registered", "only"),
    [
        ({}, ["alpha"], "alpha"),
        ({"alpha": URL}, [], "alpha"),
        ({"alpha": URL}, ["alpha"], "alpha"),
        ({"alpha": URL}, ["beta"], ""),
        ({}, ["alpha", "beta"], ""),
        ({}, [], ""),
    ],
)
def test_only_node_is_known_by_its_name(urls, registered, only):
    assert hives(urls, registered).only_node() == only


@pytest.mark.parametrize(("is_own", "accepts", "waits"), [(True, False, True), (True, True, False), (False, False, False)])
def test_queen_waits_only_for_a_hive_of_its_own_that_is_still_starting(monkeypatch, is_own, accepts, waits):
    class Refusing:
        def connect(self, *_):
            raise NotConnected("refused")

    one, waited, ran = hives({}, []), [], []
    one._queen.client, one._queen.log = Refusing(), lambda _: None
    one._ssh.run = lambda node, command: ran.append(command)
    if is_own:
        one._owned[URL] = SimpleNamespace(node={}, pid=4711)
    monkeypatch.setattr(one, "_accepts", lambda *_: accepts)
    monkeypatch.setattr(one, "_accepts_within", lambda *_: waited.append(URL))
    one._end(URL)
    assert waited == [URL] * waits
    assert ran == ["kill -TERM 4711"] * is_own


@pytest.mark.parametrize(("pid", "signals"), [(4711, ["TERM", "KILL"]), (0, [])])
def test_hive_of_its_own_that_does_not_end_in_time_is_killed(pid, signals):
    """If its pid is known: signals to pid 0 would reach the shell of the node instead."""
    one, logged, ran = hives({}, []), [], []
    clock = Clock(None)
    one._queen.clock, one._queen.client, one._queen.log = clock, HttpClient(clock, "fake-queen"), logged.append
    one._queen.faults = SimpleNamespace(find=lambda kind: None)
    one._options.cascade_timeout = 0.01
    one._ssh.run = lambda node, command: ran.append((node["node_name"], command))
    one._request_shutdown = one._request_shutdown if pid else lambda url, owned: None
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        one._owned[url] = SimpleNamespace(node={"node_name": "alpha"}, pid=pid)
        one._end(url)
    assert logged == [f"asking the hive at {url} to shut down", f"the hive at {url} did not end in time"]
    assert ran == [("alpha", f"kill -{signal} {pid}") for signal in signals]
