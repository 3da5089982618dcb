"""The group Keeper: the command line of rbee, run to its end or interrupted."""

import shlex
import time
from dataclasses import dataclass
from datetime import timedelta
from html import escape
from pathlib import Path

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ..fleet.launch import ProgramSpec
from ..fleet.supervisor import ending
from ..protocol.keeper_options import KeeperOptions
from ..protocol.options import take_secrets
from ..session.assertions import UsageError
from ..session.launcher import Launcher, read_output
from ..session.session import Session, seconds
from ..session.stopper import Stopper
from ..session.types import Daemon, ProgramName

_RUN_LIMIT = 30.0
_SHOWN = 4000


@dataclass
class KeeperResult:
    """What came of a keeper: `${r.rc}`, `${r.stdout}`, `${r.stderr}`."""

    rc: int
    stdout: str
    stderr: str


class KeeperKeywords:
    """The group Keeper."""

    def __init__(self, context: Session, launcher: Launcher, endings: Stopper):
        self._context = context
        self._launcher = launcher
        self._endings = endings

    @keyword
    def run_keeper(
        self,
        *arguments: str,
        api_key: str | Secret | None = None,
        env: dict[str, str] | None = None,
        timeout: timedelta | None = None,
        program: str | None = None,
    ) -> KeeperResult:
        """Runs the keeper to its end, as a user types it. Contract 7.

        Its HOME is a folder of the test, its `ssh` that of the test's nodes, its queen the one called `queen` unless `--queen-url` says another. A keeper
        that waits for a clock that is held does not end: use `Start Keeper` and `Advance Time` then.

        Args:
            arguments: Words of the command line, such as `setup    list-nodes`.
            api_key: Key in its environment, as text or Secret.
            env: Further environment variables.
            timeout: Limit in real time; default 30 s.
            program: Path of a real keeper instead of the fake one.

        Returns:
            The result with `rc`, `stdout`, `stderr`.

        Raises:
            AssertionError: it did not end in time; it has got SIGKILL.
        """
        before = [len(read_output(self._context, "keeper", (kind,))) for kind in ("stdout", "stderr")]
        self.start_keeper(*arguments, api_key=api_key, env=env, program=program)
        process = self._context.process("keeper")
        limit = seconds(timeout, _RUN_LIMIT)
        code = self._endings.await_code(process, limit)
        out, err = (read_output(self._context, "keeper", (kind,))[size:] for kind, size in zip(("stdout", "stderr"), before, strict=True))
        if code is None:
            self._endings.force(process)
            raise AssertionError(f"the keeper did not end within {limit:g} s and got SIGKILL; its last lines:\n{self._launcher.last_lines(process)}")
        shown = f"<pre>{escape(out[-_SHOWN:])}</pre><pre>{escape(err[-_SHOWN:])}</pre>"
        words, _ = take_secrets(list(arguments), KeeperOptions)
        logger.info(f"rbee-keeper {escape(shlex.join(words))}: {ending(code)}{shown}", html=True)
        return KeeperResult(code, out, err)

    @keyword
    def start_keeper(
        self,
        *arguments: str,
        name: ProgramName = "keeper",  # type: ignore[assignment]
        api_key: str | Secret | None = None,
        env: dict[str, str] | None = None,
        timeout: timedelta | None = None,
        program: str | None = None,
    ) -> Daemon:
        """Starts the keeper and does not wait for its end: read `Get Exit Code` and `Get Output`, or end it with `Interrupt`. Contract 7.

        Args:
            arguments: Words of the command line, such as `infer    --node    workstation ...`.
            name: Name for other keywords.
            api_key: Key in its environment, as text or Secret.
            env: Further environment variables.
            timeout: Limit of its start in real time; the default is the library's.
            program: Path of a real keeper instead of the fake one.

        Returns:
            The keeper with `pid`, `name`, `role`.
        """
        if not arguments:
            raise UsageError("the keeper needs a command, such as: Run Keeper    workers    list")
        deadline = time.monotonic() + seconds(timeout, self._context.settings.now.timeout)
        outputs = Path(self._context.outputs())
        home = outputs / f"{name}-home"
        home.mkdir(mode=0o700, exist_ok=True)
        out, err = (str(outputs / f"{name}.{kind}") for kind in ("stdout", "stderr"))
        environment = {
            "HOME": str(home),
            "RBEE_OUTPUTS": str(outputs),
            "RBEE_JOURNALS": str(outputs),
            "RBEE_HIVE_ARGS": "--worker-ports 0",
            "RBEE_QUEEN_ARGS": shlex.join(word for url in self._launcher.nodes.urls() for word in ("--node-url", url)),
            **self._queen_url(),
            **self._launcher.nodes.environment(),
            **({"RBEE_API_KEY": api_key.value if isinstance(api_key, Secret) else api_key} if api_key else {}),
            **(env or {}),
        }
        words, keys = take_secrets(list(arguments), KeeperOptions)
        environment.update(keys)
        planned = (
            ProgramSpec(name, command=[program, *words], port=None, stdout=out, stderr=err, env=environment)
            if program
            else ProgramSpec(name, module="RbeeLibrary.fakes.keeper", argv=words, title="fake-keeper", port=None, stdout=out, stderr=err, env=environment)
        )
        daemon = self._launcher.begin_program(planned, "keeper", deadline)
        logger.info(f"started {name}, pid {daemon.pid}: rbee-keeper {shlex.join(words)}")
        return daemon

    def _queen_url(self) -> dict[str, str]:
        known = self._context.process_or_none("queen") is not None
        return {"RBEE_QUEEN_URL": self._context.find("queen").url} if known else {}
