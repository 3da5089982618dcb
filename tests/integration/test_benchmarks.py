"""The benchmarks' command works, with few rounds of its cheapest groups; its figures are nobody's business here."""

import json
import subprocess
import sys
from pathlib import Path

from running import ROOT, robot_env


def test_command_writes_ratios(tmp_path):
    words = [sys.executable, str(ROOT / "tests/benchmarks/run.py"), "pacing", "journal", "peers", "--rounds", "1", "--json", str(tmp_path / "figures.json")]
    worker = f"llm-worker-rbee={ROOT / 'tests/data/real/llm-worker-rbee'}"
    env = robot_env({"PATH": str(Path(sys.executable).parent)})  # without the peers of this machine
    done = subprocess.run([*words, "--peer", worker], env=env, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "figures.json").read_text())
    assert rows["journal: without a journal"]["ratio"] == 1
    assert rows["pacing: rate seen / rate asked, a token every 5 ms"]["ratio"] > 0
    measured = {name for name in rows if name.startswith("peers")}
    kinds = ("start", "stop", "MB", "request", "5 tokens", "a token")
    assert {f"peers: {kind}: {peer} / fake worker" for kind in kinds for peer in ("bare script", "llm-worker-rbee")} < measured
    assert "peers: relay: fake relay / raw socket writer" in measured
    assert "toxiproxy-server is not here" in done.stdout
    assert "against the committed figures" in done.stdout


def test_unknown_group_is_told():
    done = subprocess.run([sys.executable, str(ROOT / "tests/benchmarks/run.py"), "speed"], env=robot_env(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "there is no group speed, expected some of starting, fleets" in done.stderr


def test_peer_that_is_nowhere_is_told(tmp_path):
    words = [sys.executable, str(ROOT / "tests/benchmarks/run.py"), "peers", "--peer", f"aimock={tmp_path}/nowhere"]
    done = subprocess.run(words, env=robot_env(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert f"--peer aimock={tmp_path}/nowhere: expected NAME=PATH, a file, with one of aimock, pytest-httpserver" in done.stderr
