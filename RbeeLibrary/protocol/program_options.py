"""The programs' options, each declared once (contract 1.4, 4.1, 5.1, 6.1, 9.2, 15)."""

from __future__ import annotations

import dataclasses
from typing import Literal

from .options import DaemonOptions, OnOff, option
from .units import MEBIBYTE, ByteSize, Duration

EventShape = Literal["plain", "indexed", "typed"]
DEFAULT_FILE = f"TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF/tinyllama-q4.gguf={5 * MEBIBYTE}b"
"""The file of model M (contract 1.2)."""


@dataclasses.dataclass(eq=False, repr=False)
class WorkerOptions(DaemonOptions):
    """The worker's (contract 6.1)."""

    port: int = option(0, "TCP port; 0 lets the system pick", "6.1", flags=("-p",), low=0, high=65535, required=True)
    worker_id: str = option("", "id of the worker", "6.1", required=True)
    queen_url: str | None = option(None, "ready callback to URL/v2/workers/ready", "6.4")
    callback_url: str | None = option(None, "second ready callback, to exactly this URL; localhost:9999 is skipped", "6.4")
    model: str | None = option(None, "model file, a GGUF; its header is read; default: none, nothing is checked", "6.7")
    model_ref: str = option("mock-model", "model reference that it reports", "6.1")
    backend: str = option("cpu", "backend that it reports", "6.1")
    device: int = option(0, "device number that it reports", "6.1", low=0)
    slots: int = option(1, "requests at the same time", "6.1", low=1, high=1024)
    load_time: Duration = option(Duration(0), "length of the loading phase; 0 = none", "6.6", low=0)
    layers: int = option(32, "layers of the model", "6.6", low=1)
    layer_step: int = option(12, "layers between two loading events", "6.6", low=1)
    first_token_delay: Duration = option(Duration(0), "time to the first token", "6.1", low=0)
    token_delay: Duration = option(Duration(0), "time between two tokens", "6.1", low=0)
    event_shape: EventShape = option("plain", "shape of the token events", "12")
    answer: str | None = option(None, "text that it answers with, split before each blank", "6.1")
    answers: str | None = option(None, "JSON file: prompt or regular expression -> answer", "6.1")
    token_ids: str | None = option(None, "ids that the engine produces, such as 5,17,2,9; generation ends at the model's eos id", "6.1")
    callback_delay: Duration = option(Duration(0), "from the first answer of the server to the ready callback", "15", low=0)
    callback_timeout: Duration = option(Duration(10), "limit of one ready callback", "15", low=0)
    callback_delays: str = option("1s,2s,4s", "pauses before the repeated ready callbacks", "15")
    callback_required: bool = option(False, "exit 1 after the last failed callback", "6.4")
    drain: Duration = option(Duration(30), "how long running requests may go on after SIGTERM", "6.8", low=0)
    heartbeat: Duration = option(Duration(0), "interval of heartbeats to the queen; 0 = off", "6.1", low=0)
    hive_heartbeat: Duration = option(Duration(0), "interval of heartbeats to the hive; 0 = off", "6.1", low=0)
    advertise_host: str = option("127.0.0.1", "host in its own URL", "6.1", env=("RBEE_WORKER_HOST",))


@dataclasses.dataclass(eq=False, repr=False)
class HiveOptions(DaemonOptions):
    """The hive's (contract 5.1, 15)."""

    port: int = option(9200, "TCP port; 0 lets the system pick", "5.1", flags=("-p",), low=0, high=65535)
    addr: str | None = option(None, "HOST:PORT, instead of --host and --port", "5.1")
    queen_url: str | None = option("http://127.0.0.1:8080", "queen that is told about workers", "5.1", env=("RBEE_QUEEN_URL", "QUEEN_CALLBACK_URL"))
    node_name: str = option("", "name of the node, sent to the queen", "5.1", env=("RBEE_NODE_NAME",))
    worker_binary: str | None = option(None, "program of the workers; without it the fake worker", "5.1")
    worker_args: Literal["fake", "real"] = option("fake", "which argv a worker gets", "5.4")
    worker_ports: str = option("8001-8099", "A-B; 0 lets the system pick", "2")
    workers_die_with_hive: OnOff = option("off", "on: workers end with a killed hive", "5.1")
    slots: int | None = option(None, "slots of workers, where the request does not say", "5.1", low=1, high=1024)
    backends: str = option("cpu,cuda", "backends of the node", "5.1")
    provision: OnOff = option("on", "off: any model reference is taken, no catalog, no hub", "5.1")
    models_db: str = option("~/.rbee/models.db", "SQLite file of the model catalog", "10.2")
    models_dir: str = option("~/.local/share/rbee/models", "folder of the model files", "5.1", env=("RBEE_MODEL_BASE_DIR",))
    hub_url: str = option("http://127.0.0.1:9300", "model hub", "5.1", env=("HF_ENDPOINT",))
    hf_token: str | None = option(None, "sent to the hub as Bearer", "5.1", env=("HF_TOKEN",), secret=True)
    ram: ByteSize | None = option(None, "free RAM; default: what the system reports", "5.5", low=0)
    vram: ByteSize | None = option(None, "free VRAM; default: not checked", "5.5", low=0)
    disk: ByteSize | None = option(None, "free disk; default: what the system reports for models-dir", "9.3", low=0)
    file_size_limit: ByteSize | None = option(None, "no file grows beyond (RLIMIT_FSIZE): a disk that is full for real", "9.3", low=1)
    download_attempts: int = option(6, "attempts of a download", "9.3", low=1)
    download_delay: Duration = option(Duration(0.1), "pause before the second attempt of a download, doubling", "9.3", low=0)
    stall_timeout: Duration = option(Duration(60), "silence of the hub that breaks a download", "9.3", low=0)
    progress_step: ByteSize = option(ByteSize(MEBIBYTE), "bytes between two progress events of a download", "9.3", low=1)
    progress_keep: Duration = option(Duration(60), "how long the progress of an ended download is kept", "12", low=0)
    auth_health: OnOff = option("off", "key needed on health as well", "14")
    restart_hung: int = option(0, "restarts of a worker that lives but does not answer", "5.6", low=0)
    health_interval: Duration = option(Duration(30), "between two health checks of a worker; 0 = off", "5.6", low=0)
    health_timeout: Duration = option(Duration(5), "limit of one health check", "5.6", low=0)
    health_misses: int = option(3, "misses in a row that make a worker unhealthy", "5.6", low=1)
    idle_timeout: Duration = option(Duration(300), "idle time after which a worker is shut down; 0 = off", "5.6", low=0)
    idle_tick: Duration = option(Duration(1), "when a worker is looked at again that is over its time, but not idle", "5.6", low=0.001)
    loading_limit: Duration = option(Duration(0), "from start to ready callback; 0 = off", "5.6", low=0)
    spawn_settle: Duration = option(Duration(0.1), "how long a real worker has to live to count as started", "15", low=0, real_time=True)
    spawn_timeout: Duration = option(Duration(30), "from the start of a worker to its open port", "2", low=0)
    list_probe_timeout: Duration = option(Duration(0.5), "limit of the state probe of a list", "5.3", low=0)
    notice_timeout: Duration = option(Duration(2), "limit of what is relayed to the queen", "15", low=0)
    shutdown_ack: Duration = option(Duration(5), "wait for the acknowledgement of a shutdown request", "16", low=0)
    term_grace: Duration = option(Duration(10), "from SIGTERM to SIGKILL", "16", low=0)
    shutdown_drain: Duration = option(Duration(30), "how long an acknowledged worker may run on", "16", low=0)
    shutdown_total: Duration = option(Duration(30), "limit of the whole shutdown", "16", low=0)


@dataclasses.dataclass(eq=False, repr=False)
class QueenOptions(DaemonOptions):
    """The queen's (contract 4.1, 15)."""

    port: int = option(8080, "TCP port; 0 lets the system pick", "4.1", flags=("-p",), low=0, high=65535)
    config: str | None = option(None, "accepted, unused", "4.1", flags=("-c",))
    database: str = option("~/.rbee/beehives.db", "SQLite file of the node registry", "10.1", flags=("-d",))
    hive_url: list[str] = option([], "NODE=URL of a hive, repeatable; *=URL for every node; such a node needs no registration", "4.1")
    node_url: list[str] = option([], "NODE=URL of the hive of a node that has to be registered, repeatable", "3.1")
    hive_api_key: str | None = option(
        None, "sent to hives and workers; without it the caller's key is passed on", "4.1", env=("RBEE_HIVE_API_KEY",), secret=True
    )
    hive_port: int = option(9200, "port of a hive that is started over ssh", "8.3", low=1, high=65535)
    no_hive_start: bool = option(False, "never start a hive over ssh", "4.1")
    node_conflict: Literal["upsert", "refuse"] = option("upsert", "second registration of a node", "4.1")
    ssh_program: str = option("ssh", "ssh, a path or a name on PATH", "4.1")
    ssh_attempts: int = option(1, "attempts of the ssh probe when a node is added", "4.1", low=1)
    ssh_connect_timeout: Duration = option(Duration(10), "ConnectTimeout of ssh", "8.1", low=1, real_time=True)
    ssh_timeout: Duration = option(Duration(15), "hard limit of an ssh call", "8.4", low=0, real_time=True)
    install_timeout: Duration = option(Duration(1800), "limit of an installation on a node", "8.5", low=0, real_time=True)
    probe_timeout: Duration = option(Duration(1), "how long a hive may take to accept, before it is started", "3.1", low=0)
    hive_start_timeout: Duration = option(Duration(60), "limit of a hive's start over ssh", "3.1", low=0)
    cascade: Literal["all", "owned", "none"] = option("all", "which hives end with the queen", "16")
    connect_timeout: Duration = option(Duration(10), "limit of one connection attempt", "15", low=0)
    connect_delays: str = option("0,200ms,400ms", "pauses before the connection attempts", "15")
    hive_timeout: Duration = option(Duration(10), "limit of list and health of a hive", "15", low=0)
    spawn_timeout: Duration = option(Duration(30), "limit of a spawn request", "15", low=0)
    ready_poll: Duration = option(Duration(2), "between two looks whether a worker is ready", "15", low=0.001)
    ready_request_timeout: Duration = option(Duration(5), "limit of one look", "15", low=0)
    ready_timeout: Duration = option(Duration(300), "how long a worker may load", "15", low=0)
    inference_timeout: Duration = option(Duration(300), "limit of a relayed inference", "15", low=0)
    worker_shutdown_timeout: Duration = option(Duration(5), "limit of a shutdown request to a worker", "15", low=0)
    health_timeout: Duration = option(Duration(2), "limit of one look at a worker, for workers/health", "4.2", low=0)
    heartbeat_timeout: Duration = option(Duration(120), "age at which a heartbeat is stale", "4.3", low=0)
    sweep_interval: Duration = option(Duration(30), "between two sweeps for stale workers", "4.3", low=0.001)
    stale_busy_timeout: Duration = option(Duration(300), "how long a stale but busy worker stays listed", "4.3", low=0)
    progress_keep: Duration = option(Duration(60), "how long the progress of an ended task is kept", "4.2", low=0)
    task_wait: Duration = option(Duration(5), "how long progress waits for a task that is not known yet", "4.2", low=0)
    cascade_timeout: Duration = option(Duration(35), "how long the queen waits for hives to end", "16", low=0)


@dataclasses.dataclass(eq=False, repr=False)
class HubOptions(DaemonOptions):
    """The model hub's (contract 9.2)."""

    port: int = option(9300, "TCP port; 0 lets the system pick", "9.2", flags=("-p",), low=0, high=65535)
    file: list[str] = option([], f"ORG/REPO/NAME=SIZE, repeatable; default: {DEFAULT_FILE}", "9.2")
    gated: list[str] = option([], "ORG/REPO that needs the token, repeatable", "9.2")
    token: str | None = option(None, "token that opens gated repositories", "9.2", env=("RBEE_HUB_TOKEN",), secret=True)
    rate: ByteSize = option(ByteSize(0), "bytes per second of a file; 0 = as fast as it goes", "9.2", low=0)
    redirect: OnOff = option("off", "on: files are served from another path, by a redirect", "9.2")
    quantization: Literal["Q4_K_M", "Q5_K_M", "Q8_0"] = option("Q4_K_M", "in the header of its files", "6.7")
    vocab_size: int = option(32000, "in the header of its files", "6.7", low=0, high=2**32 - 1)
    eos_token_id: int = option(2, "in the header of its files", "6.7", low=0, high=2**32 - 1)


@dataclasses.dataclass(eq=False, repr=False)
class RelayOptions(DaemonOptions):
    """The relay's (contract 19)."""

    to: str = option("", "HOST:PORT that it leads to", "19", required=True)
    rate: ByteSize = option(ByteSize(0), "bytes per second in each direction; 0 = as fast as it goes", "19", low=0)
