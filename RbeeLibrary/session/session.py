"""What all groups of keywords work on: the processes of the run, under their names."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from robot.api import logger

from ..clock.clock import Clock
from ..clock.coordinator import Coordinator, ProcessLook
from ..faults.base import FaultSpec
from ..fleet import kernel
from ..fleet.launch import of_descriptors, private
from ..fleet.supervisor import NoRun, Process, Supervisor
from ..journal.writer import Journal
from ..keywords.settings import SettingsStack
from ..net.http_client import Answer, HttpClient
from .assertions import UsageError, Verifier
from .types import ArmedFault, Daemon

PRELOAD = [f"RbeeLibrary.fakes.{role}" for role in ("queen", "hive", "worker", "hub", "relay", "keeper", "runtime.preload")]
_PROBE_LIMIT = 2.0
_NEWS_LIMIT = 0.5
OWN_JOURNAL = "library"
_CLAIM = "robot.pid"
_SCENE = re.compile(r"\d{3,}-")


class PendingFaults:
    """The faults that the test has asked for: those of programs that do not run yet wait here."""

    def __init__(self) -> None:
        self.armed: list[ArmedFault] = []
        self._waiting: dict[str, list[str]] = {}
        self._numbers = itertools.count(1)

    def new_id(self) -> str:
        """An id that no other fault of the run has."""
        return f"fault-{next(self._numbers)}"

    def wait(self, name: str, spec: FaultSpec) -> None:
        """Keeps a fault for the next program of this name."""
        self._waiting.setdefault(name, []).append(str(spec))

    def waiting(self, name: str) -> list[str]:
        """The faults that wait for a name."""
        return list(self._waiting.get(name, []))

    def take_waiting(self, name: str) -> list[str]:
        """The faults for a program that is being started."""
        return self._waiting.pop(name, [])

    def forget_waiting(self, name: str | None) -> list[str]:
        """Drops what waits for one name, or for all; returns the names."""
        names = [key for key in self._waiting if name in (None, key)]
        for key in names:
            del self._waiting[key]
        return names


class Session:
    """The run: its supervisor, its daemons by name, where their output goes.

    Args:
        settings: how patient keywords are.
        artifacts: folder for the output of all programs.
    """

    def __init__(self, settings: SettingsStack, artifacts: Callable[[], Path]):
        self.settings = settings
        self.clock = Clock()
        self.http = HttpClient(self.clock, "RbeeLibrary")
        self.verify = Verifier(lambda: settings.now.within, lambda limit: self.supervisor.await_news(limit), logger.info)
        self._artifacts = artifacts
        self._folder = Path()
        self._supervisor: Supervisor | None = None
        self._coordinator: Coordinator | None = None
        self._steps: Journal | None = None
        self._steps_folder = ""
        self._daemons: dict[str, Daemon] = {}
        self._scene = ""
        self.scene_began = time.monotonic_ns()
        """When the present test or suite began."""
        self._scenes = 0
        self.lost: str | None = None
        """Why the library's own journal of this test has gaps."""
        self.known_keys: dict[str, str] = {}
        self.faults = PendingFaults()
        self.recipes: dict[int, dict[str, Any]] = {}
        """pid of a queen -> the arguments of the `Start Fleet` that started it."""
        self.stores: dict[str, str] = {}
        """Name of a queen or hive -> path of its SQLite file."""

    # --- the run ---

    @property
    def supervisor(self) -> Supervisor:
        """All processes; the nursery is started on first use, or by `warm_up`."""
        if self._supervisor is None:
            if self._folder == Path():  # else a run that could not begin is tried again
                self._folder = claim_folder(self._artifacts())
            self._supervisor = Supervisor(PRELOAD, str(self._folder))
            try:
                self._coordinator = Coordinator(self._supervisor.folder, self.clock.activity, _look, self._supervisor.signals_to, self.note)
            except OSError as error:
                self._supervisor.close()
                self._supervisor = None
                raise NoRun(f"the clock of the run cannot be made: {error}{of_descriptors(error)}") from None
        return self._supervisor

    @property
    def coordinator(self) -> Coordinator:
        """Whoever moves the run's clock."""
        _ = self.supervisor
        assert self._coordinator is not None
        return self._coordinator

    @contextlib.contextmanager
    def going_clock(self) -> Iterator[None]:
        """The run's clock does not stand still within the block: something has to end."""
        held = self.is_running and self.coordinator.rate == 0
        if held:
            self.coordinator.set_rate(1)
        try:
            yield
        finally:
            if held:
                self.coordinator.set_rate(0)

    def note(self, record: str, **fields: Any) -> None:
        """Records what the library itself does: steps of the clock, signals."""
        self.outputs()
        assert self._steps is not None
        self._steps.record(record, **fields)

    @property
    def folder(self) -> Path:
        """Where the artifacts of the run are."""
        return self._folder

    @property
    def is_running(self) -> bool:
        """Whether anything was ever started."""
        return self._supervisor is not None

    def warm_up(self) -> None:
        """Starts the nursery without waiting for it. What is in its way is told by the first keyword that needs it, where a test fails with it."""
        with contextlib.suppress(NoRun):
            _ = self.supervisor

    def close(self) -> None:
        """Ends everything."""
        if self._supervisor is not None:
            self.coordinator.close()
            self._supervisor.close()
            self._supervisor = None
        self._daemons.clear()

    def open_scene(self, name: str) -> None:
        """From now on output goes to a folder of its own."""
        self._scenes += 1
        self.lost = None
        self.scene_began = time.monotonic_ns()
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40]
        self._scene = f"{self._scenes:03d}-{slug}"

    def outputs(self) -> str:
        """Folder for the output of what is started now.

        Raises:
            NoRun: nothing can be written there.
        """
        _ = self.supervisor
        folder = str(self._folder / self._scene)
        if self._steps_folder != folder:
            self._steps_folder = ""
            try:
                os.makedirs(folder, mode=0o700, exist_ok=True)
                self._begin_steps(folder)
            except OSError as error:
                raise not_writable(Path(folder), error) from None
            self._steps_folder = folder
        return folder

    def _begin_steps(self, folder: str) -> None:
        """The library's own journal; that there is room for it also says that there is some for the programs."""
        if self._steps is not None:
            self._steps.close()
            self._steps = None
        self._steps = Journal(os.path.join(folder, f"{OWN_JOURNAL}-{os.getpid()}.jsonl"), OWN_JOURNAL, self.coordinator.clock, alone=True, on_lost=self._lose)
        why, self.lost = self.lost, None
        if why is not None:
            raise OSError(why)

    def _lose(self, why: str) -> None:
        self.lost = self.lost or why

    def scratch(self, name: str) -> Path:
        """A folder for what nobody looks at later, such as model files; it goes with its test, and with the run in any case."""
        return private_folder(Path(self.supervisor.folder) / "scratch" / self._scene / name)

    def drop_scratch(self) -> None:
        """Removes what the present test or suite has there."""
        if self.is_running and self._scene:
            shutil.rmtree(Path(self.supervisor.folder) / "scratch" / self._scene, ignore_errors=True)

    # --- names ---

    def add(self, daemon: Daemon) -> Daemon:
        """Makes a daemon known under its name."""
        self._daemons[daemon.name] = daemon
        return daemon

    def check_free(self, name: str) -> None:
        """Raises UsageError if a living program has this name."""
        process = self.process_or_none(name)
        if process is not None and process.alive:
            raise UsageError(f"{name!r} is running already (pid {process.pid}): stop it first, or give the new one another name with name=")

    def find(self, name: str | Daemon) -> Daemon:
        """The daemon of this name; also workers that a queen or hive started by itself.

        Raises:
            UsageError: there is none; the message lists the known ones.
        """
        wanted = str(name)
        known = self._daemons.get(wanted)
        process = self.supervisor.find(wanted)
        if process is None and known is None and any(hive.alive for hive in self.supervisor.processes() if hive.role == "hive"):
            # A hive answers a spawn a moment before the news of its new process is here.
            self.supervisor.await_change(lambda: self.supervisor.find(wanted) is not None, time.monotonic() + _NEWS_LIMIT)
            process = self.supervisor.find(wanted)
        if process is not None and (known is None or known.pid != process.pid):
            return self.add(self._adopted(process, known))
        if known is None:
            names = ", ".join(self.names()) or "nothing: start something with Start Fleet"
            raise UsageError(f"there is no {wanted!r}, running is {names}")
        return known

    def names(self) -> list[str]:
        """Names of everything that is or was there since the start of the scope."""
        return list(dict.fromkeys([*self._daemons, *(process.name for process in self.supervisor.processes())]))

    def process(self, name: str | Daemon) -> Process:
        """The process of a daemon."""
        found = self.supervisor.find(self.find(name).name)
        if found is None:
            raise UsageError(f"{str(name)!r} has no process of this run")
        return found

    def process_or_none(self, name: str) -> Process | None:
        """The newest process of a name, dead or alive."""
        return self.supervisor.find(name) if self.is_running else None

    def owner_of(self, daemon: Daemon) -> Daemon | None:
        """The hive that started a worker."""
        return self._daemons.get(daemon.owner) if daemon.owner else None

    def daemons(self, role: str) -> list[Daemon]:
        """All known daemons of a role."""
        return [daemon for daemon in self._daemons.values() if daemon.role == role]

    def forget(self, processes: list[Process]) -> None:
        """Strikes what has ended from the books."""
        pids = {process.pid for process in processes}
        self.supervisor.forget(processes)
        self._daemons = {name: daemon for name, daemon in self._daemons.items() if daemon.pid not in pids}

    def _adopted(self, process: Process, known: Daemon | None) -> Daemon:
        owner = next((other.name for other in self.supervisor.processes() if other.pid == process.ppid), None)
        port = process.port or (known.port if known else 0)
        return Daemon(process.name, process.role, f"http://127.0.0.1:{port}", port, process.pid, owner)

    # --- asking ---

    def ask(self, daemon: Daemon, method: str, path: str, body: Any = None, *, limit: float = _PROBE_LIMIT) -> Answer:
        """One HTTP exchange with a daemon, with its key."""
        key = self.known_keys.get(daemon.name) or (self.known_keys.get(daemon.owner) if daemon.owner else None)
        headers = {"Authorization": f"Bearer {key}"} if key else None
        return self.http.call(method, f"{daemon.url}{path}", body, limit=limit, headers=headers)


def _look(pid: int) -> ProcessLook:
    if kernel.stands_still(pid):
        return ProcessLook.frozen
    return ProcessLook.gone if kernel.start_mark(pid) is None else ProcessLook.alive


def claim_folder(wanted: Path) -> Path:
    """Makes a folder for this run and clears what an earlier run has left there, and nothing else.

    A second library of the same robot process gets a folder beside it.

    Raises:
        NoRun: nothing can be written there.
    """
    folder, number = wanted, 1
    try:
        while (folder / _CLAIM).exists() and (folder / _CLAIM).read_text() == str(os.getpid()):
            number += 1
            folder = wanted.with_name(f"{wanted.name}-{number}")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for old in folder.iterdir():
            if old.is_dir() and _SCENE.match(old.name):
                shutil.rmtree(old, ignore_errors=True)
        (folder / "nursery.log").unlink(missing_ok=True)
        write_private(folder / _CLAIM, str(os.getpid()))
    except OSError as error:
        raise not_writable(folder, error) from None
    return folder


def not_writable(folder: Path, error: Exception) -> NoRun:
    """What is wrong with the folder for the output of programs, and what to do."""
    return NoRun(
        f"{folder}, the folder for the output and journals of the programs, cannot be written to: {error}. "
        "Expected is a folder of yours with some room; give another output folder (robot -d), or another one for this (artifacts= of the import)"
    )


def private_folder(path: Path) -> Path:
    """Makes a folder, and those above it that are missing, for nobody but their owner."""
    for folder in (*reversed(path.parents), path):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
    return path


def write_private(path: Path, text: str) -> None:
    """Writes a file that nobody but its owner can read, not even for a moment."""
    with open(path, "w", encoding="utf-8", opener=private) as file:
        file.write(text)


def is_none(name: str | None) -> bool:
    """Whether an argument that takes names says `None`: to Robot Framework that is a name like any other."""
    return name is None or name.strip().lower() == "none"


def seconds(given: timedelta | None, default: float) -> float:
    """A time of a keyword, or its default."""
    return default if given is None else given.total_seconds()
