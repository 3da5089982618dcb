"""A line that goes through the kernel: its devices, its end, and what it says where it cannot be."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from test_programs import program

from RbeeLibrary.net import kernel_link

pytestmark = pytest.mark.skipif(kernel_link.missing() is not None, reason=str(kernel_link.missing()))


def devices(pid: int) -> int:
    return subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout.count(f"rbee{pid}")


def assert_no_device_is_left(pid: int) -> None:
    deadline = time.monotonic() + 10
    while devices(pid) and time.monotonic() < deadline:  # the kernel takes its time to end a namespace
        time.sleep(0.05)
    assert devices(pid) == 0


def relay(to: int, *options: str, path: str = os.environ["PATH"]):
    return program("fake-relay", "--port", "0", "--to", f"127.0.0.1:{to}", "--kernel", *options, env={"PATH": path})


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_the_devices(end):
    with relay(9) as process:
        assert devices(process.pid) == 1
        process.send_signal(end)
        process.wait(10)
    assert_no_device_is_left(process.pid)


def test_bytes_cross_the_device_in_both_directions():
    server = socket.create_server(("127.0.0.1", 0))

    def echo() -> None:
        connection, _ = server.accept()
        while data := connection.recv(65536):
            connection.sendall(data)
        connection.close()

    threading.Thread(target=echo, daemon=True).start()
    with server, relay(server.getsockname()[1]) as process:
        statistics = Path(f"/sys/class/net/rbee{process.pid}/statistics")
        before = int((statistics / "tx_bytes").read_text()), int((statistics / "rx_bytes").read_text())
        client = socket.create_connection(("127.0.0.1", process.ready["port"]), 10)
        sent = os.urandom(200_000)
        threading.Thread(target=client.sendall, args=(sent,), daemon=True).start()
        got = b""
        while len(got) < len(sent):
            got += client.recv(65536)
        assert got == sent
        after = int((statistics / "tx_bytes").read_text()), int((statistics / "rx_bytes").read_text())
        assert min(after[0] - before[0], after[1] - before[1]) > len(sent)
        client.close()


def test_latency_and_loss_are_those_of_netem_on_both_ends(tmp_path):
    """The kernel of this machine may have no netem, so a program of that name says what it was asked for."""
    (tmp_path / "tc").write_text(f'#!/bin/sh\necho "$(readlink /proc/self/ns/net) $@" >> {tmp_path}/asked\n')
    (tmp_path / "tc").chmod(0o755)
    with relay(9, "--latency", "50ms", "--loss", "0.02", path=f"{tmp_path}:{os.environ['PATH']}") as process:
        asked = [line.split() for line in (tmp_path / "asked").read_text().splitlines()]
        netem = ["root", "netem", "delay", "50ms", "loss", "2%"]
        assert [words[1:] for words in asked] == [["qdisc", "replace", "dev", device, *netem] for device in (f"rbee{process.pid}", "eth0")]
        assert asked[0][0] == os.readlink("/proc/self/ns/net") != asked[1][0], "the far end is in a namespace of its own"


def test_bytes_are_late_by_the_kernel_only(tmp_path):
    """The `tc` of this test delays nothing, so they arrive at once."""
    (tmp_path / "tc").write_text("#!/bin/sh\n")
    (tmp_path / "tc").chmod(0o755)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        relay(server.getsockname()[1], "--latency", "1h", path=f"{tmp_path}:{os.environ['PATH']}") as process,
        socket.create_connection(("127.0.0.1", process.ready["port"]), 10) as client,
    ):
        server.settimeout(10)
        far, _ = server.accept()
        with far:
            far.settimeout(10)
            client.sendall(b"hello")
            assert far.recv(5) == b"hello"


def test_machine_that_cannot_do_it_says_why(tmp_path):
    (tmp_path / "tc").write_text('#!/bin/sh\necho "Error: Specified qdisc kind is unknown." >&2; exit 2\n')
    (tmp_path / "tc").chmod(0o755)
    with relay(9, "--latency", "50ms", path=f"{tmp_path}:{os.environ['PATH']}") as process:
        assert process.ready is None
        process.wait(10)
        assert "this kernel has no netem" in process.stderr.read()
    assert_no_device_is_left(process.pid)
