"""What programs of a run inherit from the environment of robot."""

from RbeeLibrary.session.run import program_environment

ROLES = ("QUEEN", "HIVE", "WORKER", "HUB", "RELAY", "KEEPER")
CHANGING = ("RBEE_API_KEY", "RBEE_CONFIG", "MOCK_SSH", "RBEE_NAME", "RBEE_WAY_OUT_FD", *(f"RBEE_{role}_ARGS" for role in ROLES))


def test_programs_inherit_everything_but_what_would_change_their_options(monkeypatch):
    for name in ("EDITOR", *CHANGING):
        monkeypatch.setenv(name, "x")
    inherited = program_environment()
    assert inherited["EDITOR"] == "x" and "PATH" in inherited
    assert [name for name in CHANGING if name in inherited] == []
