"""Finds the bytes in flight between the processes of a run, from what each of them reports as written and read."""

from __future__ import annotations

from collections.abc import Iterator

from .activity import Link
from .report import Report


def in_flight(reports: dict[str, Report], own: list[Link], ports: dict[int, list[bool]], gone: set[int]) -> str | None:
    """Describes the first connection with unread bytes or an unseen end; None if there is none.

    Args:
        reports: of all living processes that are not frozen, by name. Bytes that a frozen process has not read are not in flight: they wait.
        own: connections of the library's own clients.
        ports: port -> for every process that serves there, whether it is frozen.
        gone: ports of members that have ended.
    """
    served = {link.key: (name, link) for name, report in reports.items() for link in report.links if link.serves}
    for name, client in _client_links(reports, own):
        found = served.get(client.key)
        if found is not None:
            server_name, server = found
            if why := _between(client, server):
                return f"{why} between {name} and {server_name}"
        elif not client.ended and _will_be_accepted(client, ports, gone):
            return f"a connection of {name} to port {client.server_port} is not taken yet"
    return None


def _client_links(reports: dict[str, Report], own: list[Link]) -> Iterator[tuple[str, Link]]:
    for name, report in reports.items():
        yield from ((name, link) for link in report.links if not link.serves)
    yield from (("this library", link) for link in own if not link.serves)


def _between(client: Link, server: Link) -> str | None:
    if client.ended:
        return None if server.ended or server.held else "the end of a connection is under way"
    if not server.ended and not server.held and client.sent > server.received:
        return "a request is under way"
    if client.reading and server.sent > client.received:
        return "an answer is under way"
    if client.reading and server.ended:
        return "the end of a connection is under way"
    return None  # bytes that no thread waits for are not in flight: the client waits for something else


def _will_be_accepted(link: Link, ports: dict[int, list[bool]], gone: set[int]) -> bool:
    frozen = ports.get(link.server_port)
    if frozen is not None:
        return not all(frozen)
    return link.server_port in gone
