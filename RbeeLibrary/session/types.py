"""Argument and return types of the keywords."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ..faults.base import FaultSpec
from ..faults.registry import KINDS
from ..protocol.profiles import PROFILES, Profile
from ..protocol.schema.fields import ID_PATTERN


class State(Enum):
    """State of a program.

    Said by the program itself: starting, loading, idle, busy, draining, stale-but-busy. Queen and hive are idle when they answer health.
    Seen from outside: unreachable (alive, but does not answer), frozen (stopped by a signal), exited (ended by itself), killed (ended by a
    signal), running (alive; all that the process table can tell), unlisted (not in the list of the one who was asked).
    """

    starting = "starting"
    loading = "loading"
    idle = "idle"
    busy = "busy"
    draining = "draining"
    stale_but_busy = "stale-but-busy"
    unreachable = "unreachable"
    frozen = "frozen"
    exited = "exited"
    killed = "killed"
    running = "running"
    unlisted = "unlisted"


ENDED = (State.exited, State.killed)


class SeenBy(Enum):
    """Point of view: who is asked about a state.

    itself = the program; hive = the list of the hive that started it; queen = the queen's list of workers; process = the process table.
    """

    itself = "itself"
    hive = "hive"
    queen = "queen"
    process = "process"


class InferenceState(Enum):
    """State of an inference, as its client sees it.

    connecting = no answer yet; streaming = the answer has begun; done = the end marker came; refused = answered with an error, or no connection;
    cancelled = ended because the test cancelled it; stalled = silent for longer than its time-out; broken = ended without the end marker.
    """

    connecting = "connecting"
    streaming = "streaming"
    done = "done"
    refused = "refused"
    cancelled = "cancelled"
    stalled = "stalled"
    broken = "broken"


class Direction(Enum):
    """Which requests a fault acts on: incoming = those that the program receives; outgoing = those that a real program sends."""

    incoming = "incoming"
    outgoing = "outgoing"


class CancelBy(Enum):
    """How an inference is cancelled: delete = DELETE request; disconnect = the client closes its socket."""

    delete = "delete"
    disconnect = "disconnect"


class Statistic(Enum):
    """Which of the gaps between tokens."""

    min = "min"
    median = "median"
    p95 = "p95"
    max = "max"


class PortMode(Enum):
    """How an occupied port behaves.

    listen = accepts connections and says nothing; refuse = bound, but refuses connections; ignore = full backlog, connects hang.
    """

    listen = "listen"
    refuse = "refuse"
    ignore = "ignore"


class SshOutcome(Enum):
    """How ssh to a node ends. Contract 8.6.

    ok = the command is really run on this machine; timeout, refused, denied (key not accepted), bad-key (key with bad permissions), unresolved = ssh fails
    with exit code 255; missing = every command ends with 127, not found; host-key-changed = 255 unless any key is taken; hangs = after the login the command
    never ends; lost = the connection is lost in the middle of the command, 255.
    """

    ok = "ok"
    timeout = "timeout"
    refused = "refused"
    denied = "denied"
    bad_key = "bad-key"
    unresolved = "unresolved"
    missing = "missing"
    host_key_changed = "host-key-changed"
    hangs = "hangs"
    lost = "lost"


class SshServer(Enum):
    """What `ssh` meets: scripted = a program that behaves as told; real = OpenSSH's own client talks to an SSH server on loopback (extra `ssh`)."""

    scripted = "scripted"
    real = "real"


class LoadStatistic(Enum):
    """Statistic of a load. requests = all that were sent; done = complete answers; failures = refused, broken or stalled;
    running = not ended yet; retries = sent again where all slots were busy, by Locust only."""

    requests = "requests"
    done = "done"
    failures = "failures"
    running = "running"
    retries = "retries"
    tokens = "tokens"
    median_first_token = "median first token"
    p95_first_token = "p95 first token"
    max_first_token = "max first token"
    median_duration = "median duration"
    p95_duration = "p95 duration"
    max_duration = "max duration"


class Quantization(Enum):
    """Quantization in the header of a model file."""

    Q4_K_M = "Q4_K_M"
    Q5_K_M = "Q5_K_M"
    Q8_0 = "Q8_0"


class TokenTexts(Enum):
    """Which texts tokens have: those that a worker generates (contract 6.5), or any, such as those of `answer=` and `Set Answer`."""

    any = "any"
    generated = "generated"


class ServiceKind(Enum):
    """Which service of rbee something is."""

    queen = "queen"
    hive = "hive"
    worker = "worker"
    hub = "hub"


class AnswerProfile(Enum):
    """What an answer is compared with: the contract, or what the real programs of the origin's time answer (contract 17)."""

    contract = "contract"
    real = "real"


class OutputStream(Enum):
    """Which output of a program: stdout, stderr, or both (stdout first)."""

    both = "both"
    stdout = "stdout"
    stderr = "stderr"


class AutoStop(Enum):
    """When the library stops what was started: at the end of the test (or suite) that started it, of the suite, or never before the end of the run."""

    TEST = "TEST"
    SUITE = "SUITE"
    MANUAL = "MANUAL"


class OnLeak(Enum):
    """What a process that outlived its owner's graceful stop does to the test."""

    FAIL = "FAIL"
    WARN = "WARN"
    ignore = "IGNORE"


class TraceOf(Enum):
    """Which tests get a trace page."""

    FAILED = "FAILED"
    ALL = "ALL"
    NONE = "NONE"


class OnUnusedFault(Enum):
    """What a fault that was never hit does to the test."""

    WARN = "WARN"
    FAIL = "FAIL"
    IGNORE = "IGNORE"


class ProgramName(str):
    """Name of a program: letters, digits, `-` and `_`, up to 64 characters; a worker's is also its worker id."""

    @classmethod
    def convert(cls, text: str) -> ProgramName:
        """Checks a name, so that a misspelt option is not taken for one."""
        if not re.fullmatch(ID_PATTERN, str(text)):
            hint = f": there is no option {str(text).partition('=')[0]!r}" if "=" in str(text) else ""
            raise ValueError(f"expected letters, digits, '-' and '_'{hint}")
        return cls(text)


def recorder_of(name: str) -> str:
    """Name of the recorder before the real program of a name."""
    return f"{name}-recorder"


@dataclass(eq=False)
class Daemon:
    """A running program: `${w.url}`, `${w.port}`, `${w.pid}`, `${w.name}`, `${w.role}`.

    `${w.owner}` of a worker is the name of its hive, `${h.node}` of a hive its node. Of a real program, `url` and `port` are those of the recorder in
    front of it. `leads_to` is the `HOST:PORT` behind a relay.
    """

    name: str
    role: str
    url: str
    port: int
    pid: int
    owner: str | None = None
    node: str | None = None
    profile: Profile | None = field(default=None, repr=False)
    worker_id: str | None = field(default=None, repr=False)
    direct: str | None = field(default=None, repr=False)
    leads_to: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.name

    @property
    def recorder(self) -> str | None:
        """Name of the recorder in front of a real program; None for a fake."""
        return recorder_of(self.name) if self.profile is not None else None


@dataclass(eq=False)
class StartedFleet:
    """What `Start Fleet` started: `${fleet.queen}`, `${fleet.hives}`, `${fleet.workers}`."""

    queen: Daemon
    hives: list[Daemon] = field(default_factory=list)
    workers: list[Daemon] = field(default_factory=list)


@dataclass(eq=False)
class Node:
    """A machine that ssh reaches: what `setup add-node` needs to know of it, and where its files are.

    `${n.name}`, `${n.host}`, `${n.port}` of ssh, `${n.user}`, `${n.key}` (path), `${n.repository}`, `${n.branch}`, `${n.install_path}`, `${n.home}`,
    `${n.hive_url}` where its hive will be, `${n.hive}` under which name.
    """

    name: str
    host: str
    port: int
    user: str
    key: str
    repository: str
    branch: str
    install_path: str
    home: str
    hive_url: str
    hive: str

    def __str__(self) -> str:
        return self.name

    def flags(self) -> list[str]:
        """The flags of `setup add-node` and `setup update-node` for it."""
        flags = {
            "--name": self.name,
            "--ssh-host": self.host,
            "--ssh-port": str(self.port),
            "--ssh-user": self.user,
            "--ssh-key": self.key,
            "--git-repo": self.repository,
            "--install-path": self.install_path,
        }
        return [word for pair in flags.items() for word in pair]

    def registration(self) -> dict[str, object]:
        """The body of POST /v2/registry/beehives/add for it."""
        return {
            "node_name": self.name,
            "ssh_host": self.host,
            "ssh_port": self.port,
            "ssh_user": self.user,
            "ssh_key_path": self.key,
            "git_repo_url": self.repository,
            "git_branch": self.branch,
            "install_path": self.install_path,
        }


@dataclass
class KeeperResult:
    """What came of a keeper: `${r.rc}`, `${r.stdout}`, `${r.stderr}`."""

    rc: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Mark:
    """A moment, from `Mark Journal`."""

    ns: int


FaultKind = Enum("FaultKind", {name.replace("-", "_"): name for name in sorted(KINDS)})  # type: ignore[misc]
FaultKind.__doc__ = "Kinds of faults.\n\n" + "\n".join(f"- `{name.replace('-', ' ')}`: {kind.help}." for name, kind in sorted(KINDS.items()))


RealProfile = Enum("RealProfile", {name.replace("-", "_"): name for name in PROFILES})  # type: ignore[misc]
RealProfile.__doc__ = "Kinds of real programs.\n\n" + "\n".join(
    f"- `{name}`: a {profile.role}{': ' if profile.cannot else ''}{'; '.join(profile.cannot)}." for name, profile in PROFILES.items()
)


@dataclass(eq=False)
class ArmedFault:
    """A fault, from `Inject Fault`: `${f.name}` of the program, `${f.kind}`, `${f.id}`."""

    name: str
    kind: str
    id: str
    spec: FaultSpec = field(compare=False, repr=False)
    direction: Direction = Direction.incoming

    def __str__(self) -> str:
        return f"fault {self.kind} of {self.name}"

    def arguments(self) -> dict[str, Any]:
        """Arguments of `Inject Fault` besides program and kind that differ from their defaults."""
        plain = FaultSpec(self.kind)
        return {name: value for name, value in vars(self.spec).items() if name not in ("kind", "id") and value != getattr(plain, name)}
