"""Reads README.md and the pages of the guide, for tests that run their examples.

`python tests/tools/readme.py` writes the tables of faults in `resources/guide/faults.md` from the registry of faults; `--check` only compares.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from running import ROOT

README = ROOT / "README.md"
GUIDE = ROOT / "resources/guide"
FAULTS = GUIDE / "faults.md"
_BEGIN, _END = "<!-- begin: table of faults -->\n", "<!-- end: table of faults -->\n"
_SECTIONS = {
    "request_kinds": "Requests and answers",
    "stream_kinds": "Streams",
    "program_kinds": "Programs",
}
"""Heading of each module of fault kinds."""


def pages() -> list[Path]:
    """README.md and all pages of the guide."""
    return [README, *sorted(GUIDE.glob("*.md"))]


def blocks(language: str, page: Path | None = None) -> list[str]:
    """The fenced blocks in a language, without their fences.

    Args:
        language: the word behind the opening fence.
        page: file to read; default: all pages.
    """
    texts = [path.read_text(encoding="utf-8") for path in ([page] if page else pages())]
    return [block for text in texts for block in re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)]


def command(word: str) -> str:
    """The one shell command that contains a word."""
    (found,) = [block.strip() for block in blocks("bash") if word in block]
    return found


def keyword_groups() -> dict[str, list[str]]:
    """Keywords by group, from the table `What you can say`."""
    table = README.read_text(encoding="utf-8").partition("| group | keywords |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in table.splitlines()[2:]]
    return {group: keywords.split(", ") for group, keywords in rows}


def fault_tables() -> str:
    """All kinds of faults as Markdown tables: name, programs, effect."""
    sys.path.insert(0, str(ROOT))
    from RbeeLibrary.faults.base import Fault
    from RbeeLibrary.faults.registry import KINDS

    parts = []
    for module, title in _SECTIONS.items():
        rows = [
            f"| `{name.replace('-', ' ')}` | {'any' if kind.roles == Fault.roles else ', '.join(kind.roles)} | {kind.help} |"
            for name, kind in KINDS.items()
            if kind.__module__.rpartition(".")[2] == module
        ]
        parts.append("\n".join([f"### {title}", "", "| fault | programs | effect |", "|---|---|---|", *rows]))
    return "\n" + "\n\n".join(parts) + "\n\n"


def faults_page() -> str:
    """The guide's page on faults, with its tables as they should be."""
    head, _, rest = FAULTS.read_text(encoding="utf-8").partition(_BEGIN)
    return f"{head}{_BEGIN}{fault_tables()}{_END}{rest.partition(_END)[2]}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(0 if FAULTS.read_text(encoding="utf-8") == faults_page() else "resources/guide/faults.md is out of date: run python tests/tools/readme.py")
    FAULTS.write_text(faults_page(), encoding="utf-8")
