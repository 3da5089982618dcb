"""Texts and times in logs and messages."""

from __future__ import annotations

import pytest

from RbeeLibrary.fakes.runtime.formatting import iso_time, parse_time, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("größer 🐝", "größer 🐝"),
        ("x\r\nforged line", "x\\r\\nforged line"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("\u2028\u202e", "\\u2028\\u202e"),
    ],
)
def test_text_of_others_neither_ends_a_line_nor_changes_its_look(text, shown):
    assert printable(text) == shown


def test_written_time_is_read_again():
    assert iso_time(1767225600.25) == "2026-01-01T00:00:00.250Z"
    assert parse_time(iso_time(1767225600.25)) == 1767225600.25
    assert parse_time("yesterday") is None
