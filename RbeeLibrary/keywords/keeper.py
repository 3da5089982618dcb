"""The group Keeper: the command line of rbee, run to its end or interrupted."""

import shlex
from dataclasses import dataclass
from datetime import timedelta
from html import escape

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ..protocol.keeper_options import KeeperOptions
from ..protocol.options import take_secrets
from ..run.exit_status import ExitStatus
from ..session.programs.outputs import BOTH
from ..session.session import Session
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

    def __init__(self, session: Session):
        self._session = session

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
        outputs, stopper = self._session.outputs, self._session.stopper
        before = [len(outputs.read("keeper", (stream,))) for stream in BOTH]
        self.start_keeper(*arguments, api_key=api_key, env=env, program=program)
        process = self._session.programs.process("keeper")
        limit = _RUN_LIMIT if timeout is None else timeout.total_seconds()
        code = stopper.await_code(process, limit)
        out, err = (outputs.read("keeper", (stream,))[size:] for stream, size in zip(BOTH, before, strict=True))
        if code is None:
            stopper.force(process)
            raise AssertionError(f"the keeper did not end within {limit:g} s and got SIGKILL; its last lines:\n{self._session.launcher.last_lines(process)}")
        shown = f"<pre>{escape(out[-_SHOWN:])}</pre><pre>{escape(err[-_SHOWN:])}</pre>"
        logger.info(f"rbee-keeper {escape(_shown(arguments))}: {ExitStatus(code)}{shown}", html=True)
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
        key = api_key.value if isinstance(api_key, Secret) else api_key
        limit = None if timeout is None else timeout.total_seconds()
        daemon = self._session.start.keeper(list(arguments), name=name, api_key=key, timeout=limit, env=env, program=program)
        logger.info(f"started {name}, pid {daemon.pid}: rbee-keeper {_shown(arguments)}")
        return daemon


def _shown(arguments: tuple[str, ...]) -> str:
    return shlex.join(take_secrets(list(arguments), KeeperOptions)[0])
