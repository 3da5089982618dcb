"""The hives of a queen: finds them, starts them over ssh, and shuts them down at its end (contract 3.1, 8.3, 16)."""

from __future__ import annotations

import contextlib
import shlex
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ...clock.event import Event
from ...errors import HttpFailure, NotConnected
from ...protocol.error_codes import RbeeError
from ...protocol.forms import node_url
from ...protocol.program_options import QueenOptions
from ...run.tcp_ports import http_url
from ..runtime.service import Service
from .node_registry import NodeRegistry
from .node_setup import mock_ssh, remote_path
from .ssh_call import Ssh

EVERY_NODE = "*"
_SHUTDOWN_LIMIT = 5.0
_MOCK_URL = "http://127.0.0.1:9200"
_START_PAUSES = (0.1, 0.2, 0.4, 0.8)
_LAST_PAUSE = 1.0
_NOT_INSTALLED = (127, 1, 2)


@dataclass(frozen=True)
class _Owned:
    """A hive that was started over ssh."""

    node: dict[str, Any]
    pid: int


class HiveUrls:
    """URLs of hives from the options of a queen.

    Attributes:
        known: node -> URL of its hive, for nodes that need no registration.
        placed: node -> URL of its hive, once the node is registered.

    Raises:
        ValueError: `--hive-url` or `--node-url` is not NODE=URL.
    """

    def __init__(self, options: QueenOptions):
        self.known = dict(map(node_url, options.hive_url))
        self.placed = dict(map(node_url, options.node_url))


class Hives:
    """The hives of a queen: their URLs, those that have answered, and those that the queen has started.

    Args:
        queen: the queen.
        options: of the queen.
        urls: of hives, from the options.
        nodes: the registry of nodes.
        ssh: runs commands on nodes.
    """

    def __init__(self, queen: Service, options: QueenOptions, urls: HiveUrls, nodes: NodeRegistry, ssh: Ssh):
        self._queen = queen
        self._options = options
        self._urls = urls.known
        self._places = urls.placed
        self._nodes = nodes
        self._ssh = ssh
        self._answered: set[str] = set()
        self._owned: dict[str, _Owned] = {}
        self._lock = threading.Lock()
        self._starts: list[Event] = []
        self._ending = False

    def add(self, node: str, url: str) -> None:
        """Sets the URL of a node's hive; the node needs no row in the registry."""
        self._urls[node] = url.rstrip("/")

    def place(self, node: str, url: str) -> None:
        """Sets the URL of a node's hive that is used once the node is registered."""
        self._places[node] = url.rstrip("/")

    def knows(self, node: str) -> bool:
        """Whether the node has a URL or a row in the registry."""
        return node in self._urls or self._nodes.find(node) is not None

    def only_node(self) -> str:
        """The name of the only node, or an empty text if there are none or several."""
        nodes = {node for node in self._urls if node != EVERY_NODE} | {str(row["node_name"]) for row in self._nodes.all()}
        return nodes.pop() if len(nodes) == 1 else ""

    def url_of(self, node: str) -> str:
        """URL of a node's hive; raises NODE_NOT_FOUND."""
        row = self._nodes.find(node)
        url = self._urls.get(node) or (self._places.get(node) if row else None) or self._urls.get(EVERY_NODE)
        if url is not None:
            return url
        if row is None:
            raise self.unknown(node)
        return _MOCK_URL if mock_ssh() else http_url(str(row["ssh_host"]), self._options.hive_port)

    def unknown(self, node: str) -> RbeeError:
        """The error for a node that is not known."""
        return RbeeError("NODE_NOT_FOUND", f"node {node[:80]!r} is not in the registry; add it with: rbee-keeper setup add-node --name {node[:80]}")

    # --- starting (3.1, step 4) ---

    def reach(self, node: str) -> str:
        """URL of a node's hive; starts the hive over ssh if it refuses connections and the node is registered."""
        url = self.url_of(node)
        row = self._nodes.find(node)
        if row is None or mock_ssh():
            return url
        try:
            if not self._options.no_hive_start and not self._accepts(url, self._options.probe_timeout):
                self._start(row, url)
        except RbeeError as error:
            self._nodes.note_unreached(node, error.message)
            raise
        self._nodes.note_reached(node, int(self._queen.clock.wall()))
        return url

    def note_unreached(self, node: str, reason: str) -> None:
        """Records that the hive of a node did not answer."""
        self._nodes.note_unreached(node, reason)

    def _accepts(self, url: str, limit: float) -> bool:
        try:
            self._queen.client.connect(*_address(url), limit).close()
        except (NotConnected, OSError):
            return False
        return True

    def _start(self, row: dict[str, Any], url: str) -> None:
        node = str(row["node_name"])
        self._queen.log(f"the hive of {node} does not accept: starting it over ssh")
        with self._start_under_way(node):
            pid = self._run_start(row, url, node)
        with self._queen.clock.activity.birth(pid):
            self._await_start(node, url)

    @contextlib.contextmanager
    def _start_under_way(self, node: str) -> Iterator[None]:
        """The queen's end waits for the block."""
        started = Event()
        with self._lock:
            if self._ending:
                raise RbeeError("SHUTTING_DOWN", f"the queen is shutting down; the hive of {node} is not started")
            self._starts.append(started)
        try:
            yield
        finally:
            self._starts.remove(started)
            started.set()

    def _run_start(self, row: dict[str, Any], url: str, node: str) -> int:
        result = self._ssh.run(row, self._start_command(row, url.rpartition(":")[2]), self._key)
        if result.exit_code in _NOT_INSTALLED:
            last = result.stderr.strip().splitlines()[-1:] or ["command not found"]
            problem = last[0] if "command not found" in last[0] else f"command not found: {last[0]}"
            raise RbeeError("HIVE_NOT_INSTALLED", f"rbee-hive cannot be started on {node}: {problem}; install it with: rbee-keeper setup install --node {node}")
        if not result.ok:
            failure = result.failure()
            raise RbeeError(failure.code, f"{row['ssh_host']}: {failure.message}")
        pid = int(result.stdout.split()[-1]) if result.stdout.split() and result.stdout.split()[-1].isdigit() else 0
        self._owned[url] = _Owned(row, pid)
        self._queen.journal.record("process_started", node=node, child=pid, argv=["rbee-hive"])
        return pid

    @property
    def _key(self) -> str | None:
        """API key of the hives: they are started with it, and requests to them carry it."""
        return self._options.hive_api_key or self._options.api_key

    def _start_command(self, row: dict[str, Any], port: str) -> str:
        env = {"RBEE_QUEEN_URL": self._queen.url, "RBEE_NODE_NAME": str(row["node_name"])}
        key = "IFS= read -r RBEE_API_KEY; export RBEE_API_KEY; " if self._key else ""
        assignments = " ".join(f"{name}={shlex.quote(value)}" for name, value in env.items())
        return (
            f"{key}cd {remote_path(str(row['install_path']))} || exit 2; "
            "if [ -x ./rbee-hive ]; then hive=./rbee-hive; elif [ -x ./target/release/rbee-hive ]; then hive=./target/release/rbee-hive; "
            "else echo 'rbee-hive: command not found' >&2; exit 127; fi; mkdir -p ~/.rbee/logs; "
            f'{assignments} nohup "$hive" daemon --addr 127.0.0.1:{port} >> ~/.rbee/logs/rbee-hive.log 2>&1 < /dev/null & echo $!'
        )

    def _await_start(self, node: str, url: str) -> None:
        limit = self._options.hive_start_timeout
        if not self._accepts_within(url, limit, lambda: self._ending):
            raise RbeeError("CONNECTION_TIMEOUT", f"the hive of {node} was started, but does not accept at {url} within {limit}")

    def _accepts_within(self, url: str, limit: float, give_up: Callable[[], bool] = lambda: False) -> bool:
        clock, pauses = self._queen.clock, iter(_START_PAUSES)
        deadline = clock.now() + limit
        while clock.now() < deadline and not give_up():
            clock.pause(min(next(pauses, _LAST_PAUSE), deadline - clock.now()), "hive-start")
            if self._accepts(url, self._options.probe_timeout):
                return True
        return False

    # --- ending (16) ---

    def note_answer(self, url: str) -> None:
        """Remembers a hive that gets requests; it is shut down with the queen."""
        self._answered.add(url)

    def forget_answer(self, url: str) -> None:
        """Forgets a hive that did not answer."""
        self._answered.discard(url)

    def end_all(self) -> None:
        """Shuts down the hives that `--cascade` selects, in parallel; returns when they have ended or the limit is reached."""
        with self._lock:
            self._ending = True
        for started in list(self._starts):
            self._queen.clock.wait(started, self._queen.clock.now() + self._options.cascade_timeout, "starts")
        urls = {"all": self._answered | set(self._owned), "owned": set(self._owned), "none": set()}[self._options.cascade]
        for job in [self._queen.spawn(self._end, url, name="cascade") for url in sorted(urls)]:
            job.join()

    def _end(self, url: str) -> None:
        owned = self._owned.get(url)
        if owned is not None and not self._accepts(url, self._options.probe_timeout):
            self._accepts_within(url, _SHUTDOWN_LIMIT)  # it is still starting
        try:
            # This connection stays open: the hive closes it by ending.
            with self._queen.client.connect(*_address(url), _SHUTDOWN_LIMIT) as watch:
                self._queen.log(f"asking the hive at {url} to shut down")
                self._request_shutdown(url, owned)
                if self._queen.faults.find("hasty-end") is not None:
                    return
                with self._queen.clock.limit(self._options.cascade_timeout, watch.cut, "cascade") as timer:
                    watch.await_end()
                self._queen.log(f"the hive at {url} {'did not end in time' if timer.fired else 'has ended'}")
                if timer.fired and owned is not None and owned.pid:
                    self._ssh.run(owned.node, f"kill -KILL {owned.pid}")
        except NotConnected as error:
            self._queen.log(f"the hive at {url} does not accept: {error}")
            if owned is not None and owned.pid:
                with contextlib.suppress(RbeeError):
                    self._ssh.run(owned.node, f"kill -TERM {owned.pid}")
        except (OSError, HttpFailure, ValueError, RbeeError) as error:
            self._queen.log(f"the hive at {url} could not be shut down: {error}")

    def _request_shutdown(self, url: str, owned: _Owned | None) -> None:
        if owned is not None and owned.pid:
            self._ssh.run(owned.node, f"kill -TERM {owned.pid}")
            return
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else None
        self._queen.client.call("POST", f"{url}/v1/admin/shutdown", limit=_SHUTDOWN_LIMIT, headers=headers, timer="cascade-ask")


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 80
