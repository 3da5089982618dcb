"""What journals tell, without what differs from run to run by its nature: pids, ports, ids, real time."""

from collections import Counter
from typing import Any


def as_story(records: list[dict[str, Any]]) -> list[tuple[float, str, str, str]]:
    """Second of the clock since the beginning of the step, program, record and what it is about; simultaneous ones in order of the alphabet."""
    start = next(record["start"] for record in records if record["record"] == "clock_step")
    subjects = ("path", "worker_id", "timer", "index", "status", "misses", "to")
    return sorted(
        (
            round(record["clock"] - start, 3),
            record["name"],
            record["record"],
            " ".join(str(record[subject]) for subject in subjects if record.get(subject) is not None),
        )
        for record in records
    )


def difference(story: list[Any], expected: list[Any]) -> str:
    """What one story has and the other lacks, or an empty text."""
    more, less = Counter(story), Counter(expected)
    found = [f"+ {entry}" for entry in (more - less).elements()] + [f"- {entry}" for entry in (less - more).elements()]
    return "\n".join(found[:20])
