"""The group Settings: timeouts of the keywords."""

from datetime import timedelta

from robot.api.deco import keyword

from ..session.scoped_settings import ScopedSettings
from .argument_types import Span


class SettingsKeywords:
    """Keywords of the group Settings."""

    def __init__(self, settings: ScopedSettings):
        self._settings = settings

    @keyword
    def set_rbee_timeout(self, timeout: Span) -> timedelta:
        """Sets the time limit for starting and stopping programs, in real time.

        Valid until the end of the test or suite in which it is called.

        Args:
            timeout: Time string such as `10s`. The import option `timeout` sets the initial value.

        Returns:
            The old value.
        """
        old = self._settings.now.timeout
        self._settings.set(timeout=timeout.total_seconds())
        return timedelta(seconds=old)

    @keyword
    def set_assertion_retry(self, within: Span) -> timedelta:
        """Sets how long a keyword with an operator retries before it fails, in real time.

        Valid until the end of the test or suite in which it is called. `within=` overrides it for a single call.

        Args:
            within: Time string such as `2s`; `0s` reads once. The import option `within` sets the initial value.

        Returns:
            The old value.
        """
        old = self._settings.now.within
        self._settings.set(within=within.total_seconds())
        return timedelta(seconds=old)
