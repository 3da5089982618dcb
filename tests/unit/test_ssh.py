"""The scripted ssh client and the SSH server, as far as they need no connection."""

from __future__ import annotations

import json

import pytest

from RbeeLibrary.fakes.ssh import sshd
from RbeeLibrary.fakes.ssh.ssh import Host


@pytest.mark.parametrize("rules", [{}, {"delay": 1}], ids=["without rules", "with another rule"])
@pytest.mark.parametrize(("name", "outcome"), [("node", "ok"), ("unreachable-1", "timeout"), ("node.invalid", "unresolved")])
def test_outcome_of_a_host_comes_from_its_name_unless_it_has_a_rule(tmp_path, monkeypatch, rules, name, outcome):
    monkeypatch.setenv("FAKE_SSH_HOSTS", str(tmp_path / "hosts.json"))
    (tmp_path / "hosts.json").write_text(json.dumps({name: rules}))
    assert Host(name).outcome == outcome
    (tmp_path / "hosts.json").write_text(json.dumps({name: {**rules, "outcome": "denied"}}))
    assert Host(name).outcome == "denied"


def test_help_of_the_server_tells_its_name(capsys):
    with pytest.raises(SystemExit) as ended:
        sshd.main(["--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: fake-sshd ")
