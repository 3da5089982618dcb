"""What the process of Robot Framework holds: connections, descriptors, jobs, children, programs."""

import os
import random
import time
from pathlib import Path

import psutil
from robot.libraries.BuiltIn import BuiltIn

KEYWORDS = (
    "A Hive",
    "A Worker",
    "A Fleet",
    "A Request",
    "A Request Without An Answer",
    "A Stream",
    "A Step Of The Clock",
    "A Wait",
    "A Keeper",
    "A Journal",
)
OURS = {"queen", "hive", "worker-1"}


class accounts:
    def __init__(self, seed):
        self._random = random.Random(int(seed))
        self._interruptions = 0

    def random_keyword(self):
        return self._random.choice(KEYWORDS)

    def random_limit(self):
        return f"{10 ** self._random.uniform(0.0, 2.7):.0f} ms"

    def count_interruption(self):
        self._interruptions += 1

    def interruptions_should_be_some(self):
        assert self._interruptions >= 10, self._interruptions

    def held_by_this_process(self):
        return self._once(lambda held: not held["links"] and held["at work"] == 1)

    def held_by_this_process_should_be(self, expected, keyword):
        held = self._once(lambda held: held == expected)
        assert held == expected, f"{keyword}: {held}, expected {expected}"

    def _once(self, settled):
        session = BuiltIn().get_library_instance("RbeeLibrary")._session
        session.inferences.abandon_all()
        deadline = time.monotonic() + 5
        while not settled(held := self._holdings(session)) and time.monotonic() < deadline:
            psutil.cpu_percent(0.01)
        return held

    def end_whole_programs(self):
        """Ends what was started to its end: an interruption may come just after a start. Half a start has to be gone by itself."""
        session = BuiltIn().get_library_instance("RbeeLibrary")._session
        for process in session.run.supervisor.alive():
            if process.name not in OURS and (process.ready is not None or session.programs.owner_of(session.programs.find(process.name)) is not None):
                session.stopper.force(process)

    def _holdings(self, session):
        session.run.coordinator._receive(0)  # it notices ended programs when it looks
        activity = session.run.coordinator._own
        with activity.mutex:
            links = sorted(link.key for link in activity._links.values() if not link.ended)
            resting, at_work = len(activity.resting), activity.at_work
        return {
            "links": links,
            "resting": resting,
            "at work": at_work,
            "descriptors": len(os.listdir("/proc/self/fd")),
            "processes": sorted(process.name for process in session.run.supervisor.alive()),
            "children": len(psutil.Process().children()),
            "locks": [session.run.supervisor._changed.acquire(timeout=1) and session.run.supervisor._changed.release()],
            "files": sorted(path.name for path in Path(session.run.supervisor.folder).iterdir() if path.name in ("run", "clock")),
        }
