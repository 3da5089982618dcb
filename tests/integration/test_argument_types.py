"""Mistakes in arguments are found by a dry run: every typed argument of every keyword, each with a bad value."""

from __future__ import annotations

import pytest
from robot.libdocpkg import LibraryDocumentation
from running import robot

BAD = {
    "Span": "-1s",
    "Operator": "=",
    "Rate": "often",
    "SteadyLoad": "the load",
    "LocustLoad": "the load",
    "Count": "-1",
    "TokenCount": "-1",
    "PositiveCount": "0",
    "PortNumber": "65536",
    "StatusCode": "1000",
    "Share": "1.5",
    "SizeText": "lots",
    "RequestPath": "health",
    "Inference": "answer",
    "ArmedFault": "worker-1",
    "Mark": "yesterday",
    "ProgramName": "a name",
    "PortRange": "9000-8000",
    "ListOfDurations": "soon,later",
    "Url": "somewhere",
    "NodeUrl": "workstation",
    "HostPort": "nowhere",
    "OrgRepoNameSize": "tiny.gguf",
    "OrgRepo": "model",
    "ListOfNumbers": "one,two",
    "int": "many",
    "float": "fast",
    "timedelta": "soon",
    "dict": "text",
    **dict.fromkeys(("bool", "str", "Path", "Secret", "Any", "Daemon", "Node", "None", "NoneType", "list")),
}
"""Name of a type -> a value that it must not take; None = it takes any text."""
LIMITED = ("WholeNumberFrom", "SizeFrom", "SpanFrom", "NumberFrom")


def bad_value(info) -> str | None:
    """A value that no type of an argument takes; None if there is none."""
    if info is None:
        return None
    if info.is_union:
        values = [bad_value(one) for one in info.nested if one.name not in ("None", "NoneType")]
        return None if None in values else values[0]
    if info.name.startswith(LIMITED):
        return "-1s" if info.name.startswith("Span") else "-1"
    if info.name == "Literal" or hasattr(info.type, "__members__"):
        return "no such word"
    assert info.name in BAD, f"the table has no bad value for {info.name}"
    return BAD[info.name]


def planted() -> list[tuple[str, str, str]]:
    """Keyword, argument and bad value."""
    found = []
    for keyword in LibraryDocumentation("RbeeLibrary").keywords:
        for argument in keyword.args:
            if argument.kind in (argument.VAR_NAMED, argument.NAMED_ONLY_MARKER, argument.POSITIONAL_ONLY_MARKER):
                continue
            value = bad_value(argument.type)
            if value is not None and argument.kind is not argument.VAR_POSITIONAL:
                found.append((keyword.name, argument.name, value))
    return found


def required(keyword, but: str) -> list[str]:
    """Harmless values for the arguments that a keyword needs."""
    return [f"{one.name}=${{x}}" for one in keyword.args if one.required and one.name != but and one.kind is not one.VAR_POSITIONAL]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """Test by name of keyword and argument."""
    folder = tmp_path_factory.mktemp("arguments")
    keywords = {keyword.name: keyword for keyword in LibraryDocumentation("RbeeLibrary").keywords}
    lines = ["*** Settings ***", "Library    RbeeLibrary", "*** Test Cases ***"]
    for name, argument, value in planted():
        words = "    ".join([name, *required(keywords[name], argument), f"{argument}={value}"])
        lines += [f"{name} {argument}", f"    {words}"]
    (folder / "planted.robot").write_text("\n".join(lines) + "\n")
    return robot(folder, "--dryrun", str(folder / "planted.robot")).tests()


def test_every_typed_argument_of_every_keyword_refuses_a_bad_value(outcome):
    assert len(outcome) >= 150
    assert [name for name, test in outcome.items() if not test.failed] == []


def test_messages_are_one_line_and_name_the_argument(outcome):
    odd = {}
    for name, test in outcome.items():
        argument = name.rpartition(" ")[2]
        if "\n" in test.message or (f"'{argument}'" not in test.message and "expected letters, digits" not in test.message):
            odd[name] = test.message
    assert odd == {}
