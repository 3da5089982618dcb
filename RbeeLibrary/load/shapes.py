"""Shapes of load over time, for Locust: `locust -f locustfile.py,shapes.py --rbee-shape steps`."""

from __future__ import annotations

from typing import Any

from locust import LoadTestShape, events

from RbeeLibrary.load.curve import users_at


@events.init_command_line_parser.add_listener
def add_shape_options(parser: Any) -> None:
    """Adds the options of shapes."""
    parser.add_argument("--rbee-shape", choices=("steps", "spikes"), default="steps", help="steps: five steps up to all users; spikes: all users now and then")
    parser.add_argument("--rbee-period", type=float, default=10.0, help="seconds of one step, or from spike to spike")
    parser.add_argument("--rbee-users", type=int, default=10, help="users at the top")


class RbeeShape(LoadTestShape):
    """How many users there are at each moment, until the load is stopped."""

    def tick(self) -> tuple[int, float]:
        """Users, and how many of them begin or end per second."""
        runner: Any = self.runner
        options, now = runner.environment.parsed_options, self.get_run_time()  # type: ignore[no-untyped-call]
        users = users_at(now, options.rbee_shape, options.rbee_period, options.rbee_users)
        return users, float(max(1, options.rbee_users))
