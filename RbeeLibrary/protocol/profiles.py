"""What the real programs of rbee need: their words, environment, addresses and fields (contract 17)."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import CannotJudge, UsageError
from .options import to_argv

QUEEN_PORT, HIVE_PORT, HUB_PORT = 8080, 9200, 9300
ITSELF = "itself"
"""A role in `Profile.addresses`: workers of a real hive call it back at a fixed address, which is nobody's in a run."""


@dataclass(frozen=True)
class Profile:
    """One kind of real program.

    Args:
        name: for `profile=`; also the usual name of its file.
        role: queen, hive, worker or keeper.
        words: first words of its command line.
        flags: option of the keyword -> flag of the program, also for what the library gives it: `port`, `addr`, `worker_id`, `database`.
        needs: options of the keyword without which it does not start.
        switches: whether it takes every option of the keyword as `--name value`, like a fake.
        env: variables in its environment.
        health: path that answers once it serves.
        stop_signal: signal on which it ends gracefully.
        addresses: fixed port that it means -> role of the program of this run that gets these requests.
        fields: fields of a request for an inference that it needs, with their defaults.
        ids: fields that carry the id of such a request.
        has_catalog: whether it is a hive that starts workers for models in its catalog only.
        cannot: what it cannot do, as sentences for users.
    """

    name: str
    role: str
    words: tuple[str, ...] = ()
    flags: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    switches: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    health: str = "/health"
    stop_signal: int = signal.SIGTERM
    addresses: Mapping[int, str] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    ids: tuple[str, ...] = ("request_id",)
    has_catalog: bool = False
    cannot: tuple[str, ...] = ()

    def argv(self, given: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
        """The command line.

        Args:
            given: what the library gives it: `port`, `addr`, `worker_id`, `database`; what it has no flag for is left out.
            options: options of the keyword.

        Raises:
            CannotJudge: it has no word for one of these options.
        """
        unknown = [] if self.switches else [name for name, value in options.items() if value not in (None, [], False) and name not in self.flags]
        if unknown:
            known = ", ".join(self.flags) or "none"
            raise CannotJudge(
                f"{self.name} has no option for {', '.join(unknown)}: it takes {known}; another program needs another profile= ({names(self.role)})"
            )
        if self.switches:
            return [*self.words, *to_argv({"port": given["port"], **options})]
        values = {**given, **options}
        return [*self.words, *(word for name, flag in self.flags.items() if values.get(name) is not None for word in (flag, str(values[name])))]


_NARRATED = "its stream begins with narration events, and the tokens of one request may come only when a further request arrives"
PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "queen-rbee",
            "queen",
            flags={"port": "--port", "database": "--database", "config": "--config"},
            env={"MOCK_SSH": "1", "NO_COLOR": "1"},
            stop_signal=signal.SIGINT,
            addresses={HIVE_PORT: "hive", QUEEN_PORT: "hive"},
            fields={"max_tokens": 20, "temperature": 0.7},
            cannot=("it lists no workers", "it has no DELETE, progress, logs or install", "it passes no ids on"),
        ),
        Profile(
            "rbee-hive",
            "hive",
            words=("daemon",),
            flags={"addr": "--addr"},
            env={"NO_COLOR": "1", "RBEE_WORKER_HOST": "127.0.0.1"},
            health="/v1/health",
            stop_signal=signal.SIGINT,
            addresses={QUEEN_PORT: ITSELF, HUB_PORT: "hub"},
            has_catalog=True,
            cannot=("it has no logs and no shutdown request", "its list keeps workers that were killed"),
        ),
        Profile(
            "llm-worker-rbee",
            "worker",
            flags={"worker_id": "--worker-id", "model": "--model", "port": "--port", "callback_url": "--callback-url"},
            needs=("model",),
            addresses={HIVE_PORT: "hive", QUEEN_PORT: "queen"},
            fields={"max_tokens": 20},
            ids=("request_id", "job_id"),
            cannot=("it has no status, DELETE or shutdown", _NARRATED),
        ),
        Profile(
            "mock-worker",
            "worker",
            flags={"worker_id": "--worker-id", "port": "--port", "queen_url": "--queen-url"},
            health="/v1/health",
            stop_signal=signal.SIGINT,
            addresses={QUEEN_PORT: "queen"},
            cannot=("it has no status, DELETE or shutdown", "its answer is always five tokens"),
        ),
        Profile("rbee", "keeper", addresses={QUEEN_PORT: "queen", HIVE_PORT: "hive"}, cannot=("its queen is always http://localhost:8080",)),
        *(
            Profile(f"like-fake-{role}", role, switches=True, health="/v1/health" if role == "worker" else "/health", addresses={})
            for role in ("queen", "hive", "worker", "keeper")
        ),
    )
}
"""Name -> profile."""
_DEFAULTS = {"queen": "queen-rbee", "hive": "rbee-hive", "worker": "llm-worker-rbee", "keeper": "rbee"}
_FAKES = {"fake-queen", "fake-hive", "fake-worker", "fake-keeper"}


def names(role: str) -> str:
    """Names of the profiles of a role, for messages."""
    return ", ".join(profile.name for profile in PROFILES.values() if profile.role == role)


def profile_of(role: str, path: str, name: str | None = None) -> Profile:
    """The profile of a program.

    Args:
        role: queen, hive, worker or keeper.
        path: of the program; its file name decides if no name is given.
        name: of the profile.

    Raises:
        UsageError: there is no such profile for this role.
    """
    if name is not None:
        found = PROFILES.get(name)
        if found is None or found.role != role:
            raise UsageError(f"there is no profile {name!r} of a {role}, expected one of {names(role)}")
        return found
    file = path.rpartition("/")[2]
    if file in _FAKES:
        return PROFILES[f"like-{file}"]
    found = PROFILES.get(file)
    return found if found is not None and found.role == role else PROFILES[_DEFAULTS[role]]
