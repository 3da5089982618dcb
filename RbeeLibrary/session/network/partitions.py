"""Partitions of the network between the programs of a test."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import CannotJudge, ControlFailed, UsageError
from ...journal.reader import entries
from ...report.history import groups_of
from ...run import environment
from ...run.tcp_ports import address_of
from ..journals import Journals
from ..programs.programs import Programs
from ..run import Run
from ..types import Daemon


@dataclass(frozen=True)
class Partition:
    """Groups of programs; none of one can reach one of another.

    Args:
        groups: names of the programs.
        began: monotonic nanoseconds.
    """

    groups: tuple[tuple[str, ...], ...]
    began: int

    def __str__(self) -> str:
        return groups_of({"groups": self.groups})


class Partitions:
    """The partitions of the present test.

    The programs hold their own connections back, real ones by their recorders, so that it works on any machine and without rights.

    Args:
        run: tells the programs.
        programs: finds them.
        journals: what they recorded.
    """

    def __init__(self, run: Run, programs: Programs, journals: Journals):
        self._run = run
        self._programs = programs
        self._journals = journals
        self._present: list[Partition] = []
        self._ended: list[Partition] = []
        self._told: dict[tuple[str, int], list[str]] = {}

    def part(self, *groups: str) -> Partition:
        """Parts groups of programs; a hive stands for its workers too, also for those that it starts later.

        Args:
            groups: names with `,` or blanks between them, and `|` between groups.

        Raises:
            UsageError: there are less than two groups, a program is in two of them, does not run, or cannot be told.
        """
        named = [part.replace(",", " ").split() for group in groups for part in group.split("|")]
        partition = Partition(tuple(tuple(group) for group in named if group), time.monotonic_ns())
        if len(partition.groups) < 2:
            raise UsageError(f"expected two groups of programs or more, such as `hive-1 | queen`, not {str(partition) or 'nothing'!r}")
        seen: dict[str, int] = {}
        for number, group in enumerate(partition.groups):
            for daemon in self._members(group, partition):
                if seen.setdefault(daemon.name, number) != number:
                    raise UsageError(f"{daemon} is in two groups of {partition}")
        self._run.note("partition", groups=[list(group) for group in partition.groups])
        self._present.append(partition)
        if problems := self._tell():
            self._present.pop()
            self._tell(everyone=True)
            self._run.note("healed")
            raise UsageError("; ".join(problems))
        return partition

    def heal(self) -> list[Partition]:
        """Ends all partitions: what was held back arrives. Returns them.

        Raises:
            UsageError: a program could not be told; the others were.
        """
        healed, self._present = self._present, []
        self._ended += healed
        problems = self._tell(everyone=True) if healed or any(self._told.values()) else []
        if healed:
            self._run.note("healed")
        if problems:
            raise UsageError("; ".join(problems))
        return healed

    def follow(self) -> None:
        """Tells the programs where those are that were started since, and what has changed for those that were frozen then."""
        if self._present or self._ended or any(self._told.values()):
            self._tell(everyone=True)

    def environment(self, name: str) -> dict[str, str]:
        """Variables for a program that is to be started, or for the recorder in front of it."""
        daemon = next((daemon for daemon in self._programs.all() if name in (daemon.name, daemon.recorder)), None)
        addresses = self._unreachable(daemon) if daemon is not None else []
        return {environment.UNREACHABLE: ",".join(addresses)} if addresses else {}

    def end(self) -> list[Partition]:
        """Heals the network at the end of a test; returns the partitions that no connection met."""
        with contextlib.suppress(UsageError):  # a program that is frozen is told when it is resumed, if it lives on
            self.heal()
        ended, self._ended = self._ended, []
        return [one for one in ended if not self._was_felt(one)]

    def _was_felt(self, partition: Partition) -> bool:
        members = (daemon for group in partition.groups for daemon in self._members(group, partition, known=True))
        return any(self._has_held(daemon.name, partition.began) for daemon in members)

    def _has_held(self, name: str, since: int) -> bool:
        return any(entry.get("record") == "held_back" and entry["ns"] >= since for path in self._journals.paths(name) for entry in entries(path))

    def _members(self, group: tuple[str, ...], partition: Partition, *, known: bool = False) -> Iterator[Daemon]:
        """The programs of a group; those that a hive has started come with it, unless they are named themselves.

        Args:
            group: names.
            partition: to which it belongs.
            known: whether names that are forgotten by now are left out, instead of being an error.
        """
        living = [self._programs.look_at(name) for name in self._programs.names() if known or self._is_alive(name)]
        for name in group:
            if known and name not in self._programs.names():
                continue
            daemon = self._programs.look_at(name)
            if not known and not self._is_alive(name):
                raise UsageError(f"{name} is not running")
            if daemon.role == "relay":
                raise UsageError(f"{daemon} is a line between two programs: name the programs, or use Cut Line or Stall Line")
            yield daemon
            named = {one for others in partition.groups for one in others}
            yield from (worker for worker in living if worker.owner == daemon.name and worker.name not in named)

    def _is_alive(self, name: str) -> bool:
        process = self._programs.process_or_none(name)
        return process is not None and process.alive

    def _unreachable(self, daemon: Daemon) -> list[str]:
        """Addresses that a program cannot reach, those of lines to other groups included."""
        found: dict[str, None] = {}
        for partition in self._present:
            sides = [list(self._members(group, partition, known=True)) for group in partition.groups]
            if any(daemon.name == one.name for side in sides for one in side):
                others = [one for side in sides if all(daemon.name != own.name for own in side) for one in side]
                found.update(dict.fromkeys(address_of(url) for other in others for url in (other.url, other.direct) if url))
        lines = [line for line in self._programs.of_role("relay") if line.leads_to in found]
        found.update(dict.fromkeys(address_of(line.url) for line in lines))
        return list(found)

    def _tell(self, *, everyone: bool = False) -> list[str]:
        """Tells programs which addresses they cannot reach, if that has changed; returns why some could not be told.

        Args:
            everyone: whether also those are told that the session has told nothing: they may have it from the hive that started them.
        """
        problems = []
        living = {(name, (daemon := self._programs.look_at(name)).pid): daemon for name in filter(self._is_alive, self._programs.names())}
        self._told = {key: addresses for key, addresses in self._told.items() if key in living}
        for told, daemon in living.items():
            name, addresses = daemon.name, self._unreachable(daemon)
            if addresses == self._told.get(told, None if everyone else []):
                continue
            is_parted = bool(addresses or self._told.get(told))
            recorder = daemon.recorder if daemon.recorder and self._programs.process_or_none(daemon.recorder) is not None else None
            process = self._programs.responsive(recorder or name)
            if process is None and is_parted:
                problems.append(f"{name} is frozen, so its network cannot be changed: resume it first")
            if process is None:
                continue
            try:
                self._run.supervisor.control(process, {"op": "unreachable", "addresses": addresses})
                self._told[told] = addresses
            except (ControlFailed, CannotJudge) as error:
                if is_parted:
                    problems.append(f"the network of {name} cannot be changed: {error}")
        return problems
