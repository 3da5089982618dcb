"""fake-sshd: a real SSH server on loopback, for OpenSSH's own client (needs the extra `ssh`)."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
from typing import Any

from ...errors import RunIsOver
from ...run import environment
from ...run.lifeline import hold_on, run_address


async def serve(listener: socket.socket, options: argparse.Namespace, ready: str | None) -> None:
    """Serves until SIGTERM: clients with an authorized key may run commands in the environment of the node.

    Args:
        listener: socket that listens already.
        options: of the command line.
        ready: descriptor that gets the ready line; None = none is written.
    """
    import asyncssh

    class NodeServer(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return True

    with open(options.env, encoding="utf-8") as file:
        env = {**os.environ, **json.load(file)}

    async def handle(process: Any) -> None:
        words = ["sh", "-c", process.command] if process.command else ["sh", "-s"]
        command = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=env,
            cwd=env.get("HOME", "/"),
        )
        await process.redirect(stdin=command.stdin, stdout=command.stdout, stderr=command.stderr, send_eof=False)
        code = await command.wait()
        await process.stdout.drain()
        process.exit(code if code >= 0 else 128 - code)

    server = await asyncssh.create_server(
        NodeServer,
        sock=listener,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        authorized_client_keys=options.authorized_keys,
        process_factory=handle,
        encoding=None,
    )
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
    if ready is not None:
        os.write(int(ready), json.dumps({"pid": os.getpid(), "port": listener.getsockname()[1]}).encode() + b"\n")
        os.close(int(ready))
    await ended.wait()
    server.close()


def main(argv: list[str] | None = None, listener: socket.socket | None = None) -> int:
    """The program `fake-sshd`."""
    parser = argparse.ArgumentParser(prog="fake-sshd", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1")
    parser.add_argument("--authorized-keys", required=True, help="file of the public keys that may enter")
    parser.add_argument("--env", required=True, help="JSON file: environment of the commands")
    options = parser.parse_args(argv)
    lifeline = None
    if (address := run_address()) is not None:
        try:
            lifeline = hold_on(address, os.environ.get(environment.NAME, "fake-sshd"), "sshd", options.port)
        except RunIsOver as error:
            print(error, file=sys.stderr)
            return 1
    ready = os.environ.pop(environment.READY_FD, None)  # describes this process, not its children
    held = os.environ.pop(environment.LISTEN_FD, None)
    if listener is None:
        listener = socket.socket(fileno=int(held)) if held else socket.create_server(("127.0.0.1", options.port))
    for name in (environment.FORKED, environment.NAME):
        os.environ.pop(name, None)
    asyncio.run(serve(listener, options, ready))
    del lifeline
    return 0


if __name__ == "__main__":
    sys.exit(main())
