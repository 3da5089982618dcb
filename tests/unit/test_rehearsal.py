"""What a spare of the nursery does before it becomes a program."""

from __future__ import annotations

import os
import threading

from RbeeLibrary.fakes.runtime import preload
from RbeeLibrary.net.http_client import correlation


def test_rehearsed_request_is_answered_and_leaves_nothing(monkeypatch, tmp_path, capfd):
    heard: list[str] = []
    monkeypatch.setattr(preload, "_log", heard.append)
    monkeypatch.chdir(tmp_path)
    threads, followed = threading.enumerate(), correlation.get()
    preload.rehearse()
    before = sorted(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else []
    preload.rehearse()
    assert heard == ["GET /v1/health 200"] * 2, "a rehearsal takes the way of a good answer"
    assert before == (sorted(os.listdir("/proc/self/fd")) if before else [])
    assert correlation.get() == followed
    assert set(threading.enumerate()) <= set(threads)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
