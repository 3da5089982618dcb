"""The hives that a queen knows, and how they end with it (contract 3.1, 16)."""

from __future__ import annotations

from ..protocol.errors import RbeeError
from ..protocol.options import QueenOptions
from ..run.http import HttpFailure
from .service import Service

EVERY_NODE = "*"
_SHUTDOWN_LIMIT = 5.0


class Hives:
    """Node -> URL of its hive, and which hives have answered in this run.

    Raises:
        ValueError: `--hive-url` is not NODE=URL.
    """

    def __init__(self, queen: Service, options: QueenOptions):
        self._queen = queen
        self._options = options
        self._urls: dict[str, str] = {}
        self._answered: set[str] = set()
        for text in options.hive_url:
            node, equals, url = text.partition("=")
            if not node or not equals or not url.startswith("http"):
                raise ValueError(f"--hive-url {text}: expected NODE=URL, such as workstation=http://127.0.0.1:9200")
            self.add(node, url)

    def add(self, node: str, url: str) -> None:
        """Makes the hive of a node known."""
        self._urls[node] = url.rstrip("/")

    def knows(self, node: str) -> bool:
        """Whether the node itself is known."""
        return node in self._urls

    def only_node(self) -> str:
        """The node, if there is just one, else an empty text."""
        nodes = [node for node in self._urls if node != EVERY_NODE]
        return nodes[0] if len(nodes) == 1 else ""

    def url_of(self, node: str) -> str:
        """URL of a node's hive; raises NODE_NOT_FOUND."""
        url = self._urls.get(node) or self._urls.get(EVERY_NODE)
        if url is None:
            raise self.unknown(node)
        return url

    def unknown(self, node: str) -> RbeeError:
        """The error for a node that is not known."""
        return RbeeError("NODE_NOT_FOUND", f"node {node[:80]!r} is not in the registry; add it with: rbee-keeper setup add-node --name {node[:80]}")

    def note_answer(self, url: str) -> None:
        """Remembers a hive that was asked: it ends with the queen."""
        self._answered.add(url)

    def forget_answer(self, url: str) -> None:
        """It did not answer after all."""
        self._answered.discard(url)

    def end_all(self) -> None:
        """Ends all hives that answered in this run, in parallel; returns when they are gone or the limit is reached."""
        for job in [self._queen.spawn(self._end, url, name="cascade") for url in sorted(self._answered)]:
            job.join()

    def _end(self, url: str) -> None:
        host, _, port = url.rpartition("//")[2].rpartition(":")
        key = self._options.hive_api_key or self._options.api_key
        headers = {"Authorization": f"Bearer {key}"} if key else None
        try:
            # Kept open: the hive's end of it closes when the hive has ended.
            with self._queen.client.connect(host, int(port), _SHUTDOWN_LIMIT) as watch:
                self._queen.log(f"asking the hive at {url} to shut down")
                self._queen.client.call("POST", f"{url}/v1/admin/shutdown", limit=_SHUTDOWN_LIMIT, headers=headers, timer="cascade-ask")
                with self._queen.clock.limit(self._options.cascade_timeout, watch.cut, "cascade") as timer:
                    watch.await_end()
                self._queen.log(f"the hive at {url} {'did not end in time' if timer.fired else 'has ended'}")
        except (OSError, HttpFailure, ValueError) as error:
            self._queen.log(f"the hive at {url} could not be shut down: {error}")
