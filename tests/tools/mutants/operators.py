"""Mutation operators: those of mutmut 3, and a few that it does not have.

mutmut was chosen for its operators: functions from a node of libcst to changed nodes, which can be used without the rest of it. Its own runner judges with
pytest in one process and leaves out decorated functions; what is judged here are several processes and keywords, which are decorated. cosmic-ray runs any
command, but has no operators for arguments, strings and assignments, and brings a database layer, an HTTP server and git bindings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from zlib import crc32

import libcst as cst
import libcst.matchers as m
from mutmut.mutation import mutators

Operator = Callable[[Any], Iterable[cst.CSTNode]]

_SWAPPED_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any", "popleft": "pop"}


def negated_condition(node: cst.If) -> Iterator[cst.CSTNode]:
    """`if a:` becomes `if not (a):`."""
    inner = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    yield node.with_changes(test=cst.UnaryOperation(cst.Not(), inner), whitespace_before_test=cst.SimpleWhitespace(" "))


def forced_branch(node: cst.If) -> Iterator[cst.CSTNode]:
    """A branch is taken always, or never; a negated condition is wrong for what is usual, too, and so easier to notice."""
    for value in ("False", "True"):
        yield node.with_changes(test=cst.Name(value), whitespace_before_test=cst.SimpleWhitespace(" "))


def forced_choice(node: cst.IfExp) -> Iterator[cst.CSTNode]:
    """`a if b else c` becomes `a`, or `c`."""
    for value in (node.body, node.orelse):
        yield value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def dropped_operand(node: cst.BooleanOperation) -> Iterator[cst.CSTNode]:
    """`a and b` becomes `a`, or `b`."""
    for value in (node.left, node.right):
        yield value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def left_out(node: cst.Assign | cst.AugAssign | cst.Raise) -> Iterator[cst.CSTNode]:
    """An error is not raised, what an object knows is not changed. Without the value of a variable, the rest could not run."""
    targets = [one.target for one in node.targets] if isinstance(node, cst.Assign) else [node.target] if isinstance(node, cst.AugAssign) else []
    if all(isinstance(one, cst.Attribute | cst.Subscript) for one in targets):
        yield cst.Pass()


def removed_call(node: cst.Expr) -> Iterator[cst.CSTNode]:
    """A statement that only calls something is left out."""
    if isinstance(node.value, cst.Call):
        yield cst.Pass()


def returned_nothing(node: cst.Return) -> Iterator[cst.CSTNode]:
    """`return a` becomes `return None`; `return False` would do the same in most places."""
    if node.value is not None and not m.matches(node.value, m.Name("None") | m.Name("False")):
        yield node.with_changes(value=cst.Name("None"), whitespace_after_return=cst.SimpleWhitespace(" "))


def swapped_call(node: cst.Call) -> Iterator[cst.CSTNode]:
    """The first becomes the last, the smallest the largest, what is in order comes in any order."""
    name = node.func if isinstance(node.func, cst.Name) else node.func.attr if isinstance(node.func, cst.Attribute) else None
    if name is None:
        return
    if name.value == "append":
        yield node.with_changes(func=node.func.with_changes(attr=cst.Name("insert")), args=[cst.Arg(cst.Integer("0")), *node.args])
    elif name.value == "sorted":
        yield node.with_changes(func=cst.Name("list"), args=node.args[:1])
    elif name.value in _SWAPPED_CALLS:
        yield node.with_deep_changes(name, value=_SWAPPED_CALLS[name.value])


def changed_word(node: cst.BaseString) -> Iterator[cst.CSTNode]:
    """Words that programs compare are changed; sentences, which people read, are not."""
    if isinstance(node, cst.SimpleString) and isinstance(text := node.evaluated_value, str) and len(text.split()) == 1 and any(map(str.isalnum, text)):
        yield next(iter(mutators.operator_string(node)))


def changed_argument(node: cst.Call) -> Iterator[cst.CSTNode]:
    """One argument of a call, which its text chooses, is None or left out: with all of them, half of all mutants would be calls that cannot work."""
    changes = list(mutators.operator_arg_removal(node))
    if changes:
        text = cst.Module([]).code_for_node(node)
        yield changes[crc32(text.encode()) % len(changes)]


OPERATORS: list[tuple[type, str, Operator]] = [
    (cst.If, "condition", negated_condition),
    (cst.Expr, "call removed", removed_call),
    (cst.Return, "return", returned_nothing),
    (cst.Call, "order", swapped_call),
    (cst.BaseNumber, "number", mutators.operator_number),
    (cst.BaseString, "word", changed_word),
    (cst.Name, "truth", mutators.operator_name),
    (cst.Assign, "assignment", mutators.operator_assignment),
    (cst.AnnAssign, "assignment", mutators.operator_assignment),
    (cst.AugAssign, "assignment", mutators.operator_augmented_assignment),
    (cst.UnaryOperation, "unary", mutators.operator_remove_unary_ops),
    (cst.Call, "argument", changed_argument),
    (cst.Call, "method", mutators.operator_symmetric_string_methods_swap),
    (cst.Call, "method", mutators.operator_unsymmetrical_string_methods_swap),
    (cst.CSTNode, "keyword", mutators.operator_keywords),
    (cst.CSTNode, "operator", mutators.operator_swap_op),
    (cst.IfExp, "condition", mutators.operator_if_exp),
    (cst.If, "branch", forced_branch),
    (cst.IfExp, "choice", forced_choice),
    (cst.BooleanOperation, "operand", dropped_operand),
    (cst.Assign, "left out", left_out),
    (cst.AugAssign, "left out", left_out),
    (cst.Raise, "left out", left_out),
]
