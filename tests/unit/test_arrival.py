"""Whether sent bytes have arrived and were taken, on real connections."""

from __future__ import annotations

import queue
import socket
import sys
import threading

import pytest

from RbeeLibrary.clock.activity import Activity
from RbeeLibrary.net.arrival import has_arrived
from RbeeLibrary.net.counted_socket import CountedSocket
from RbeeLibrary.net.tcp_server import TcpServer
from RbeeLibrary.run.tcp_ports import listen

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's socket diagnosis is that of Linux")


@pytest.fixture
def connection():
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        server, _ = listener.accept()
        with server:
            yield client, server


def test_bytes_that_were_read_have_arrived_and_no_more(connection):
    client, server = connection
    client.sendall(b"x" * 1000)
    assert len(server.recv(4096)) == 1000
    own, peer = client.getsockname(), client.getpeername()
    assert has_arrived(1000, own, peer)
    assert not has_arrived(1001, own, peer), "the last byte is under way"
    assert not has_arrived(1, peer, own), "the other direction has its own count"


def test_other_end_that_does_not_read_is_not_waited_for(connection):
    client, _ = connection
    client.sendall(b"x" * 1000)
    assert has_arrived(2000, client.getsockname(), client.getpeername())


def test_other_end_that_is_gone_is_not_waited_for(connection):
    client, server = connection
    own, peer = client.getsockname(), client.getpeername()
    client.close()
    server.close()
    assert has_arrived(1000, own, peer)


def test_counted_socket_knows_whether_its_bytes_have_arrived():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = CountedSocket(Activity(), socket.AF_INET, socket.SOCK_STREAM, 0)
        one.connect(listener.getsockname())
        accepted, _ = listener.accept()
        with accepted:
            one.sendall(b"hello")
            assert accepted.recv(10) == b"hello"
            assert one.is_delivered()
            one._activity.wrote(one._link, 1)
            assert not one.is_delivered()
        one.close()
        assert one.is_delivered()


@pytest.fixture
def ends():
    """A plain client and the counted end of its server."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        accepted, address = listener.accept()
        with CountedSocket.adopt(Activity(), accepted, address[1]) as server:
            yield client, server


def test_bytes_are_unread_until_they_are_counted(ends):
    """The thread that has taken them may not have run since."""
    client, server = ends
    assert not server.has_unread()
    client.sendall(b"hello")
    assert server.has_unread()
    assert socket.socket.recv(server, 10) == b"hello"
    assert server.has_unread()
    server._activity.read(server._link, 5)
    assert not server.has_unread()


def test_end_is_unread_only_while_somebody_reads(ends):
    client, server = ends
    client.close()
    assert not server.has_unread()
    server._link.reading = True
    assert server.has_unread()
    assert server.recv_into(bytearray(1)) == 0
    assert not server.has_unread()


def test_connection_that_arrives_is_in_the_queue_or_at_work():
    activity, served, seen = Activity(), queue.Queue(), []

    class Port(socket.socket):
        def accept(self):
            seen.append((server.unread(), activity.at_work))
            return super().accept()

    with Port() as port:
        port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port.bind(("127.0.0.1", 0))
        port.listen()
        server = TcpServer(port, activity, served.put)
        server.start()
        with socket.create_connection(port.getsockname()):
            served.get(timeout=10).close()
        server.refuse()
    assert seen[0] == (True, 2), "the test itself is the other job"


def test_accepting_thread_is_woken_whatever_its_descriptor_is_by_then():
    """A port that is closed and opened at once may have got the number of the descriptor that the thread waits for; no event comes from there."""
    with listen("127.0.0.1", 0) as another:
        server = TcpServer(listen("127.0.0.1", 0), Activity(), lambda connection: None)
        waiting = threading.Thread(target=server._await_connection, args=(another,), daemon=True)
        waiting.start()
        server.refuse()
        waiting.join(10)
        assert not waiting.is_alive()
        server._listener.close()


def test_port_that_is_closed_and_opened_again_serves():
    served = queue.Queue()
    server = TcpServer(listen("127.0.0.1", 0), Activity(), served.put)
    port = server._listener.getsockname()[1]
    server.start()
    for _ in range(20):
        server.cut()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 5)
        server.accept()
        with socket.create_connection(("127.0.0.1", port), 5):
            served.get(timeout=10).close()
    server.refuse()
    server._listener.close()
