"""Which bytes are under way between the processes of a run, by what each of them says it has written and read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .activity import Link


@dataclass(eq=False, repr=False)
class Report:
    """What a process said of itself when it came to rest."""

    handled: int
    at_work: int
    timers: list[tuple[int, float, str]]
    links: list[ReportedLink]
    children: list[tuple[int, bool, dict[int, int], bool]]
    taken: dict[int, int]
    served: bool

    @classmethod
    def read(cls, said: dict[str, Any]) -> Report:
        """Reads a line of a member."""
        return cls(
            said["handled"],
            said["at_work"],
            [(timer[0], timer[1], timer[2]) for timer in said["timers"]],
            [ReportedLink(*link) for link in said["links"]],
            [(child[0], child[1], _numbers(child[2]), child[3]) for child in said["children"]],
            _numbers(said["taken"]),
            said["served"],
        )


class ReportedLink(Link):
    """One end of a connection in a report."""

    @property
    def key(self) -> tuple[int, int]:
        """What both ends have in common."""
        return self.client_port, self.server_port


def in_flight(reports: dict[str, Report], own: list[Link], ports: dict[int, list[bool]], gone: set[int]) -> str | None:
    """Says what has been written and not read, ended and not seen, or None.

    Args:
        reports: of all living processes that are not frozen, by name. What a frozen one has not read is not under way: it waits.
        own: the connections of the library's own clients.
        ports: port -> for every process that serves there, whether it is frozen.
        gone: ports of members that have ended.
    """
    served = {link.key: (name, link) for name, report in reports.items() for link in report.links if link.serves}
    for name, link in _client_links(reports, own):
        found = served.get((link.client_port, link.server_port))
        if found is not None:
            server, other = found
            if why := _between(link, other):
                return f"{why} between {name} and {server}"
        elif not link.ended and _has_to_come(link, ports, gone):
            return f"a connection of {name} to port {link.server_port} is not taken yet"
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
    return None  # what nobody reads is not under way: its reader waits for something else


def _has_to_come(link: Link, ports: dict[int, list[bool]], gone: set[int]) -> bool:
    owners = ports.get(link.server_port)
    if owners is not None:
        return not all(owners)
    return link.server_port in gone


def _numbers(said: dict[str, int]) -> dict[int, int]:
    return {int(number): value for number, value in said.items()}
