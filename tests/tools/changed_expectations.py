"""Changes the value that the last assertion of every test expects: a test that still passes does not look at it.

Use it as `robot --pythonpath tests/tools --prerunmodifier changed_expectations.ChangedExpectations suites`. Tests without an assertion that can be changed are
left out. The tag `changed: ...` of a test says what was changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from robot.api import SuiteVisitor
from robot.running import Keyword

FAR = 1_000_003
WITHIN = "300ms"
"""How long the changed assertion is repeated: it must never hold, so there is nothing to wait for."""
OPERATORS = ("==", "<", "<=", ">", ">=", "contains", "starts", "ends", "matches")
OPPOSITES = {"!=": "==", "not contains": "contains", "not matches": "matches"}
NUMBER = re.compile(r"-?\d+(\.\d+)?")
TIME = re.compile(r"\d+(\.\d+)? ?(ms|s|sec|seconds?|min|minutes?|h|hours?|days?)")
STATES = {"getstate": ("idle", "killed"), "getinferencestate": ("done", "refused")}
"""Keyword -> two of its states: a state is changed to another one, since a word that is none would not be compared at all."""
SECOND = (
    "shouldbeequal",
    "shouldbeequalasintegers",
    "shouldbeequalasnumbers",
    "shouldbeequalasstrings",
    "shouldcontain",
    "shouldstartwith",
    "shouldendwith",
    "lengthshouldbe",
    "shouldmatchregexp",
    "shouldmatch",
)
"""Keywords whose second argument is the expected value."""
OTHER_KEYWORDS = {
    "shouldnotbeequal": "Should Be Equal",
    "shouldnotcontain": "Should Contain",
    "shouldbeempty": "Should Not Be Empty",
    "shouldnotbeempty": "Should Be Empty",
    "fileshouldexist": "File Should Not Exist",
    "fileshouldnotexist": "File Should Exist",
    "listsshouldbeequal": "Should Be Equal",
}
"""Keyword -> one that fails where it passes."""


class ChangedExpectations(SuiteVisitor):
    """Changes one assertion per test."""

    def start_suite(self, suite: Any) -> None:
        """Keeps the tests in which something was changed."""
        suite.tests = [test for test in suite.tests if not test.template and self._is_changed(test)]

    def end_suite(self, suite: Any) -> None:
        """Leaves suites without tests out."""
        suite.suites = [child for child in suite.suites if child.test_count]

    def _is_changed(self, test: Any) -> bool:
        for call in reversed(list(calls(test.body))):
            before = f"{call.name}    {'    '.join(map(str, call.args))}"
            if change(call):
                test.tags.add(f"changed: {before}")
                return True
        return False


def calls(body: Any) -> Iterator[Keyword]:
    """The calls of keywords in a body and in its loops and branches."""
    for item in body:
        if isinstance(item, Keyword):
            yield item
        elif hasattr(item, "body"):
            yield from calls(item.body)


def change(call: Keyword) -> bool:
    """Changes what a call expects; false if it expects nothing, or nothing that can be changed."""
    name = re.sub(r"[ _]", "", call.name.rpartition(".")[2]).lower()
    args = list(call.args)
    if name.startswith("get"):
        found = _with_operator(name, args)
    elif name in SECOND and len(args) > 1:
        found = [args[0], changed(str(args[1]), "=="), *args[2:]]
    elif name == "runkeywordandexpecterror":
        found = ["nothing that is ever said", *args[1:]]
    elif name == "requestsshouldbeinorder" and len(requests := [arg for arg in args if not re.match(r"(since|within)=", str(arg))]) > 1:
        found = [*reversed(requests), f"within={WITHIN}"]
    elif name in OTHER_KEYWORDS:
        call.name = OTHER_KEYWORDS[name]
        found = [*args[:1], "changed"] if name == "listsshouldbeequal" else args
    else:
        return False
    if found is None:
        return False
    call.args = tuple(found)
    return True


def _with_operator(name: str, args: list[Any]) -> list[Any] | None:
    for place, operator in enumerate(args[:-1]):
        if operator in OPERATORS or operator in OPPOSITES:
            expected = str(args[place + 1])
            checked = [OPPOSITES[operator], expected] if operator in OPPOSITES else [operator, _other(name, expected) or changed(expected, operator)]
            rest = [arg for arg in args[place + 2 :] if not str(arg).startswith("within=")]
            return [*args[:place], *checked, *rest, f"within={WITHIN}"]
    return None


def _other(name: str, expected: str) -> str:
    """Another value for keywords with values of their own kind; empty for all others."""
    if name in STATES:
        return next(state for state in STATES[name] if state != expected)
    return f"['{FAR} s']" if name == "getrequestgaps" else ""


def changed(expected: str, operator: str) -> str:
    """A value of the same kind that is far from the expected one.

    Args:
        expected: as the test has it.
        operator: with which it is compared.
    """
    sign = -1 if operator.startswith("<") else 1
    if NUMBER.fullmatch(expected):
        return f"{float(expected) + sign * FAR:.10g}"
    if TIME.fullmatch(expected):
        return "0 s" if sign < 0 else f"{FAR} s"
    if expected.startswith("["):
        return f"[{FAR}]" if re.match(r"\[-?\d+[],_]", expected) else f"['{FAR} s']"
    if expected.startswith("{"):
        return '{"changed": 1}'
    if re.fullmatch(r"[$@&]\{.*\}", expected):
        return f"{sign * FAR}"
    return f"{expected} changed"
