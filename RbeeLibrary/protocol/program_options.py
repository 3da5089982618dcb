"""Options of the daemons (contract 1.4, 4.1, 5.1, 6.1, 9.2, 15)."""

from __future__ import annotations

import dataclasses
import shlex
from typing import Any, Literal

from .options import DaemonOptions, OnOff, option, split_options, to_argv
from .units import MEBIBYTE, ByteSize, Duration

EventShape = Literal["plain", "indexed", "typed"]
DEFAULT_FILE = f"TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF/tinyllama-q4.gguf={5 * MEBIBYTE}b"
"""File of model M (contract 1.2), `ORG/REPO/NAME=SIZE`."""


@dataclasses.dataclass(eq=False, repr=False)
class WorkerOptions(DaemonOptions):
    """Options of the worker (contract 6.1)."""

    about = """Stands in for llm-worker-rbee: it loads a model in no time, streams the tokens of prepared answers, and calls back to its hive and queen.
It is a program of its own, so it can also be run without the library, for example to test a client.

examples:
  fake-worker --port 8001 --worker-id worker-1 --token-delay 100ms
  fake-worker --port 8001 --worker-id worker-1 --fault kill:after_tokens=3"""
    port: int = option(0, "TCP port; 0 = any free port", "6.1", flags=("-p",), low=0, high=65535, required=True)
    worker_id: str = option("", "worker id", "6.1", required=True)
    queen_url: str | None = option(None, "base URL of the queen; the ready callback goes to URL/v2/workers/ready", "6.4", form="URL")
    callback_url: str | None = option(None, "URL of a second ready callback, used unchanged; localhost:9999 is skipped", "6.4", form="URL")
    model: str | None = option(None, "model file (GGUF), of which the header is read; without it nothing is checked", "6.7")
    model_ref: str = option("mock-model", "model reference to report", "6.1")
    backend: str = option("cpu", "backend to report", "6.1")
    device: int = option(0, "device number to report", "6.1", low=0)
    slots: int = option(1, "number of concurrent requests", "6.1", low=1, high=1024)
    load_time: Duration = option(Duration(0), "duration of the loading phase; 0 = none", "6.6", low=0)
    layers: int = option(32, "number of layers of the model", "6.6", low=1)
    layer_step: int = option(12, "number of layers between two loading events", "6.6", low=1)
    first_token_delay: Duration = option(Duration(0), "time to the first token", "6.1", low=0)
    token_delay: Duration = option(Duration(0), "time between two tokens", "6.1", low=0)
    event_shape: EventShape = option("plain", "shape of the token events", "12")
    answer: str | None = option(None, "answer to every prompt, split into tokens before each blank", "6.1")
    answers: str | None = option(None, "JSON file with answers: prompt or regular expression -> text", "6.1")
    token_ids: str | None = option(None, "token ids to generate, such as 5,17,2,9; generation ends at the model's eos id", "6.1", form="list of numbers")
    callback_delay: Duration = option(Duration(0), "time from the first answer of the server to the ready callback", "15", low=0)
    callback_timeout: Duration = option(Duration(10), "time limit of a ready callback", "15", low=0)
    callback_delays: str = option("1s,2s,4s", "pauses before repeated ready callbacks", "15", form="list of durations")
    callback_required: bool = option(False, "exit with 1 when the last callback has failed", "6.4")
    send_buffer: ByteSize = option(
        ByteSize(0), "bytes of an answer that its client has not read and that the worker writes nevertheless; 0 = what system and server take", "6.5", low=0
    )
    drain: Duration = option(Duration(30), "time that running requests may take after SIGTERM", "6.8", low=0)
    heartbeat: Duration = option(Duration(0), "interval of heartbeats to the queen; 0 = off", "6.1", low=0)
    hive_heartbeat: Duration = option(Duration(0), "interval of heartbeats to the hive; 0 = off", "6.1", low=0)
    advertise_host: str = option("127.0.0.1", "host in the worker's own URL", "6.1", env=("RBEE_WORKER_HOST",))


@dataclasses.dataclass(eq=False, repr=False)
class HiveOptions(DaemonOptions):
    """Options of the hive (contract 5.1, 15)."""

    about = """Stands in for rbee-hive, the pool manager: it starts workers as its child processes, checks their health, and downloads models.
It is a program of its own, so it can also be run without the library, for example to test a queen.

examples:
  fake-hive daemon --port 9200 --queen-url http://127.0.0.1:8080
  fake-hive --port 9200 --provision off --fault delay:path=/v1/workers/list,delay=5s"""
    port: int = option(9200, "TCP port; 0 = any free port", "5.1", flags=("-p",), low=0, high=65535)
    addr: str | None = option(None, "bind address as HOST:PORT, instead of --host and --port", "5.1", form="HOST:PORT")
    queen_url: str | None = option(
        "http://127.0.0.1:8080", "URL of the queen that is notified about workers", "5.1", env=("RBEE_QUEEN_URL", "QUEEN_CALLBACK_URL"), form="URL"
    )
    node_name: str = option("", "node name, sent to the queen", "5.1", env=("RBEE_NODE_NAME",))
    worker_binary: str | None = option(None, "program of the workers; without it, the fake worker", "5.1")
    worker_args: Literal["fake", "real", "mock-worker"] = option(
        "fake", "form of the workers' command line: as fake ones take it, as the real llm-worker, or as the origin's mock-worker", "5.4"
    )
    worker_ports: str = option("8001-8099", "port range A-B of the workers; 0 = any free ports", "2", form="port range")
    workers_die_with_hive: OnOff = option("off", "whether workers end when the hive is killed", "5.1")
    slots: int | None = option(None, "slots of a worker, unless the spawn request sets them", "5.1", low=1, high=1024)
    backends: str = option("cpu,cuda", "backends of the node", "5.1")
    provision: OnOff = option("on", "whether models are provisioned; off: any model reference is accepted, without catalog and hub", "5.1")
    models_db: str = option("~/.rbee/models.db", "SQLite file of the model catalog", "10.2")
    models_dir: str = option("~/.local/share/rbee/models", "folder of the model files", "5.1", env=("RBEE_MODEL_BASE_DIR",))
    hub_url: str = option("http://127.0.0.1:9300", "URL of the model hub", "5.1", env=("HF_ENDPOINT",), form="URL")
    mirror: list[str] = option([], "URL of a hub that takes over when the first one fails, repeatable", "9.3", form="URL")
    hf_token: str | None = option(None, "bearer token for the hub", "5.1", env=("HF_TOKEN",), secret=True)
    ram: ByteSize | None = option(None, "free RAM; without it, as reported by the system", "5.5", low=0)
    vram: ByteSize | None = option(None, "free VRAM; without it, not checked", "5.5", low=0)
    disk: ByteSize | None = option(None, "free disk space; without it, as reported by the system for models-dir", "9.3", low=0)
    file_size_limit: ByteSize | None = option(None, "largest file size (RLIMIT_FSIZE), which simulates a full disk", "9.3", low=1)
    download_attempts: int = option(6, "number of download attempts", "9.3", low=1)
    download_delay: Duration = option(Duration(0.1), "pause before the second download attempt; doubles with each attempt", "9.3", low=0)
    stall_timeout: Duration = option(Duration(60), "silence of the hub after which a download attempt fails", "9.3", low=0)
    progress_step: ByteSize = option(ByteSize(MEBIBYTE), "bytes between two progress events of a download", "9.3", low=1)
    progress_keep: Duration = option(Duration(60), "time that the progress of an ended download is kept", "12", low=0)
    auth_health: OnOff = option("off", "whether health routes need the key as well", "14")
    restart_hung: int = option(0, "number of restarts of a worker that is alive but does not answer", "5.6", low=0)
    health_interval: Duration = option(Duration(30), "interval of health checks of a worker; 0 = off", "5.6", low=0)
    health_timeout: Duration = option(Duration(5), "time limit of a health check", "5.6", low=0)
    health_misses: int = option(3, "number of consecutive failed health checks that make a worker unhealthy", "5.6", low=1)
    idle_timeout: Duration = option(Duration(300), "idle time after which a worker is shut down; 0 = off", "5.6", low=0)
    idle_tick: Duration = option(Duration(1), "interval at which a worker past its idle time is checked again while it is not idle", "5.6", low=0.001)
    loading_limit: Duration = option(Duration(0), "time limit from the start of a worker to its ready callback; 0 = off", "5.6", low=0)
    spawn_settle: Duration = option(Duration(0.1), "time that a real worker has to live to count as started", "15", low=0, real_time=True)
    spawn_timeout: Duration = option(Duration(30), "time limit from the start of a worker until its port accepts", "2", low=0)
    list_probe_timeout: Duration = option(Duration(0.5), "time limit of a worker's state probe for the worker list", "5.3", low=0)
    notice_timeout: Duration = option(Duration(2), "time limit of a notice to the queen", "15", low=0)
    shutdown_ack: Duration = option(Duration(5), "time limit of the acknowledgement of a shutdown request", "16", low=0)
    term_grace: Duration = option(Duration(10), "time from SIGTERM to SIGKILL", "16", low=0)
    shutdown_drain: Duration = option(Duration(30), "time that a worker may take to end after it has acknowledged a shutdown request", "16", low=0)
    shutdown_total: Duration = option(Duration(30), "time limit of the whole shutdown", "16", low=0)


@dataclasses.dataclass(eq=False, repr=False)
class QueenOptions(DaemonOptions):
    """Options of the queen (contract 4.1, 15)."""

    about = """Stands in for queen-rbee, the orchestrator: it registers nodes and workers, finds or starts a worker for a task, and relays its tokens.
It is a program of its own, so it can also be run without the library, for example to test a keeper or a hive.

examples:
  fake-queen --port 8080 --hive-url workstation=http://127.0.0.1:9200
  fake-queen --port 8080 --fault status:path=/v2/tasks,status=503,times=1"""
    port: int = option(8080, "TCP port; 0 = any free port", "4.1", flags=("-p",), low=0, high=65535)
    config: str | None = option(None, "accepted and ignored", "4.1", flags=("-c",))
    database: str = option("~/.rbee/beehives.db", "SQLite file of the node registry", "10.1", flags=("-d",))
    hive_url: list[str] = option([], "hive of a node as NODE=URL, repeatable; *=URL for every node; these nodes need no registration", "4.1", form="NODE=URL")
    node_url: list[str] = option([], "hive of a registered node as NODE=URL, repeatable", "3.1", form="NODE=URL")
    hive_api_key: str | None = option(
        None, "key for hives and workers; without it, the caller's key is passed on", "4.1", env=("RBEE_HIVE_API_KEY",), secret=True
    )
    hive_port: int = option(9200, "port of hives started over ssh", "8.3", low=1, high=65535)
    no_hive_start: bool = option(False, "never start a hive over ssh", "4.1")
    node_conflict: Literal["upsert", "refuse"] = option("upsert", "effect of a second registration of a node", "4.1")
    ssh_program: str = option("ssh", "ssh program, a path or a name on PATH", "4.1")
    ssh_attempts: int = option(1, "number of ssh probes when a node is added", "4.1", low=1)
    ssh_connect_timeout: Duration = option(Duration(10), "ConnectTimeout of ssh", "8.1", low=1, real_time=True)
    ssh_host_key_checking: Literal["no", "accept-new", "yes"] = option("no", "StrictHostKeyChecking of ssh: `no` takes any host key, also a changed one", "8.1")
    ssh_timeout: Duration = option(Duration(15), "time limit of an ssh call", "8.4", low=0, real_time=True)
    install_timeout: Duration = option(Duration(1800), "time limit of an installation on a node", "8.5", low=0, real_time=True)
    probe_timeout: Duration = option(Duration(1), "time limit of the probe whether a hive is running", "3.1", low=0)
    hive_start_timeout: Duration = option(Duration(60), "time limit of a hive's start over ssh", "3.1", low=0)
    cascade: Literal["all", "owned", "none"] = option("all", "hives that end with the queen", "16")
    connect_timeout: Duration = option(Duration(10), "time limit of a connection attempt", "15", low=0)
    connect_delays: str = option("0,200ms,400ms", "pauses before the connection attempts", "15", form="list of durations")
    hive_timeout: Duration = option(Duration(10), "time limit of list and health requests to a hive", "15", low=0)
    spawn_timeout: Duration = option(Duration(30), "time limit of a spawn request", "15", low=0)
    ready_poll: Duration = option(Duration(2), "interval of readiness polls of a worker", "15", low=0.001)
    ready_request_timeout: Duration = option(Duration(5), "time limit of a readiness poll", "15", low=0)
    ready_timeout: Duration = option(Duration(300), "time limit of a worker's loading", "15", low=0)
    inference_timeout: Duration = option(Duration(300), "time limit of a relayed inference", "15", low=0)
    worker_shutdown_timeout: Duration = option(Duration(5), "time limit of a shutdown request to a worker", "15", low=0)
    health_timeout: Duration = option(Duration(2), "time limit of a worker's probe for workers/health", "4.2", low=0)
    heartbeat_timeout: Duration = option(Duration(120), "age at which a heartbeat is stale", "4.3", low=0)
    sweep_interval: Duration = option(Duration(30), "interval of sweeps for stale workers", "4.3", low=0.001)
    stale_busy_timeout: Duration = option(Duration(300), "time that a stale but busy worker stays listed", "4.3", low=0)
    progress_keep: Duration = option(Duration(60), "time that the progress of an ended task is kept", "4.2", low=0)
    task_wait: Duration = option(Duration(5), "time that a progress request waits for an unknown task", "4.2", low=0)
    cascade_timeout: Duration = option(Duration(35), "time that the queen waits for hives to end", "16", low=0)


@dataclasses.dataclass(eq=False, repr=False)
class HubOptions(DaemonOptions):
    """Options of the model hub (contract 9.2)."""

    about = """Stands in for the model hub: it serves the files of repositories, whole or in parts, to the clients of Hugging Face and to hives.
The files are GGUF headers with filler bytes, so they have checksums and sizes, but no weights.

examples:
  fake-hub --port 9300 --file TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF/tinyllama-q4.gguf=5MB --rate 1MB
  HF_ENDPOINT=http://127.0.0.1:9300 hf download TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF"""
    port: int = option(9300, "TCP port; 0 = any free port", "9.2", flags=("-p",), low=0, high=65535)
    file: list[str] = option([], f"file as ORG/REPO/NAME=SIZE, repeatable; without it, {DEFAULT_FILE}", "9.2", form="ORG/REPO/NAME=SIZE")
    gated: list[str] = option([], "gated repository as ORG/REPO, repeatable", "9.2", form="ORG/REPO")
    token: str | None = option(None, "token for gated repositories", "9.2", env=("RBEE_HUB_TOKEN",), secret=True)
    rate: ByteSize = option(ByteSize(0), "bytes per second of a file transfer; 0 = unlimited", "9.2", low=0)
    redirect: OnOff = option("off", "whether files are served by a redirect to another path", "9.2")
    quantization: Literal["Q4_K_M", "Q5_K_M", "Q8_0"] = option("Q4_K_M", "quantization in the header of the files", "6.7")
    vocab_size: int = option(32000, "vocabulary size in the header of the files", "6.7", low=0, high=2**32 - 1)
    eos_token_id: int = option(2, "end-of-sequence token id in the header of the files", "6.7", low=0, high=2**32 - 1)


@dataclasses.dataclass(eq=False, repr=False)
class RelayOptions(DaemonOptions):
    """Options of the relay (contract 19)."""

    about = """A TCP line between two programs: it passes all bytes on, unchanged, until the library cuts, stalls or slows it.
Give its address to the program that is to be cut off.

examples:
  fake-relay --port 8081 --to 127.0.0.1:8080"""
    to: str = option("", "target as HOST:PORT", "19", required=True, form="HOST:PORT")
    rate: ByteSize = option(ByteSize(0), "bytes per second in each direction; 0 = unlimited", "19", low=0)
    latency: Duration = option(Duration(0), "time that bytes are under way, in each direction", "19", low=0)
    loss: float = option(0.0, "share of packets that are lost and sent again, from 0 to 0.9", "19", low=0, high=0.9)
    seed: int = option(0, "seed of the draws for --loss", "19", low=0)
    kernel: bool = option(False, "packets really cross a network namespace, with tc netem for --latency and --loss, in real time; needs root on Linux", "19")


@dataclasses.dataclass(eq=False, repr=False)
class RecorderOptions(DaemonOptions):
    """Options of the recorder in front of a real program."""

    about = """Stands in front of a real program: it passes all bytes on, unchanged, in both directions, and writes the journal that the program does not write.
The library starts one for each real program; it says nothing without the library.

examples:
  Start Queen    program=/opt/rbee/bin/queen-rbee"""
    to: str = option("", "address of the program as HOST:PORT", "17", required=True, form="HOST:PORT")


def for_hive_and_workers(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Splits options into the hive's own, and the environment that carries the rest to its workers."""
    hive = split_options(options, HiveOptions)
    words = to_argv({name: value for name, value in options.items() if name not in hive and value is not None})
    return hive, {"RBEE_WORKER_ARGS": shlex.join(words)} if words else {}
