"""Options of the keeper's commands; the docstring of a class is the help of its command (contract 7.1, 7.2, 15)."""

from __future__ import annotations

import dataclasses

from .options import option
from .units import Duration


@dataclasses.dataclass(eq=False, repr=False)
class KeeperOptions:
    """Options of all commands."""

    queen_url: str = option("http://localhost:8080", "URL of the queen", "7.1", env=("RBEE_QUEEN_URL",), form="URL")
    api_key: str | None = option(None, "key, sent as Bearer KEY", "14", env=("RBEE_API_KEY", "LLORCH_API_TOKEN"), secret=True)
    journal: str | None = option(None, "journal file (JSON lines)", "18")
    request_timeout: Duration = option(Duration(10), "time limit of a short request", "15", low=0)
    retry: int = option(3, "number of connection attempts; pauses: 0, 200, 400 ms, then doubling", "7.2", low=1, high=20)
    connect_timeout: Duration = option(Duration(10), "time limit of a connection attempt", "15", low=0)


@dataclasses.dataclass(eq=False, repr=False)
class AddNodeOptions(KeeperOptions):
    """Registers a node at the queen, after a successful ssh probe."""

    name: str = option("", "name of the node", "7.1", required=True)
    ssh_host: str = option("", "host name of the node", "7.1", required=True)
    ssh_user: str = option("", "user name on the node", "7.1", required=True)
    git_repo: str = option("", "git repository of rbee", "7.1", required=True)
    install_path: str = option("", "installation folder on the node", "7.1", required=True)
    ssh_port: int = option(22, "ssh port", "7.1", low=1, high=65535)
    ssh_key: str | None = option(None, "private key file, which has to exist", "7.1")
    git_branch: str = option("main", "git branch", "7.1")
    request_timeout: Duration = option(Duration(60), "time limit of the request", "15", low=0)


@dataclasses.dataclass(eq=False, repr=False)
class ListNodesOptions(KeeperOptions):
    """Lists the registered nodes."""


@dataclasses.dataclass(eq=False, repr=False)
class RemoveNodeOptions(KeeperOptions):
    """Removes a node from the registry."""

    name: str = option("", "name of the node", "7.1", required=True)


@dataclasses.dataclass(eq=False, repr=False)
class InstallNodeOptions(KeeperOptions):
    """Installs rbee on a registered node over ssh."""

    node: str = option("", "name of the node", "7.1", required=True)
    install_timeout: Duration = option(Duration(1800), "time limit of the installation", "8.5", low=0)


@dataclasses.dataclass(eq=False, repr=False)
class InferOptions(KeeperOptions):
    """Runs an inference; tokens go to standard output, everything else to standard error."""

    node: str | None = option(None, "name of the node", "7.2")
    model: str = option("", "model reference, such as hf:ORG/REPO", "7.2", required=True)
    prompt: str = option("", "the prompt", "7.2", required=True)
    max_tokens: int = option(20, "number of tokens", "7.2", low=1, high=2048)
    temperature: float = option(0.7, "temperature", "7.2", low=0, high=2)
    backend: str | None = option(None, "backend, such as cuda", "7.2")
    device: int | None = option(None, "device number", "7.2", low=0)
    seed: int | None = option(None, "seed", "7.2")
    request_id: str | None = option(None, "request id; generated if not set", "7.2")
    direct: bool = option(False, "send requests to hive and worker directly; the queen is only asked for the URL of the hive", "3.2")
    hive_url: str | None = option(None, "URL of the hive; no queen is used", "3.2", form="URL")
    ephemeral: bool = option(False, "start a queen for this command and stop it afterwards", "7.5")
    ephemeral_hive: bool = option(False, "start a hive for this command and stop it afterwards; no queen is used", "7.5")
    queen_program: str | None = option(None, "program of the ephemeral queen; without it, fake-queen", "7.2")
    hive_program: str | None = option(None, "program of the ephemeral hive; without it, fake-hive", "7.2")
    partial_dir: str = option("/tmp", "folder for the partial output of broken streams", "7.4")
    timeout: Duration = option(Duration(300), "time limit from the first byte of the answer to its end", "15", low=0)
    answer_timeout: Duration = option(Duration(900), "time limit until the answer begins: hive start, download, loading", "15", low=0)
    stall_timeout: Duration = option(Duration(60), "silence after which a stream counts as stalled", "7.4", low=0)
    cancel_timeout: Duration = option(Duration(5), "time limit of the cancellation after Ctrl+C", "7.4", low=0)
    busy_delays: str = option("1s,2s,4s", "pauses before retries at a busy worker", "3.3", form="list of durations")
    hive_timeout: Duration = option(Duration(10), "time limit of list and health requests to a hive (direct)", "15", low=0)
    spawn_timeout: Duration = option(Duration(30), "time limit of a spawn request (direct)", "15", low=0)
    ready_poll: Duration = option(Duration(2), "interval of readiness polls of a worker (direct)", "15", low=0.001)
    ready_request_timeout: Duration = option(Duration(5), "time limit of a readiness poll (direct)", "15", low=0)
    ready_timeout: Duration = option(Duration(300), "time limit of a worker's loading (direct)", "15", low=0)
    start_timeout: Duration = option(Duration(60), "time limit of the start of an ephemeral queen or hive", "7.5", low=0)
    stop_timeout: Duration = option(Duration(40), "time from SIGTERM to SIGKILL for an ephemeral queen or hive", "7.5", low=0)


@dataclasses.dataclass(eq=False, repr=False)
class ListWorkersOptions(KeeperOptions):
    """Lists the workers that the queen knows."""


@dataclasses.dataclass(eq=False, repr=False)
class WorkersHealthOptions(KeeperOptions):
    """Shows whether the workers of a node are ready."""

    node: str | None = option(None, "name of the node; default: all", "7.1")


@dataclasses.dataclass(eq=False, repr=False)
class ShutdownWorkerOptions(KeeperOptions):
    """Shuts a worker down."""

    id: str = option("", "id of the worker", "7.1", required=True)


@dataclasses.dataclass(eq=False, repr=False)
class LogsOptions(KeeperOptions):
    """Shows the log of a node's hive."""

    node: str = option("", "name of the node", "7.1", required=True)
    follow: bool = option(False, "follow the log until Ctrl+C", "7.1")


@dataclasses.dataclass(eq=False, repr=False)
class InstallOptions:
    """Installs the programs and a config file on this machine."""

    system: bool = option(False, "install for all users, below /", "11")
    from_dir: str | None = option(None, "folder of the programs; without it, that of the running program", "11.1", flags=("--from",))
    root: str = option("", "prefix of all system paths", "11.1", env=("RBEE_ROOT",))


@dataclasses.dataclass(eq=False, repr=False)
class PoolOptions:
    """Runs a command of a node's hive over ssh."""

    host: str = option("", "host name of the node", "11.3", required=True)
    root: str = option("", "prefix of the system config path", "11.1", env=("RBEE_ROOT",))
