"""Documents name only files that exist, and the architecture page names every folder."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "RbeeLibrary"
PATTERNS = ("README.md", "resources/**/*.md", "RbeeLibrary/README.md", "suites/*.md", "tests/**/README.md", ".github/**/*.md")
PAGES = sorted(page for pattern in PATTERNS for page in ROOT.glob(pattern))
BASES = (ROOT, PACKAGE)
"""Folders that paths may start from, beside the folder of their page."""
SOURCES = (".py", ".md", ".robot", ".resource")
WRITTEN_BY_USERS = {"robot.toml"}
TOP = ("RbeeLibrary", "suites", "resources", "tests", ".github", ".ci")
FOLDERS = {*TOP, *(path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__")}
NAMES = {path.name for folder in TOP for path in (ROOT / folder).rglob("*")}
BENCHMARKS = ROOT / "tests/benchmarks"


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def without_blocks(text: str) -> str:
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.DOTALL | re.MULTILINE)


def targets(page: Path) -> list[str]:
    """Targets of the links to files and headings of this repository."""
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", without_blocks(page.read_text())) if "://" not in link and not link.startswith("mailto:")]


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", without_blocks(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def words(page: Path) -> list[str]:
    """Words of inline code, and of commands for a shell."""
    text = page.read_text()
    commands = re.findall(r"^```bash\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [word for code in [*re.findall(r"`([^`]+)`", without_blocks(text)), *commands] for word in code.split()]


def is_path(word: str) -> bool:
    """Whether a word looks like a file or folder of this repository."""
    if not re.fullmatch(r"[\w.\-/*]+", word) or word.startswith("/"):
        return False
    first, slash, _ = word.partition("/")
    return first in FOLDERS if slash else word.endswith(SOURCES) and not word.startswith((".", "*")) and word not in WRITTEN_BY_USERS


def exists(word: str, page: Path) -> bool:
    if "/" not in word:
        return word in NAMES or (ROOT / word).exists()
    return any(next(base.glob(word.rstrip("/")), None) is not None for base in (page.parent, *BASES))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files(page):
    assert [link for link in targets(page) if (path := link.partition("#")[0]) and not (page.parent / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_headings(page):
    lost = []
    for link in targets(page):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if anchor and target.suffix == ".md" and target.exists() and anchor not in anchors(target):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_paths_in_backticks_exist(page):
    assert [word for word in map(_plain, words(page)) if is_path(word) and not exists(word, page)] == []


def _plain(word: str) -> str:
    """A word without the test's name behind a file, and without punctuation."""
    return word.partition("::")[0].rstrip(".,;:")


def test_architecture_page_names_every_folder():
    text = (PACKAGE / "README.md").read_text()
    folders = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*") if path.is_dir() and path.name != "__pycache__"]
    assert folders
    assert [str(folder) for folder in sorted(folders) if f"`{folder}/`" not in text] == []


def test_decisions_are_numbered_and_listed():
    folder = ROOT / "resources/decisions"
    pages = sorted(page.name for page in folder.glob("[0-9]*.md"))
    assert [page[:4] for page in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    assert re.findall(r"^\| \[(\d{4})\]\((.+)\) \|", (folder / "README.md").read_text(), re.MULTILINE) == [(page[:4], page) for page in pages]


def test_figures_are_the_committed_ones():
    figures = json.loads((BENCHMARKS / "figures.json").read_text())
    table = (BENCHMARKS / "README.md").read_text().partition("| figure | ratio | is |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in table.splitlines()[2:]]
    assert len(rows) > 10
    assert rows == [[what, f"{figures[what]['ratio']:.2f}", figures[what]["detail"]] for what, _, _ in rows]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_prose_is_in_short_lines(page):
    """Tables and pages that tools write may have longer ones."""
    if page.name not in ("contract.md",) and page != ROOT / "suites/README.md":
        assert [line for line in without_blocks(page.read_text()).splitlines() if len(line) > 160 and not line.startswith("|")] == []
