"""Requests at the same moment."""

import threading
from concurrent.futures import ThreadPoolExecutor

import requests
from robot.api.deco import keyword, library


@library(scope="GLOBAL")
class together:
    """Sends one request several times, as near to the same moment as threads can."""

    @keyword
    def send_together(self, times: int, method: str, url: str, body: str) -> list[int]:
        """Sends the request from several threads that start at a common barrier; returns the statuses in order of size."""
        barrier = threading.Barrier(times)

        def send(_: int) -> int:
            barrier.wait(10)
            return requests.request(method, url, data=body, timeout=10).status_code

        with ThreadPoolExecutor(times) as pool:
            return sorted(pool.map(send, range(times)))
