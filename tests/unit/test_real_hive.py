"""What is done for a real hive: names for its next workers, ports that it picks itself, and addresses that it takes for fixed ones."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from running import robot_env

from RbeeLibrary.errors import CannotJudge
from RbeeLibrary.protocol.profiles import HUB_PORT, PROFILES, QUEEN_PORT
from RbeeLibrary.session.programs.worker_spawns import WorkerSpawns
from RbeeLibrary.session.real.real_hive import RealHive
from RbeeLibrary.session.real.real_programs import RealPrograms
from RbeeLibrary.session.types import Daemon

HIVE = Daemon("hive", "hive", "http://127.0.0.1:41001", 41001, 11, profile=PROFILES["rbee-hive"])
HUB = Daemon("hub", "hub", "http://127.0.0.1:41002", 41002, 12)
LIMIT = 5.0


def test_name_that_no_worker_has_taken_is_left_to_nobody(tmp_path):
    hive, waiting = RealHive(tmp_path), tmp_path / "bin/next"
    waiting.parent.mkdir()
    hive.next_worker("worker-1", ["--slots", "2"])
    assert "worker-1" in waiting.read_text()
    hive.no_next_worker()
    assert not waiting.exists()


def test_name_that_a_worker_has_taken_needs_not_be_taken_back(tmp_path):
    RealHive(tmp_path).no_next_worker()


def test_real_hive_picks_the_ports_of_its_workers_itself(tmp_path):
    registry, faults = SimpleNamespace(check_free=lambda name: None), SimpleNamespace(take=lambda name: [])
    spawns = WorkerSpawns(SimpleNamespace(), registry, SimpleNamespace(), faults, lambda name: "")
    spawns.note_real_hive("hive", RealHive(tmp_path))
    with pytest.raises(CannotJudge, match="^hive is a real hive, which picks the ports of its workers itself: leave out port=$"):
        spawns.spawn("worker-1", HIVE, {}, {"port": 8001}, LIMIT)


@pytest.mark.parametrize(("others", "routes"), [([HUB], {f"*:{HUB_PORT}": "127.0.0.1:41002"}), ([], {})], ids=["hub", "no hub"])
def test_real_hive_means_itself_and_the_hub_of_the_run_by_its_fixed_addresses(others, routes):
    orders = []
    registry = SimpleNamespace(all=lambda: [HIVE, *others], process_or_none=lambda name: SimpleNamespace(name=name, alive=True))
    run = SimpleNamespace(supervisor=SimpleNamespace(control=lambda process, order: orders.append((process.name, order))))
    RealPrograms(run, registry, *[SimpleNamespace()] * 4).send_routes()
    assert orders == [(HIVE.recorder, {"op": "routes", "routes": {f"*:{QUEEN_PORT}": "127.0.0.1:41001", **routes}})]


def test_fake_worker_below_a_real_hive_takes_what_was_set_for_the_next_one(tmp_path):
    hive, program = RealHive(tmp_path / "home of a hive"), tmp_path / "rbee-hive"
    program.touch()
    folder = Path(hive.install(str(program), None)).parent
    hive.serves(HIVE.url)
    hive.next_worker("worker-1", [])
    asked = subprocess.run([folder / "llm-worker-rbee", "--help"], capture_output=True, text=True, timeout=20, env=robot_env())
    assert (asked.returncode, asked.stderr) == (0, "")
    assert "--callback-url" in asked.stdout
    assert not (folder / "next").exists()
