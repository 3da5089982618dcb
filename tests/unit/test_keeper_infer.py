"""The keeper's `infer`, on a client that is written down here."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.fakes.keeper.infer import Infer
from RbeeLibrary.net.http_client import HttpClient
from RbeeLibrary.protocol.keeper_options import InferOptions


@pytest.mark.parametrize(("status", "waited"), [(400, False), (404, True), (503, True)])
def test_progress_is_awaited_unless_the_queen_has_refused_the_task_as_it_came(status, waited):
    """A task that never began has no progress, and its stream waits for one."""
    joined: list[float] = []
    begun: list[str] = []

    def spawn(job: object, *, name: str) -> SimpleNamespace:
        begun.append(name)
        return SimpleNamespace(join=joined.append)

    clock = Clock()
    keeper = SimpleNamespace(client=HttpClient(clock, "rbee-keeper"), clock=clock, spawn=spawn)
    infer = Infer(keeper, InferOptions(node="workstation", model="m", prompt="hello"), SimpleNamespace())
    infer._client = SimpleNamespace(ask=lambda url, body, limit: SimpleNamespace(status=status))
    assert infer._ask_queen().status == status
    assert begun == ["progress"]
    assert bool(joined) == waited
