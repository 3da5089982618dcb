"""Keys reach no journal, log, output or command line."""

import secrets

from running import ROOT, robot


def test_key_is_nowhere(tmp_path):
    key = f"key-{secrets.token_hex(16)}"
    run = robot(tmp_path, "--loglevel", "TRACE", str(ROOT / "tests/trials/secrets.robot"), env={"RBEE_TEST_KEY": key})
    assert {name: test.status for name, test in run.tests().items()} == {"Fleet With A Key Works": "PASS", "Failure Shows Evidence": "FAIL"}, run.output
    artifacts = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".jsonl" for path in artifacts)
    assert any(path.name == "log.html" for path in artifacts)
    assert [path.name for path in artifacts if key.encode() in path.read_bytes()] == []
    assert key not in run.output
