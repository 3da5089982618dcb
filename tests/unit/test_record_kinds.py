"""The table of journal records is complete, and so is that of the contract."""

import ast
import re
from pathlib import Path

from RbeeLibrary.journal.record_kinds import RECORD_KINDS

ROOT = Path(__file__).parent.parent.parent
WRITERS = {"record", "series", "note", "_record", "_line", "_note"}


def written() -> set[str]:
    found = set()
    for path in (ROOT / "RbeeLibrary").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", None) in WRITERS and node.args and isinstance(node.args[0], ast.Constant):
                found.add(node.args[0].value)
    return {kind for kind in found if isinstance(kind, str) and re.fullmatch("[a-z_]+", kind)}


def test_table_has_all_records_that_are_written():
    assert written() == set(RECORD_KINDS)


def test_contract_names_all_records():
    section = (ROOT / "resources/contract.md").read_text().partition("\n## 18.")[2].partition("\n## 19.")[0]
    assert set(RECORD_KINDS) - set(re.findall(r"`(\w+)`", section)) == set()
