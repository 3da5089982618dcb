"""The run behind a session: nursery, clock, artifact folders and the session's own journal."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..clock.clock import Clock
from ..clock.coordinator import Coordinator
from ..clock.rest_check import ProcessLook
from ..errors import NoRun
from ..fleet import kernel
from ..fleet.launch import of_descriptors
from ..fleet.supervisor import Supervisor
from ..journal.writer import Journal
from ..net.http_client import HttpClient
from ..protocol.keeper_options import InstallOptions, KeeperOptions
from ..protocol.program_options import HiveOptions, HubOptions, QueenOptions, RelayOptions, WorkerOptions
from ..run import environment
from .artifacts import ArtifactFolder, not_writable, private_folder

OWN_JOURNAL = "library"
_TIMERS = 4
PRELOAD = [f"RbeeLibrary.fakes.{module}" for module in ("queen", "hive", "worker", "hub", "relay", "keeper", "runtime.preload")]


class Run:
    """Starts the nursery on first use and keeps everything that lasts as long as the run.

    A *scene* is the suite or test that is running; each has its own folder for output and journals.

    Args:
        artifacts: returns the folder for the output of all programs.

    Attributes:
        http: client for the session's own requests; its limits are real time.
        scene_began: start of the present scene, monotonic nanoseconds.
        scene_clock: the same on the run's clock, in seconds.
        lost: why the session's own journal of this scene has gaps; None if it has none.
    """

    def __init__(self, artifacts: Callable[[], Path]):
        self.real_clock = Clock()
        self.http = HttpClient(self.real_clock, "RbeeLibrary")
        self.scene_began = time.monotonic_ns()
        self.scene_clock = 0.0
        self.lost: str | None = None
        self._artifacts = artifacts
        self._claimed: ArtifactFolder | None = None
        self._supervisor: Supervisor | None = None
        self._coordinator: Coordinator | None = None
        self._journal: Journal | None = None
        self._journal_folder = ""
        self._scene = ""
        self._scenes = 0

    # --- lifetime ---

    @property
    def is_running(self) -> bool:
        """Whether the nursery was started, by this process: a child that somebody forked has no run."""
        return self._supervisor is not None and self._supervisor.is_own

    @property
    def supervisor(self) -> Supervisor:
        """All processes of the run; starts the nursery on first use.

        Raises:
            NoRun: the nursery, or the folder that it needs, cannot be had.
        """
        if self._supervisor is None:
            if self._claimed is None:  # else a run that could not begin is tried again
                self._claimed = ArtifactFolder(self._artifacts())
            environment.reach_loopback_directly()
            self._supervisor = Supervisor(PRELOAD, str(self._claimed.path), program_environment())
            try:
                self._coordinator = Coordinator(self._supervisor.folder, self.real_clock.activity, _look, self._supervisor.signals_to, self.note)
            except OSError as error:
                self._supervisor.close()
                self._supervisor = None
                raise NoRun(f"the clock of the run cannot be made: {error}{of_descriptors(error)}") from None
        return self._supervisor

    @property
    def coordinator(self) -> Coordinator:
        """Moves the run's clock."""
        _ = self.supervisor
        assert self._coordinator is not None
        return self._coordinator

    def held_clock(self) -> str:
        """For messages about waits that failed: that the clock is held, and what it holds up; an empty text for a clock that goes."""
        if not self.is_running or self.coordinator.rate:
            return ""
        return f"; the clock is held, next timers: {', '.join(self.coordinator.upcoming(_TIMERS)) or 'none'}"

    @property
    def folder(self) -> Path:
        """Artifact folder of the run."""
        _ = self.supervisor
        assert self._claimed is not None
        return self._claimed.path

    def warm_up(self) -> None:
        """Starts the nursery without waiting for it. A failure is reported later, by the first keyword that needs the run."""
        with contextlib.suppress(NoRun):
            _ = self.supervisor

    def close(self) -> None:
        """Ends the run and every process in it."""
        if self._supervisor is not None:
            self.coordinator.close()
            self._supervisor.close()
            self._supervisor = None
        if self._claimed is not None:
            self._claimed.release()
            self._claimed = None

    # --- scenes ---

    def open_scene(self, name: str) -> None:
        """Begins a suite or test: output goes to a folder of its own from now on."""
        self._scenes += 1
        self.lost = None
        self.scene_began = time.monotonic_ns()
        self.scene_clock = self.coordinator.clock.now() if self.is_running else 0.0
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40]
        self._scene = f"{self._scenes:03d}-{slug}"

    def outputs(self) -> str:
        """Folder for the output and journals of what is started now.

        Raises:
            NoRun: nothing can be written there.
        """
        root = self.folder
        if not self._scene:  # the library was imported in the middle of a test, or there are no tests
            self.open_scene("run")
        folder = str(root / self._scene)
        if self._journal_folder != folder:
            self._journal_folder = ""
            try:
                os.makedirs(folder, mode=0o700, exist_ok=True)
                self._open_journal(folder)
            except OSError as error:
                raise not_writable(Path(folder), error) from None
            self._journal_folder = folder
        return folder

    def scratch(self, name: str) -> Path:
        """A folder for files that nobody looks at later, such as models; it is removed with its scene."""
        return private_folder(Path(self.supervisor.folder) / "scratch" / self._scene / name)

    def drop_scratch(self) -> None:
        """Removes the scratch folders of the present scene."""
        if self.is_running and self._scene:
            shutil.rmtree(Path(self.supervisor.folder) / "scratch" / self._scene, ignore_errors=True)

    # --- the session's own journal ---

    def note(self, record: str, **fields: Any) -> None:
        """Records what the session itself does: steps of the clock, signals."""
        self.outputs()
        assert self._journal is not None
        self._journal.record(record, **fields)

    def _open_journal(self, folder: str) -> None:
        # That there is room for this journal also shows that there is some for those of the programs.
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        path = os.path.join(folder, f"{OWN_JOURNAL}-{os.getpid()}.jsonl")
        self._journal = Journal(path, OWN_JOURNAL, self.coordinator.clock, alone=True, on_lost=self._lose)
        why, self.lost = self.lost, None
        if why is not None:
            raise OSError(why)

    def _lose(self, why: str) -> None:
        self.lost = self.lost or why


def program_environment() -> dict[str, str]:
    """The environment of the programs of a run: that of this process, without what would change their options."""
    programs = (QueenOptions, HiveOptions, WorkerOptions, HubOptions, RelayOptions, KeeperOptions, InstallOptions)
    options = {name for program in programs for field in dataclasses.fields(program) for name in field.metadata["env"]}
    words = {f"RBEE_{role}_ARGS" for role in ("QUEEN", "HIVE", "WORKER", "HUB", "RELAY", "KEEPER")}
    own = {environment.OUTPUTS, environment.JOURNALS, environment.RUN, *environment.OF_ONE_PROCESS}
    unwanted = options | words | own | {"MOCK_SSH", "RBEE_CONFIG", "FAKE_SSH_HOSTS", "FAKE_SSH_LOG"}
    return {name: value for name, value in os.environ.items() if name not in unwanted}


def _look(pid: int) -> ProcessLook:
    if kernel.stands_still(pid):
        return ProcessLook.frozen
    return ProcessLook.gone if kernel.start_mark(pid) is None else ProcessLook.alive
