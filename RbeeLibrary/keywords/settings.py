"""How patient the keywords are: values for the run, a suite or a test."""

from dataclasses import dataclass, replace
from datetime import timedelta

from robot.api.deco import keyword

from ..session.types import AutoStop, OnLeak, OnUnusedFault


@dataclass(frozen=True)
class Settings:
    """Values that are in force."""

    timeout: float
    within: float
    auto_stop: AutoStop
    on_leak: OnLeak
    on_unused_fault: OnUnusedFault


class SettingsStack:
    """A layer for the run, one for every open suite, one for the test; a layer ends with what it was made for."""

    def __init__(self, first: Settings):
        self._layers = [first]

    @property
    def now(self) -> Settings:
        """What is in force."""
        return self._layers[-1]

    def open(self) -> None:
        """Begins a layer."""
        self._layers.append(self.now)

    def close(self) -> None:
        """Ends a layer, with all that was set in it."""
        if len(self._layers) > 1:
            self._layers.pop()

    def set(self, **values: float) -> None:
        """Changes values of the present layer."""
        self._layers[-1] = replace(self.now, **values)  # type: ignore[arg-type]


class SettingsKeywords:
    """The group Settings."""

    def __init__(self, settings: SettingsStack):
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
