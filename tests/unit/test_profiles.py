"""Profiles of real programs."""

import pytest

from RbeeLibrary.errors import CannotJudge, UsageError
from RbeeLibrary.protocol.profiles import Profile, profile_of


@pytest.mark.parametrize(("flags", "takes"), [({}, "none"), ({"port": "--port", "addr": "--addr"}, "port, addr")])
def test_option_without_a_word_is_named_with_those_that_have_one(flags, takes):
    with pytest.raises(CannotJudge, match=f"^mine has no option for slots: it takes {takes}; another program needs another profile="):
        Profile("mine", "worker", flags=flags).argv({"port": 1}, {"slots": 2, "fault": [], "api_key": None})


def test_program_gets_only_what_it_has_a_word_for():
    profile = Profile("mine", "worker", words=("serve",), flags={"port": "--port", "worker_id": "--id"})
    assert profile.argv({"port": 8001, "addr": "127.0.0.1:8001"}, {}) == ["serve", "--port", "8001"]


def test_program_that_is_like_a_fake_gets_every_option_as_a_switch():
    profile = Profile("mine", "worker", words=("serve",), switches=True)
    assert profile.argv({"port": 8001, "worker_id": "w"}, {"slots": 2, "model_ref": None}) == ["serve", "--port", "8001", "--slots", "2"]


@pytest.mark.parametrize(
    ("role", "path", "name"),
    [
        ("worker", "/opt/rbee/bin/mock-worker", "mock-worker"),
        ("worker", "/opt/rbee/bin/my-worker", "llm-worker-rbee"),
        ("hive", "/opt/rbee/bin/queen-rbee", "rbee-hive"),
        ("queen", "fake-queen", "like-fake-queen"),
    ],
)
def test_profile_is_that_of_the_file_name_or_the_usual_one_of_the_role(role, path, name):
    assert profile_of(role, path).name == name


def test_profile_of_another_role_is_refused():
    with pytest.raises(UsageError, match="^there is no profile 'rbee-hive' of a queen, expected one of queen-rbee, like-fake-queen$"):
        profile_of("queen", "/opt/queen", "rbee-hive")
