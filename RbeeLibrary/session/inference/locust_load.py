"""Load by Locust: a program of the run, owned and named like the others."""

from __future__ import annotations

import importlib.util
import json
import signal
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ...fleet.launch import ProgramSpec
from ..types import Daemon, LoadStatistic

_FOLDER = Path(__file__).parents[2] / "load"
_TIMES = {
    LoadStatistic.median_first_token: ("first token", "median"),
    LoadStatistic.p95_first_token: ("first token", "p95"),
    LoadStatistic.max_first_token: ("first token", "max"),
    LoadStatistic.median_duration: ("inference", "median"),
    LoadStatistic.p95_duration: ("inference", "p95"),
    LoadStatistic.max_duration: ("inference", "max"),
}


@dataclass(frozen=True)
class LoadPlan:
    """What a load is like.

    Args:
        users: that submit at the same time.
        rate: inferences per second of all of them; 0 = as many as they can.
        max_tokens: of each inference.
        leave_share: share of the inferences whose client leaves in the middle.
        retries: whether they ask again after 1, 2 and 4 s where all slots are busy.
        shape: constant, steps or spikes.
        period: seconds of one step, or from spike to spike.
        node: of a queen's tasks.
    """

    users: int
    rate: float
    max_tokens: int
    leave_share: float
    retries: bool
    shape: str
    period: float
    node: str


class LocustLoad:
    """Files of one load.

    Args:
        name: of the program.
        folder: for its files.
    """

    def __init__(self, name: str, folder: Path):
        self.name = name
        self.report = folder / f"{name}.html"
        self.summary = folder / f"{name}.json"
        self.started = folder / f"{name}.started"
        self._csv = folder / name

    def __str__(self) -> str:
        return f"load {self.name}"

    def program(self, plan: LoadPlan, target: Daemon, key: str | None, files: dict[str, Any]) -> ProgramSpec:
        """The program to start.

        Args:
            plan: of the load.
            target: queen or worker that gets it.
            key: API key; it reaches the program through its environment.
            files: where it prints to.

        Raises:
            UsageError: Locust is not installed.
        """
        if importlib.util.find_spec("locust") is None:
            raise UsageError("Start Load needs Locust: pip install 'robotframework-rbeelibrary[load]'; Keep Submitting needs nothing more")
        shaped = plan.shape != "constant"
        words = {
            "-f": ",".join(str(_FOLDER / name) for name in ("locustfile.py", *(("shapes.py",) if shaped else ()))),
            "--host": target.url,
            "--csv": str(self._csv),
            "--html": str(self.report),
            "--stop-timeout": "30",
            "--exit-code-on-error": "0",
            "--rbee-rate": f"{plan.rate:g}",
            "--rbee-max-tokens": str(plan.max_tokens),
            "--rbee-leave-share": f"{plan.leave_share:g}",
            "--rbee-retries": str(int(plan.retries)),
            "--rbee-route": "/v2/tasks" if target.role == "queen" else "/v1/inference",
            "--rbee-node": plan.node,
            "--rbee-summary": str(self.summary),
            **(
                {"--rbee-shape": plan.shape, "--rbee-period": f"{plan.period:g}", "--rbee-users": str(plan.users)}
                if shaped
                else {"--users": str(plan.users), "--spawn-rate": str(plan.users)}
            ),
        }
        argv = [sys.executable, "-m", "locust", "--headless", "--only-summary", *(word for pair in words.items() for word in pair)]
        # SIGINT, because Locust leaves SIGTERM unhandled while it runs a shape.
        spec = ProgramSpec(self.name, command=argv, port=None, is_real=True, stop_signal=signal.SIGINT, **files)
        package = str(_FOLDER.parents[1])
        spec.env.update({"PYTHONPATH": package, **({"RBEE_API_KEY": key} if key else {})})
        return spec

    def read(self, wanted: LoadStatistic, code: str | None = None) -> float | timedelta:
        """A statistic of the load, once it is over.

        Args:
            wanted: which one; times are `timedelta`.
            code: counts only failures with this error code.

        Raises:
            UsageError: the load is not over.
        """
        if not self.summary.exists():
            raise UsageError(f"{self} still runs, or was killed: end it with Stop Load before reading its statistics")
        seen = json.loads(self.summary.read_text(encoding="utf-8"))
        if wanted in _TIMES:
            name, which = _TIMES[wanted]
            return timedelta(milliseconds=float(seen["times"][name][which] or 0))
        if wanted is LoadStatistic.failures:
            return sum(int(number) for failed, number in seen["failures"].items() if code in (None, failed))
        return 0 if wanted is LoadStatistic.running else int(seen[wanted.value])
