"""Sends requests at the same moment, and beside the test."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import requests
from robot.api.deco import keyword, library


@library(scope="GLOBAL")
class together:
    """Sends requests from threads that start together."""

    @keyword
    def send_together(self, times: int, method: str, url: str, body: str) -> list[int]:
        """Sends one request from several threads at the same moment; returns the statuses, sorted."""
        barrier = threading.Barrier(times)

        def send(_: int) -> int:
            barrier.wait(10)
            return requests.request(method, url, data=body, timeout=10).status_code

        with ThreadPoolExecutor(times) as pool:
            return sorted(pool.map(send, range(times)))

    @keyword
    def send_at_once(self, *requests_to_send: str) -> list[int]:
        """Sends different requests, each written as `METHOD url body`, at the same moment; returns their statuses in this order."""
        barrier = threading.Barrier(len(requests_to_send))

        def send(text: str) -> int:
            method, url, body = text.split(" ", 2)
            barrier.wait(10)
            return requests.request(method, url, data=body, timeout=10).status_code

        with ThreadPoolExecutor(len(requests_to_send)) as pool:
            return list(pool.map(send, requests_to_send))

    @keyword
    def post_together(self, times: int, url: str, body: dict) -> list:
        """Posts a JSON body several times at the same moment; returns the JSON answers."""
        barrier = threading.Barrier(times)

        def send(_: int):
            barrier.wait(10)
            return requests.post(url, json=body, timeout=10).json()

        with ThreadPoolExecutor(times) as pool:
            return list(pool.map(send, range(times)))

    @keyword
    def post_in_the_background(self, url: str, body: dict) -> Future:
        """Posts a JSON body without waiting for the answer; returns a future, whose `result` waits for it."""
        pool = ThreadPoolExecutor(1)
        future = pool.submit(requests.post, url, json=body, timeout=20)
        pool.shutdown(wait=False)
        return future
