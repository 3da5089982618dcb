"""Every keyword, argument and type is documented, and Libdoc shows it."""

import json
import re
import subprocess
import sys

import pytest
from running import robot_env


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    path = tmp_path_factory.mktemp("libdoc") / "library.json"
    done = subprocess.run(
        [sys.executable, "-m", "robot.libdoc", "--specdocformat", "RAW", "RbeeLibrary", str(path)], env=robot_env(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(path.read_text())


def test_every_keyword_begins_with_a_sentence(spec):
    for keyword in spec["keywords"]:
        assert re.match(r"[A-Z][^\n]+\.(\n|$)", keyword["doc"]), keyword["name"]


def arguments(keyword):
    return [argument for argument in keyword["args"] if argument["name"]]


def test_every_argument_is_documented(spec):
    for keyword in spec["keywords"] + spec["inits"]:
        for argument in arguments(keyword):
            assert re.match(r"[A-Z`0-9].+\.$", argument["doc"]), f"{keyword['name']}: {argument['name']}: {argument['doc']!r}"


def test_every_argument_has_a_type(spec):
    for keyword in spec["keywords"]:
        for argument in arguments(keyword):
            assert argument["type"] is not None, f"{keyword['name']}: {argument['name']}"


def test_what_a_keyword_returns_is_told(spec):
    for keyword in spec["keywords"]:
        if keyword["returnType"] and keyword["returnType"]["name"] != "None":
            assert keyword["returnDoc"], keyword["name"]


def test_every_check_tells_how_it_fails(spec):
    for keyword in spec["keywords"]:
        if any(argument["name"] == "operator" for argument in keyword["args"]):
            assert "AssertionError" in keyword["raises"], keyword["name"]


def test_options_say_default_and_section(spec):
    (start,) = [keyword for keyword in spec["keywords"] if keyword["name"] == "Start Worker"]
    (delay,) = [argument for argument in start["args"] if argument["name"] == "token_delay"]
    assert delay["doc"] == "Time between two tokens. Default: 0s. Contract 6.1."
    assert delay["type"]["nested"][0]["typedoc"] == "timedelta"


def test_every_enum_is_documented(spec):
    for typedoc in spec["typedocs"]:
        if typedoc["type"] == "Enum":
            assert typedoc["doc"], typedoc["name"]


def test_keywords_collide_with_no_other_library(spec):
    names = {re.sub(r"[ _]", "", keyword["name"]).lower() for keyword in spec["keywords"]}
    for other in ("BuiltIn", "Process", "OperatingSystem", "Collections", "String", "DateTime", "RequestsLibrary"):
        done = subprocess.run([sys.executable, "-m", "robot.libdoc", other, "list"], env=robot_env(), capture_output=True, text=True, timeout=60)
        theirs = {line.replace(" ", "").lower() for line in done.stdout.splitlines()}
        assert not names & theirs, other


def test_html_can_be_built(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "robot.libdoc", "RbeeLibrary", str(tmp_path / "library.html")], env=robot_env(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "Start Fleet" in (tmp_path / "library.html").read_text()
