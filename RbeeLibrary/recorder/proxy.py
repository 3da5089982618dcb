"""The two ways through the recorder: requests to the program, and requests of the program."""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar
from urllib.parse import urlsplit

from ..errors import HttpFailure
from ..net.counted_socket import CountedSocket
from ..net.http_client import HttpClient
from ..net.tcp_server import TcpServer, pieces, reset, reset_at_close
from .exchange import Incoming, Observed, Outgoing
from .faulty import ClientEnd, Faulty
from .http_parser import Data, Head, HttpParser, MessageEnd

_CONNECT_LIMIT = 10.0
_OLD_ANSWERS_LIMIT = 60.0
AnyExchange = TypeVar("AnyExchange", Incoming, Outgoing)


class Owner(Protocol):
    """The recorder, as far as its proxies use it."""

    client: HttpClient
    observed: Observed
    faulty: Faulty
    faulty_out: Faulty

    def spawn(self, job: Callable[..., object], *args: object, name: str) -> Joinable: ...  # noqa: D102

    def log(self, text: str) -> None: ...  # noqa: D102

    def await_program(self) -> None: ...  # noqa: D102

    def note_bound(self) -> None: ...  # noqa: D102


class Joinable(Protocol):
    """A job in the background."""

    def join(self, limit: float | None = None) -> bool: ...  # noqa: D102


class _Answers(Generic[AnyExchange]):
    """Passes the answers of one server on to one client, and shows them to the exchanges that they belong to.

    Args:
        server: the connection that they come from.
        client: the connection to which they go.
        faulty: changes those that a fault is armed for.
    """

    def __init__(self, server: CountedSocket, client: CountedSocket, faulty: Faulty):
        self.exchanges: deque[AnyExchange] = deque()
        self.client = ClientEnd(client)
        self.detached = False
        self.over = False
        self._server = server
        self._client = client
        self._faulty = faulty
        self._parser = HttpParser(of_responses=True, method=lambda: self.exchanges[0].method if self.exchanges else "")

    def pass_on(self) -> None:
        """Passes bytes on until the server ends the connection, or the client has left."""
        try:
            self._pass_all()
            if not self.detached:
                with contextlib.suppress(OSError):
                    self._client.shutdown(socket.SHUT_WR)
        except _ClientLeft:
            self.client.leave()
            reset(self._server)
        except OSError:
            if not self.detached:
                reset(self._client)
        finally:
            self.over = True
            for exchange in self.exchanges:
                exchange.break_off(gone=self.client.has_left)

    def _pass_all(self) -> None:
        ahead = 0  # bytes of the next part that have been sent already
        parts = self._parts()
        for data, batch in parts:
            changed = None
            for number, part in enumerate(batch):
                self._show(part)
                if isinstance(part, Head) and self.exchanges and self._faulty.concerns(self.exchanges[0], part):
                    changed = number
                    break
            if changed is None:
                self._send(data)
                ahead = self._parser.pending
                continue
            self._send(b"".join(part.raw for part in batch[:changed])[ahead:])
            if not self._change(batch, changed, parts):
                return
            ahead = 0

    def _change(self, batch: list[Head | Data | MessageEnd], at: int, following: Iterator[tuple[bytes, list[Head | Data | MessageEnd]]]) -> bool:
        """Lets the faults change the answer that begins in a batch; returns whether the connection goes on."""
        head, exchange = batch[at], self.exchanges[0]
        assert isinstance(head, Head)
        rest: list[Head | Data | MessageEnd] = []

        def until_end() -> Iterator[Data | MessageEnd]:
            waiting = batch[at + 1 :]
            while True:
                for number, part in enumerate(waiting):
                    self._show(part)
                    if not isinstance(part, Head):
                        yield part
                    if isinstance(part, MessageEnd):
                        rest.extend(waiting[number + 1 :])
                        return
                waiting = next(following, (b"", None))[1]  # type: ignore[assignment]
                if waiting is None:
                    return

        try:
            goes_on = self._faulty.answer(exchange, head, until_end(), self.client)
        except OSError as error:
            raise _ClientLeft from error
        for part in rest:
            self._show(part)
        if not goes_on:
            reset_at_close(self._client)
            reset(self._server)
            return False
        self._send(b"".join(part.raw for part in rest))
        return True

    def _send(self, data: bytes) -> None:
        try:
            if data:
                self._client.sendall(data)
        except OSError as error:
            raise _ClientLeft from error

    def _parts(self) -> Iterator[tuple[bytes, list[Head | Data | MessageEnd]]]:
        for data in pieces(self._server):
            yield data, list(self._parser.feed(data))
        if last := list(self._parser.close()):
            yield b"", last

    def _show(self, part: Head | Data | MessageEnd) -> None:
        if not self.exchanges:
            return
        if isinstance(part, Data):
            self.exchanges[0].answer_data(part.body)
        elif isinstance(part, MessageEnd):
            self.exchanges.popleft().answer_end()
        elif not part.is_interim:
            self.exchanges[0].answer(part)


class _ClientLeft(Exception):
    """The client takes nothing more."""


class IncomingProxy(TcpServer):
    """Stands on the port that everybody is told, and passes all bytes on to the program and back.

    Args:
        owner: the recorder.
        listener: on that port.
        target: host and port of the program.
    """

    def __init__(self, owner: Owner, listener: socket.socket, target: tuple[str, int]):
        super().__init__(listener, owner.observed.clock.activity, lambda client: owner.spawn(self._pass_on, client, name="incoming"))
        self._owner = owner
        self._target = target

    def _pass_on(self, client: CountedSocket) -> None:
        peer = client.getpeername()[1] if client.fileno() >= 0 else 0
        try:
            server = self._owner.client.connect(*self._target, _CONNECT_LIMIT)
        except (HttpFailure, OSError):
            reset_at_close(client)
            client.close()
            return
        self._owner.await_program()
        self._owner.note_bound()
        self.holds(client, server)
        answers: _Answers[Incoming] = _Answers(server, client, self._owner.faulty)
        back = self._owner.spawn(answers.pass_on, name="incoming-back")
        parser = HttpParser()
        try:
            for data in pieces(client):
                if not self._show(parser.feed(data), answers, peer):
                    reset_at_close(client)
                    reset(server)
                    break
                server.sendall(data)
            else:
                self._show(parser.close(), answers, peer)
                if answers.exchanges:
                    answers.client.leave()
                with contextlib.suppress(OSError):
                    server.shutdown(socket.SHUT_WR)
        except OSError:
            if not answers.over:
                answers.client.leave()
            reset(server)
        back.join()
        self.drops(client, server)

    def _show(self, parts: Iterator[Head | Data | MessageEnd], answers: _Answers[Incoming], peer: int) -> bool:
        """Shows parts of requests to their exchanges; returns whether they go on to the program."""
        for part in parts:
            if isinstance(part, Head):
                exchange = Incoming(self._owner.observed, part, peer)
                answers.exchanges.append(exchange)
                if not self._owner.faulty.request(exchange, answers.client):
                    return False
            elif answers.exchanges and isinstance(part, Data):
                answers.exchanges[-1].receive(part.body)
            elif answers.exchanges:
                answers.exchanges[-1].received()
        return True


class OutgoingProxy(TcpServer):
    """The HTTP proxy that the program is told to use; it maps fixed addresses to the programs of this run.

    Args:
        owner: the recorder.
        listener: of the proxy.
        route: returns where a request to `HOST:PORT` goes, or a text that says why it goes nowhere.
    """

    def __init__(self, owner: Owner, listener: socket.socket, route: Callable[[str, int], tuple[str, int] | str]):
        super().__init__(listener, owner.observed.clock.activity, lambda client: owner.spawn(self._pass_on, client, name="outgoing"))
        self._owner = owner
        self._route = route

    def _pass_on(self, program: CountedSocket) -> None:
        self._owner.await_program()
        self.holds(program)
        way = _WayOut(self, self._owner, program)
        parser = HttpParser()
        try:
            for data in pieces(program):
                if not way.send(parser.feed(data), self._route):
                    break
            way.program_ends()
        except OSError:
            way.program_left()
        way.close()
        self.drops(program)


class _WayOut:
    """One connection of the program to its proxy, and the connection to the server of its present request."""

    def __init__(self, proxy: OutgoingProxy, owner: Owner, program: CountedSocket):
        self._proxy = proxy
        self._owner = owner
        self._program = program
        self._target: tuple[str, int] | None = None
        self._server: CountedSocket | None = None
        self._answers: _Answers[Outgoing] | None = None
        self._back: Joinable | None = None

    def send(self, parts: Iterator[Head | Data | MessageEnd], route: Callable[[str, int], tuple[str, int] | str]) -> bool:
        """Passes parts of requests on; returns whether the connection goes on."""
        ready = b""
        for part in parts:
            if isinstance(part, Head):
                ready = self._flush(ready)
                if not self._begin(part, route):
                    return False
                ready = _in_origin_form(part)
                continue
            if self._answers is not None and self._answers.exchanges:
                exchange = self._answers.exchanges[-1]
                if isinstance(part, Data):
                    exchange.receive(part.body)
                else:
                    exchange.sent()
            ready += part.raw
        self._flush(ready)
        return True

    def _flush(self, ready: bytes) -> bytes:
        if ready and self._server is not None:
            self._server.sendall(ready)
        return b""

    def _begin(self, head: Head, route: Callable[[str, int], tuple[str, int] | str]) -> bool:
        url = urlsplit(head.first[1])
        target = route(url.hostname or "", url.port or 80) if url.scheme == "http" else f"{head.first[0]} {head.first[1]} is not plain HTTP"
        if isinstance(target, str):
            exchange = Outgoing(self._owner.observed, head, url.netloc or head.first[1])
            exchange.failed(target)
            self._refuse(target)
            return False
        exchange = Outgoing(self._owner.observed, head, f"{target[0]}:{target[1]}")
        if target != self._target or self._answers is None or self._answers.over:
            self.close()
            try:
                self._connect(target)
            except (HttpFailure, OSError) as error:
                exchange.failed(str(error))
                reset_at_close(self._program)  # nearest to what the program would see without a proxy
                return False
        assert self._server is not None and self._answers is not None
        exchange.port = self._server.getsockname()[1]
        self._answers.exchanges.append(exchange)
        return self._owner.faulty_out.request(exchange, self._answers.client)

    def _connect(self, target: tuple[str, int]) -> None:
        server = self._owner.client.connect(*target, _CONNECT_LIMIT)
        self._proxy.holds(server)
        self._server, self._target = server, target
        self._answers = _Answers(server, self._program, self._owner.faulty_out)
        self._back = self._owner.spawn(self._answers.pass_on, name="outgoing-back")

    def _refuse(self, why: str) -> None:
        self._owner.log(f"a request of the program goes nowhere: {why}")
        body = f"{why}\n".encode()
        head = b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
        with contextlib.suppress(OSError):
            self._program.sendall(head + body)

    def program_ends(self) -> None:
        """The program sends nothing more on this connection."""
        if self._server is not None:
            with contextlib.suppress(OSError):
                self._server.shutdown(socket.SHUT_WR)
            if self._back is not None:
                self._back.join()

    def program_left(self) -> None:
        """The program has cut the connection."""
        if self._answers is not None:
            self._answers.client.leave()
        if self._server is not None:
            reset(self._server)

    def close(self) -> None:
        """Ends the connection to the present server, after the answers that are under way."""
        if self._server is None or self._answers is None or self._back is None:
            return
        if not self._answers.client.has_left and not self._answers.exchanges:
            self._answers.detached = True
            self._server.cut()
        self._back.join(_OLD_ANSWERS_LIMIT)
        self._proxy.drops(self._server)
        self._server = self._answers = self._back = None


def _in_origin_form(head: Head) -> bytes:
    """The head with `/path` in its first line, as a server expects it, and not `http://host/path`, as a proxy does; the rest unchanged."""
    url = urlsplit(head.first[1])
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    return f"{head.first[0]} {path} {head.first[2]}".encode("latin-1") + head.raw[head.raw.index(b"\r\n") :]
