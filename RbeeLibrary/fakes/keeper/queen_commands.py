"""Commands of a keeper that are requests to the queen: nodes, workers and logs (contract 7.1, 7.3)."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from ...clock.event import Event
from ...errors import HttpFailure, NoAnswer
from ...net.http_client import Stream
from ...protocol import sse
from ...protocol.error_codes import RbeeError
from ...protocol.keeper_options import (
    AddNodeOptions,
    InstallNodeOptions,
    ListNodesOptions,
    ListWorkersOptions,
    LogsOptions,
    RemoveNodeOptions,
    ShutdownWorkerOptions,
    WorkersHealthOptions,
)
from ..rbee_client import Limits, RbeeClient, checked_object
from ..runtime.program import Program
from ..runtime.retry import doubling
from .console import Console
from .explanations import Failure, explain, host_of
from .infer import CONNECT_PAUSE, INTERRUPTED


class QueenCommand:
    """One command that sends requests to the queen.

    Args:
        keeper: the keeper.
        options: of the command.
        console: for all output.
        command: the method that runs the command.
    """

    def __init__(self, keeper: Program, options: Any, console: Console, command: Callable[..., int]):
        self._command = command
        self._keeper = keeper
        self._options = options
        self._console = console
        self._queen = options.queen_url.rstrip("/")
        self._cancelled = Event()
        self._stream: Stream | None = None
        limits = Limits(connect=options.connect_timeout, connect_pauses=doubling(options.retry, CONNECT_PAUSE))
        self._client = RbeeClient(keeper.client, self._in_background, keeper.clock, limits, {}, progress=console.progress, cancelled=self._cancelled)

    def run(self) -> int:
        """Runs the command; returns the exit code."""
        try:
            return self._command(self, self._options)
        except RbeeError as error:
            if self._cancelled.is_set():
                return INTERRUPTED
            first, *more = explain(Failure.of(error), getattr(self._options, "node", None) or "?", host_of(self._queen), host_of(self._queen))
            for line in more:
                self._console.report(line)
            self._console.error(f"Error: {first}")
            return 1

    def interrupt(self) -> int:
        """Handles Ctrl+C: cuts the stream that is being read; returns the exit code."""
        self._cancelled.set()
        if self._stream is not None:
            self._stream.cut()
        return INTERRUPTED

    def _in_background(self, job: Callable[..., object], *args: Any) -> None:
        self._keeper.spawn(job, *args, name="background")

    def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        return self._client.object(method, f"{self._queen}{path}", body, limit=self._options.request_timeout)

    # --- nodes ---

    def add_node(self, options: AddNodeOptions, *, update: bool = False) -> int:
        """`setup add-node`."""
        key = os.path.expanduser(options.ssh_key) if options.ssh_key else None
        if key is not None and not os.path.isfile(key):
            self._console.error(f"Error: ssh key {key} not found")
            return 1
        body = {
            "node_name": options.name,
            "ssh_host": options.ssh_host,
            "ssh_port": options.ssh_port,
            "ssh_user": options.ssh_user,
            "ssh_key_path": key,
            "git_repo_url": options.git_repo,
            "git_branch": options.git_branch,
            "install_path": os.path.expanduser(options.install_path),
            **({"update": True} if update else {}),
        }
        self._console.say(f"[queen-rbee] testing SSH connection to {options.ssh_host}")
        try:
            self._ask("POST", "/v2/registry/beehives/add", body)
        except RbeeError as error:
            return self._report_not_added(options, Failure.of(error), key)
        self._console.say(f"[queen-rbee] node '{options.name}' registered in registry")
        return 0

    def update_node(self, options: AddNodeOptions) -> int:
        """`setup update-node`."""
        return self.add_node(options, update=True)

    def _report_not_added(self, options: AddNodeOptions, failure: Failure, key: str | None) -> int:
        attempts = failure.details.get("attempts", 1)
        if isinstance(attempts, int) and attempts > 1:
            for number in range(1, attempts + 1):
                self._console.say(f"[queen-rbee] SSH connection to {options.ssh_host} failed, attempt {number}/{attempts}: {failure.message}")
        else:
            self._console.say(f"[queen-rbee] adding node '{options.name}' failed: {failure.message}")
        if failure.code == "SSH_AUTH_FAILED":
            self._console.say(f"  Hint: is the key allowed to be read by you alone? chmod 600 {key or '~/.ssh/id_ed25519'}")
        self._console.error(f"Error: node '{options.name}' is not registered: {failure.message}")
        return 1

    def list_nodes(self, options: ListNodesOptions) -> int:
        """`setup list-nodes`."""
        nodes = self._ask("GET", "/v2/registry/beehives/list").get("nodes")
        if not nodes:
            self._console.say("No nodes are registered. Add one: rbee-keeper setup add-node --help")
            return 0
        self._console.say("Registered nodes:")
        for node in sorted(nodes, key=lambda row: str(row.get("node_name"))):
            self._console.say(f"{node.get('node_name')} ({node.get('ssh_host')})")
            self._console.say(f"  Status: {node.get('status') or 'unknown'}")
            self._console.say(f"  Last connected: {_date(node.get('last_connected_unix'))}")
            self._console.say(f"  Install path: {node.get('install_path')}")
        return 0

    def remove_node(self, options: RemoveNodeOptions) -> int:
        """`setup remove-node`."""
        self._ask("POST", "/v2/registry/beehives/remove", {"node_name": options.name})
        self._console.say(f"[queen-rbee] node '{options.name}' removed from registry")
        return 0

    def install_node(self, options: InstallNodeOptions) -> int:
        """`setup install`."""
        stream = self._open("POST", "/v2/registry/beehives/install", {"node_name": options.node}, options.install_timeout)
        parser = sse.Parser()
        last: dict[str, Any] = {}
        try:
            for chunk in stream.chunks():
                for event in parser.feed(chunk):
                    payload = event.json() or {}
                    if event.is_done:
                        return 0 if last.get("stage") == "done" else self._report_not_installed(last)
                    last = payload
                    if payload.get("stage") in ("cloning", "building", "done"):
                        self._console.say(f"[queen-rbee] {options.node}: {payload['stage']}")
        except NoAnswer as error:
            raise RbeeError("HIVE_ERROR", f"the installation broke off: {error}") from error
        finally:
            stream.close()
        return self._report_not_installed(last)

    def _report_not_installed(self, last: dict[str, Any]) -> int:
        self._console.error(f"Error: the installation failed: {last.get('code', '')} {last.get('message', 'it ended early')}")
        return 1

    # --- workers ---

    def list_workers(self, options: ListWorkersOptions) -> int:
        """`workers list`."""
        workers = self._ask("GET", "/v2/workers/list").get("workers") or []
        if not workers:
            self._console.say("No workers are registered.")
        for row in workers:
            self._console.say("  ".join(str(row.get(name) or "-") for name in ("worker_id", "node", "state", "model_ref", "url")))
        return 0

    def workers_health(self, options: WorkersHealthOptions) -> int:
        """`workers health`."""
        query = f"?node={quote(options.node)}" if options.node else ""
        workers = self._ask("GET", f"/v2/workers/health{query}").get("workers") or []
        if not workers:
            self._console.say("No workers.")
        for row in workers:
            self._console.say(f"{row.get('worker_id')}  {row.get('state')}  {'ready' if row.get('ready') else 'not ready'}")
        return 0

    def shutdown_worker(self, options: ShutdownWorkerOptions) -> int:
        """`workers shutdown`."""
        self._ask("POST", "/v2/workers/shutdown", {"worker_id": options.id})
        self._console.say(f"worker {options.id}: shutdown requested, it is draining")
        return 0

    # --- logs ---

    def logs(self, options: LogsOptions) -> int:
        """`logs`."""
        path = f"/v2/logs?node={quote(options.node)}{'&follow=true' if options.follow else ''}"
        stream = self._open("GET", path, None, options.request_timeout)
        try:
            for chunk in stream.chunks():
                self._console.token(chunk.decode("utf-8", "replace"))
        except NoAnswer as error:
            if not self._cancelled.is_set():
                raise RbeeError("HIVE_ERROR", f"the log broke off: {error}") from error
        finally:
            stream.close()
        return 0

    def _open(self, method: str, path: str, body: Any, limit: float) -> Stream:
        try:
            stream = self._keeper.client.open(method, f"{self._queen}{path}", body, limit=limit, connect_limit=self._options.connect_timeout)
        except HttpFailure as error:
            raise RbeeError("CONNECTION_TIMEOUT", f"the queen at {host_of(self._queen)} did not answer: {error}") from error
        self._stream = stream
        if stream.status != 200:
            try:
                checked_object(stream.read_all(), path)
            except NoAnswer as error:
                raise RbeeError("HIVE_ERROR", f"the answer broke off: {error}") from error
            raise RbeeError("HIVE_ERROR", f"{path} was answered with {stream.status}")
        return stream


def _date(unix: Any) -> str:
    return datetime.fromtimestamp(unix, timezone.utc).strftime("%Y-%m-%d %H:%M:%S") if isinstance(unix, (int, float)) else "never"
