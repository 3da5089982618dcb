"""The benchmarks' command works, with few rounds of its cheapest groups; its figures are nobody's business here."""

import json
import subprocess
import sys

from running import ROOT, robot_env


def test_command_writes_ratios(tmp_path):
    words = [sys.executable, str(ROOT / "tests/benchmarks/run.py"), "pacing", "journal", "--rounds", "1", "--json", str(tmp_path / "figures.json")]
    done = subprocess.run(words, env=robot_env(), capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "figures.json").read_text())
    assert rows["journal: without a journal"]["ratio"] == 1
    assert rows["pacing: rate seen / rate asked, a token every 5 ms"]["ratio"] > 0
    assert "against the committed figures" in done.stdout


def test_unknown_group_is_told():
    done = subprocess.run([sys.executable, str(ROOT / "tests/benchmarks/run.py"), "speed"], env=robot_env(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "there is no group speed, expected some of starting, fleets" in done.stderr
