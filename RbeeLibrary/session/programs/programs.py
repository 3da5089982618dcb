"""The programs of a session under their names."""

from __future__ import annotations

import dataclasses
import time
from typing import Any
from urllib.parse import urlsplit

from ...errors import UsageError
from ...fleet.supervisor import Process
from ...net.http_client import Answer
from ...run.tcp_ports import http_url
from ..run import OWN_JOURNAL, Run
from ..types import Daemon

_PROBE_LIMIT = 2.0
_NEWS_LIMIT = 2.0


class Programs:
    """Finds daemons and processes by name, also those that a queen or hive has started by itself.

    Args:
        run: whose processes they are.

    Attributes:
        keys: name of a program -> its API key.
        old_keys: that programs had before; never shown either.
    """

    def __init__(self, run: Run):
        self._run = run
        self._daemons: dict[str, Daemon] = {}
        self.keys: dict[str, str] = {}
        self.old_keys: list[str] = []

    def add(self, daemon: Daemon) -> Daemon:
        """Registers a daemon under its name."""
        self._daemons[daemon.name] = daemon
        return daemon

    def check_free(self, name: str) -> None:
        """Raises UsageError if a living program has this name, or no program may have it."""
        if name == OWN_JOURNAL:
            raise UsageError(f"no program can be called {name!r}: it is the name under which the journal of the test is read")
        process = self.process_or_none(name)
        if process is not None and process.alive:
            raise UsageError(f"{name!r} is running already (pid {process.pid}): stop it first, or give the new one another name with name=")

    def find(self, name: str | Daemon) -> Daemon:
        """The daemon of this name.

        Raises:
            UsageError: there is none; the message lists the known ones.
        """
        wanted = str(name)
        supervisor = self._run.supervisor
        known = self._daemons.get(wanted)
        process = supervisor.find(wanted)
        if process is None and known is None and any(hive.alive for hive in supervisor.processes() if hive.role == "hive"):
            # A hive answers a spawn a moment before the news of its new process is here.
            supervisor.await_change(lambda: supervisor.find(wanted) is not None, time.monotonic() + _NEWS_LIMIT)
            process = supervisor.find(wanted)
        if process is not None and (known is None or known.pid != process.pid):
            return self.add(self._adopted(process, known))
        if known is None:
            names = ", ".join(self.names()) or "nothing: start something with Start Fleet"
            raise UsageError(f"there is no {wanted!r}, running is {names}")
        return known

    def look_at(self, name: str) -> Daemon:
        """The same, but a program that a queen or hive has started is not registered as one of the test's."""
        known, process = self._daemons.get(name), self._run.supervisor.find(name)
        return self.find(name) if process is None or (known is not None and known.pid == process.pid) else self._adopted(process, known)

    def names(self) -> list[str]:
        """Names of everything that runs or ran since the start of the scope."""
        return list(dict.fromkeys([*self._daemons, *(process.name for process in self._run.supervisor.processes())]))

    def process(self, name: str | Daemon) -> Process:
        """The newest process of a daemon, dead or alive.

        Raises:
            UsageError: there is no such daemon, or it has no process of this run.
        """
        found = self._run.supervisor.find(self.find(name).name)
        if found is None:
            raise UsageError(f"{str(name)!r} has no process of this run")
        return found

    def process_or_none(self, name: str) -> Process | None:
        """The newest process of a name, dead or alive."""
        return self._run.supervisor.find(name) if self._run.is_running else None

    def responsive(self, name: str) -> Process | None:
        """The process of a name if it is alive and not frozen."""
        process = self.process_or_none(name)
        return process if process is not None and process.alive and not process.frozen else None

    def owner_of(self, daemon: Daemon) -> Daemon | None:
        """The hive that started a worker."""
        return self._daemons.get(daemon.owner) if daemon.owner else None

    def all(self) -> list[Daemon]:
        """All known daemons."""
        return list(self._daemons.values())

    def is_real(self, name: str) -> bool:
        """Whether a name is that of a real program."""
        daemon = self._daemons.get(name)
        return daemon is not None and daemon.profile is not None

    def of_role(self, role: str) -> list[Daemon]:
        """All known daemons of a role."""
        return [daemon for daemon in self._daemons.values() if daemon.role == role]

    def forget(self, processes: list[Process]) -> None:
        """Unregisters processes that have ended."""
        pids = {process.pid for process in processes}
        self._run.supervisor.forget(processes)
        self._daemons = {name: daemon for name, daemon in self._daemons.items() if daemon.pid not in pids}

    def clear(self) -> None:
        """Forgets all daemons."""
        self._daemons.clear()

    def key_of(self, daemon: Daemon) -> str | None:
        """API key of a daemon; a worker has its hive's."""
        return self.keys.get(daemon.name) or (self.keys.get(daemon.owner) if daemon.owner else None)

    def set_key(self, name: str, key: str | None) -> None:
        """Remembers the API key of a program; the one that it had before stays a secret."""
        if (old := self.keys.get(name)) is not None and old != key:
            self.old_keys.append(old)
        if key:
            self.keys[name] = key
        else:
            self.keys.pop(name, None)

    def probe(self, daemon: Daemon, path: str, *, limit: float = _PROBE_LIMIT) -> Answer:
        """Sends a GET request to a daemon that is none of the test's: it does not appear in the journal of a real program.

        Raises:
            HttpFailure: there was no answer.
        """
        return self.ask(dataclasses.replace(daemon, url=daemon.direct or daemon.url), "GET", path, limit=limit)

    def ask(self, daemon: Daemon, method: str, path: str, body: Any = None, *, limit: float = _PROBE_LIMIT) -> Answer:
        """Sends one HTTP request to a daemon, with its key.

        Args:
            daemon: who is asked.
            method: of HTTP.
            path: of the route.
            body: sent as JSON; None sends `{}` where the method has a body.
            limit: seconds of real time.

        Raises:
            HttpFailure: there was no answer.
        """
        key = self.key_of(daemon)
        headers = {"Authorization": f"Bearer {key}"} if key else None
        return self._run.http.call(method, f"{daemon.url}{path}", body, limit=limit, headers=headers)

    def _adopted(self, process: Process, known: Daemon | None) -> Daemon:
        owner = next((other.name for other in self._run.supervisor.processes() if other.pid == process.ppid), None)
        port = process.port or (known.port if known else 0)
        beside = known or self._daemons.get(owner or "")  # a hive starts its workers on its own address
        host = urlsplit(beside.url).hostname if beside and beside.profile is None else None
        url = known.url if known and known.port == port else http_url(host or "127.0.0.1", port)
        if known is not None and known.profile is not None:
            return dataclasses.replace(known, pid=process.pid)
        return Daemon(process.name, process.role, url, port, process.pid, owner)
