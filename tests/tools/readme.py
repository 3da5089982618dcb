"""What the README says, for tests that do it."""

from __future__ import annotations

import re

from running import ROOT

README = ROOT / "README.md"


def blocks(language: str) -> list[str]:
    """The fenced blocks in a language, without their fences."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)


def command(word: str) -> str:
    """The one command for a shell in which a word occurs."""
    (found,) = [block.strip() for block in blocks("bash") if word in block]
    return found


def keyword_groups() -> dict[str, list[str]]:
    """Keywords by group, from the table `What you can say`."""
    table = README.read_text().partition("| group | keywords |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in table.splitlines()[2:]]
    return {group: keywords.split(", ") for group, keywords in rows}
