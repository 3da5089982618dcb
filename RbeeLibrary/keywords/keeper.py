"""The group Keeper: running rbee's command line."""

import shlex
from html import escape

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ..protocol.keeper_options import KeeperOptions
from ..protocol.options import take_secrets
from ..run.exit_status import ExitStatus
from ..session.session import Session
from ..session.types import Daemon, KeeperResult, ProgramName, RealProfile
from .argument_types import Span

_RUN_LIMIT = 30.0
_SHOWN = 4000


class KeeperKeywords:
    """Keywords of the group Keeper."""

    def __init__(self, session: Session):
        self._session = session

    @keyword
    def run_keeper(
        self,
        *arguments: str,
        api_key: str | Secret | None = None,
        env: dict[str, str] | None = None,
        timeout: Span = None,
        program: str | None = None,
        profile: RealProfile | None = None,
    ) -> KeeperResult:
        """Runs a keeper command and waits for its end. Contract 7.

        Its HOME is a folder of the test, its `ssh` that of the nodes of the test. Its queen is the one called `queen`, unless `--queen-url` is given. A command
        that waits for a held clock does not end: use `Start Keeper` and `Advance Time` for it.

        Args:
            arguments: Command line, such as `setup    list-nodes`.
            api_key: API key, passed in the environment, as text or Secret.
            env: Further environment variables.
            timeout: Time limit in real time; default: 30 s.
            program: Path of a real keeper instead of the fake one.
            profile: What the real keeper needs; default: by its file name. Contract 17.

        Returns:
            The result with `rc`, `stdout`, `stderr`.

        Raises:
            AssertionError: the keeper did not end in time and got SIGKILL.
        """
        key = api_key.value if isinstance(api_key, Secret) else api_key
        limit = _RUN_LIMIT if timeout is None else timeout.total_seconds()
        result = self._session.start.run_keeper(list(arguments), limit, api_key=key, env=env, program=program, profile=profile and profile.value)
        shown = f"<pre>{escape(result.stdout[-_SHOWN:])}</pre><pre>{escape(result.stderr[-_SHOWN:])}</pre>"
        logger.info(f"rbee-keeper {escape(_shown(arguments))}: {ExitStatus(result.rc)}{shown}", html=True)
        return result

    @keyword
    def start_keeper(
        self,
        *arguments: str,
        name: ProgramName = "keeper",  # type: ignore[assignment]
        api_key: str | Secret | None = None,
        env: dict[str, str] | None = None,
        timeout: Span = None,
        program: str | None = None,
        profile: RealProfile | None = None,
    ) -> Daemon:
        """Starts a keeper command without waiting for its end. Contract 7.

        Read its result with `Get Exit Code` and `Get Output`, or end it with `Interrupt`.

        Args:
            arguments: Command line, such as `infer    --node    workstation ...`.
            name: Name of the program in other keywords.
            api_key: API key, passed in the environment, as text or Secret.
            env: Further environment variables.
            timeout: Time limit of the start, in real time; default: the library's `timeout`.
            program: Path of a real keeper instead of the fake one.
            profile: What the real keeper needs; default: by its file name. Contract 17.

        Returns:
            The keeper with `pid`, `name`, `role`.
        """
        key = api_key.value if isinstance(api_key, Secret) else api_key
        limit = None if timeout is None else timeout.total_seconds()
        daemon = self._session.start.keeper(list(arguments), name, api_key=key, timeout=limit, env=env, program=program, profile=profile and profile.value)
        logger.info(f"started {name}, pid {daemon.pid}: rbee-keeper {_shown(arguments)}")
        return daemon


def _shown(arguments: tuple[str, ...]) -> str:
    return shlex.join(take_secrets(list(arguments), KeeperOptions)[0])
