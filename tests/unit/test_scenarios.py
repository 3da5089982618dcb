"""Every scenario has tests and a title, and the table of them is up to date."""

from scenario_table import PAGE, TITLES, folders, page
from scenario_table import tests_by_scenario as scenarios


def test_every_scenario_has_a_test():
    found = scenarios()
    assert [f"S{number:02}" for number in range(1, 63) if f"S{number:02}" not in found] == []
    assert [f"EC{number}" for number in range(1, 11) if f"EC{number}" not in found] == []
    assert [f"L{number:03}" for number in range(1, 48) if f"L{number:03}" not in found] == []
    assert [f"U{number:02}" for number in range(1, 21) if f"U{number:02}" not in found] == []


def test_every_scenario_has_a_title_of_its_own():
    assert [scenario for scenario in scenarios() if not TITLES.get(scenario)] == []
    assert sorted(set(TITLES) - set(scenarios())) == []
    assert len(set(TITLES.values())) == len(TITLES)


def test_every_folder_has_a_topic():
    assert [name for name, topic in folders() if not topic] == []


def test_table_is_what_the_tags_say():
    assert PAGE.read_text() == page(), "run python tests/tools/scenario_table.py"
