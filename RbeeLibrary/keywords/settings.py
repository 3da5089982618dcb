"""The group Settings: how patient the keywords are."""

from datetime import timedelta

from robot.api.deco import keyword

from ..session.scoped_settings import ScopedSettings


class SettingsKeywords:
    """The group Settings."""

    def __init__(self, settings: ScopedSettings):
        self._settings = settings

    @keyword
    def set_rbee_timeout(self, timeout: timedelta) -> timedelta:
        """Sets how long starting and stopping a program may take, in real time.

        Holds until the end of the test or suite in which it is called.

        Args:
            timeout: Time string such as `10s`. The import option `timeout` sets the first value.

        Returns:
            The old value.
        """
        old = self._settings.now.timeout
        self._settings.set(timeout=timeout.total_seconds())
        return timedelta(seconds=old)

    @keyword
    def set_assertion_retry(self, within: timedelta) -> timedelta:
        """Sets how long a keyword with an operator reads again before it fails, in real time.

        Holds until the end of the test or suite in which it is called. A single call can differ by `within=`.

        Args:
            within: Time string such as `2s`; `0s` reads once. The import option `within` sets the first value.

        Returns:
            The old value.
        """
        old = self._settings.now.within
        self._settings.set(within=within.total_seconds())
        return timedelta(seconds=old)
