"""A client that reads streams of events in the background, with the time at which each arrived."""

import json
import threading
import time
from datetime import timedelta

import requests
import urllib3
from robot.api.deco import keyword, library


class Reading:
    """One stream: `${r.id}` from the URL, `${r.events}` so far, each a dictionary or `[DONE]`, and `${r.times}` of their arrival in seconds."""

    def __init__(self, url: str, limit: float):
        self.id = url.rpartition("id=")[2]
        self.events: list = []
        self.times: list[float] = []
        self.status = 0
        self.error = ""
        self._changed = threading.Condition()
        self._ended = False
        threading.Thread(target=self._read, args=(url, limit), daemon=True).start()

    def _read(self, url: str, limit: float) -> None:
        try:
            with requests.get(url, stream=True, timeout=(limit, limit)) as answer:
                self.status = answer.status_code
                for line in answer.iter_lines(chunk_size=None):
                    if line.startswith(b"data: "):
                        text = line[6:].decode()
                        with self._changed:
                            self.times.append(time.monotonic())
                            self.events.append(text if text == "[DONE]" else json.loads(text))
                            self._changed.notify_all()
        except requests.RequestException as error:
            self.error = str(error)
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait(self, condition, limit: float) -> bool:
        """Waits until the condition is true or the stream ends; returns whether the condition is true."""
        with self._changed:
            self._changed.wait_for(lambda: condition(self) or self._ended, limit)
            return condition(self)

    @property
    def ended(self) -> bool:
        """Whether the stream is over."""
        return self._ended


@library(scope="GLOBAL")
class event_reader:
    """Reads `text/event-stream` without the help of RbeeLibrary."""

    @keyword
    def start_reading(self, url: str, timeout: timedelta = timedelta(seconds=20)) -> Reading:
        """Opens a stream and reads it in the background."""
        return Reading(url, timeout.total_seconds())

    @keyword
    def wait_for_event(self, reading: Reading, timeout: timedelta = timedelta(seconds=5), **fields) -> dict:
        """Waits for an event with these fields and returns it."""

        def found(reading: Reading):
            fitting = (event for event in reading.events if isinstance(event, dict))
            return next((event for event in fitting if all(str(event.get(name)) == str(value) for name, value in fields.items())), None)

        if not reading.wait(lambda reading: found(reading) is not None, timeout.total_seconds()):
            raise AssertionError(f"no event with {fields} came within {timeout.total_seconds():g} s, only {reading.events}")
        return found(reading)

    @keyword
    def wait_until_stream_ends(self, reading: Reading, timeout: timedelta = timedelta(seconds=10)) -> list:
        """Waits for the end of a stream and returns all its events."""
        if not reading.wait(lambda reading: reading.ended, timeout.total_seconds()):
            raise AssertionError(f"the stream did not end within {timeout.total_seconds():g} s: {reading.events}")
        return reading.events

    @keyword
    def get_events(self, reading: Reading, **fields) -> list[dict]:
        """Returns the events so far that have these fields, without `[DONE]`."""
        events = [event for event in reading.events if isinstance(event, dict)]
        return [event for event in events if all(str(event.get(name)) == str(value) for name, value in fields.items())]

    @keyword
    def parse_events(self, text: str) -> list:
        """Returns the events of a stream that has been read as text, each a dictionary or `[DONE]`."""
        data = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
        return [piece if piece == "[DONE]" else json.loads(piece) for piece in data]

    @keyword
    def read_until_the_line_breaks(self, url: str) -> bytes:
        """Reads a URL to its end, or until the connection breaks; returns the bytes that arrived."""
        came = bytearray()
        try:
            with requests.get(url, stream=True, timeout=10) as answer:
                for piece in answer.raw.stream(65536):
                    came += piece
        except (requests.RequestException, urllib3.exceptions.HTTPError):
            pass
        return bytes(came)
