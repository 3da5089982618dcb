"""Orders of the library to a fake, over a real socket."""

from __future__ import annotations

import socket
import threading

import pytest

from RbeeLibrary.clock.activity import Activity
from RbeeLibrary.fakes.runtime.control import Control
from RbeeLibrary.run.json_channel import JsonChannel

LIMIT = 10.0


@pytest.fixture
def controlled(tmp_path):
    """A fake's connection to the library, the library's end of it, and the fake's activity."""
    address, activity, made = str(tmp_path / "run"), Activity(), []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        thread = threading.Thread(target=lambda: made.append(Control(address, activity)), daemon=True)
        thread.start()
        connection, _ = listener.accept()
    connection.settimeout(LIMIT)
    library = JsonChannel(connection)
    (hello,) = library.receive()
    assert hello["hello"] == "control"
    connection.sendall(b"ok\n")
    thread.join()
    yield made[0], library, activity
    library.close()


def test_fake_is_at_work_while_it_carries_out_an_order(controlled):
    control, library, activity = controlled
    control.on("work", lambda order: [order["with"], "control" in activity.working()])
    control.on("busy", lambda order: "control" in activity.working(), is_job=False)
    control.start()
    library.send({"id": 1, "op": "work", "with": "care"})
    assert library.receive() == [{"reply": 1, "value": ["care", True]}]
    library.send({"id": 2, "op": "busy"})
    assert library.receive() == [{"reply": 2, "value": False}], "a fake that is asked whether it is busy is not busy with that"
