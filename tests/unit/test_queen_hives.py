"""The hives of a queen: the only node, and how they are ended."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from RbeeLibrary.fakes.queen.hives import Hives
from RbeeLibrary.net.http_client import NotConnected

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
