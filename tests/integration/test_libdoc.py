"""Every keyword, argument and type is documented, and Libdoc shows it."""

import json
import re
import subprocess
import sys

import pytest
from readme import command, keyword_groups
from running import ROOT, robot, robot_env

from RbeeLibrary.keywords.examples import EXAMPLES, with_example


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
    assert delay["type"]["typedoc"] == "Span"


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


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    """The folder that the README's command writes to, with this interpreter instead of a fresh one."""
    folder = tmp_path_factory.mktemp("documents")
    setup, _, libdoc = command("robot.libdoc").partition("markdown && ")
    assert setup == "python3 -m venv .venv && .venv/bin/pip install -q -e . "
    done = subprocess.run(
        ["sh", "-c", libdoc.replace(".venv/bin/python", sys.executable).replace("results/", f"{folder}/")],
        cwd=ROOT,
        env=robot_env(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_readme_has_every_keyword_in_a_group(spec):
    listed = [keyword for keywords in keyword_groups().values() for keyword in keywords]
    assert sorted(listed) == sorted(keyword["name"] for keyword in spec["keywords"])


@pytest.mark.parametrize("group", keyword_groups())
def test_html_has_every_group(documents, group):
    page = (documents / "RbeeLibrary.html").read_text()
    assert [keyword for keyword in keyword_groups()[group] if f'"name": "{keyword}"' not in page] == []


def test_json_has_every_keyword(documents, spec):
    written = json.loads((documents / "RbeeLibrary.json").read_text())
    assert [keyword["name"] for keyword in written["keywords"]] == [keyword["name"] for keyword in spec["keywords"]]
    assert all("<p>" in keyword["doc"] for keyword in written["keywords"]), "Markdown was not converted"


def test_every_keyword_has_an_example_and_the_tag_of_its_group(spec):
    groups = {type_name.removesuffix("Keywords").lower() for type_name in keyword_classes()}
    for keyword in spec["keywords"]:
        example = re.findall(r"^```\n([^\n]+)\n```$", keyword["doc"], re.MULTILINE)[-1]
        assert re.search(rf"(^|=    ){keyword['name']}(    |$)", example), keyword["name"]
        assert len(set(keyword["tags"]) & groups) == 1, keyword["name"]


@pytest.mark.parametrize("section", ["Args:\n    name: of it", "Returns:\n    A text.", "Raises:\n    AssertionError: no."])
def test_example_stands_before_the_sections(section):
    assert with_example("Heal", f"Heals.\n\n{section}\n") == f"Heals.\n\n```\nHeal\n```\n\n{section}"
    assert with_example("Heal", "Heals.") == "Heals.\n\n```\nHeal\n```"


def keyword_classes() -> list[str]:
    return [name for path in (ROOT / "RbeeLibrary/keywords").glob("*.py") for name in re.findall(r"^class (\w+Keywords)\b", path.read_text(), re.MULTILINE)]


def test_examples_fit_their_keywords(tmp_path):
    """A dry run: names, arguments and their types are right."""
    suite = tmp_path / "examples.robot"
    lines = ["*** Settings ***", "Library    RbeeLibrary", "*** Test Cases ***"]
    lines += [line for name, example in EXAMPLES.items() for line in (f"Example Of {name}", f"    {example}")]
    suite.write_text("\n".join([*lines, ""]))
    run = robot(tmp_path, "--dryrun", str(suite))
    assert {name: test.message for name, test in run.tests().items() if not test.passed} == {}
    assert len(run.tests()) == len(EXAMPLES)


def test_operators_are_one_named_type(spec):
    for keyword in spec["keywords"]:
        for argument in arguments(keyword):
            if argument["name"] == "operator":
                assert argument["repr"] == "operator: Operator = None"
    (operator,) = [one for one in spec["typedocs"] if one["name"] == "Operator"]
    assert "not matches" in operator["doc"]


def test_operator_that_does_not_exist_is_found_by_a_dry_run(tmp_path):
    suite = tmp_path / "typo.robot"
    tests = "Typo\n    Get State    worker-1    =    idle\nOdd\n    Get State    worker-1    Not Contains    idle\n"
    suite.write_text(f"*** Settings ***\nLibrary    RbeeLibrary\n*** Test Cases ***\n{tests}")
    tests = robot(tmp_path, "--dryrun", str(suite)).tests()
    assert "expected one of ==, !=" in tests["Typo"].message
    assert tests["Odd"].passed
