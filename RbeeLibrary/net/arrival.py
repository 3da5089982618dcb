"""What has arrived over a TCP connection, at this end or at the other, as the kernel knows it (Linux)."""

from __future__ import annotations

import socket
import struct

_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, _REQUEST, _INFO = 4, 20, 1, 2
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ASKED = struct.Struct("=BBBBI")  # family, protocol, extensions, -, states
_ANYWHERE = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)  # interface, cookie
_MESSAGE_SIZE = 72
_UNREAD_AT = 56  # in the message
_RECEIVED_AT = 128  # in `struct tcp_info`
_INFO_SIZE = 256
_OPEN = (1, 8)  # ESTABLISHED and CLOSE_WAIT: the other end may still read
_NOT_ENDED = (1, 4, 5)  # ESTABLISHED, FIN_WAIT1 and FIN_WAIT2: the other end may still send
_LIMIT = 1.0


def has_arrived(sent: int, own: tuple[str, int], peer: tuple[str, int]) -> bool:
    """Whether the other end of a connection on this machine has got what was sent; true if the kernel does not tell, or the other end does not read.

    Args:
        sent: bytes.
        own: IPv4 address of this end.
        peer: IPv4 address of the other end.
    """
    try:
        answer = _ask(own, peer)
    except (OSError, AttributeError):  # no such socket any more, or no such kernel
        return True
    received = _received(answer)
    if received is None:
        return True
    message = answer[_HEADER.size :]
    state, (unread,) = message[1], struct.unpack_from("=I", message, _UNREAD_AT)
    return received >= sent or unread > 0 or state not in _OPEN


def received_by(connection: socket.socket) -> tuple[int, bool]:
    """Bytes that this end of a connection has got in its life, and whether the other end has ended it, which counts as one more byte. They count as soon as
    they arrive, whether they are read or not.

    Raises:
        OSError: it is closed, or it is no TCP connection.
    """
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_SIZE)
    return int(struct.unpack_from("=Q", info, _RECEIVED_AT)[0]), info[0] not in _NOT_ENDED


def _ask(own: tuple[str, int], peer: tuple[str, int]) -> bytes:
    addresses = b"".join(socket.inet_aton(host).ljust(16, b"\0") for host in (peer[0], own[0]))
    body = _ASKED.pack(socket.AF_INET, socket.IPPROTO_TCP, 1 << (_INFO - 1), 0, 0xFFFFFFFF) + struct.pack("!HH", peer[1], own[1]) + addresses + _ANYWHERE
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG) as channel:
        channel.settimeout(_LIMIT)
        channel.send(_HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _REQUEST, 0, 0) + body)
        return channel.recv(4096)


def _received(answer: bytes) -> int | None:
    """Bytes that a socket has received in its life; None if the kernel has not found it."""
    length, kind = struct.unpack_from("=IH", answer)
    at = _HEADER.size + _MESSAGE_SIZE
    while kind == _SOCK_DIAG_BY_FAMILY and at + 4 <= length:
        size, attribute = struct.unpack_from("=HH", answer, at)
        if attribute == _INFO and size >= 4 + _RECEIVED_AT + 8:
            return int(struct.unpack_from("=Q", answer, at + 4 + _RECEIVED_AT)[0])
        at += max(4, (size + 3) & ~3)
    return None
