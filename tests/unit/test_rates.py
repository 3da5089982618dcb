"""How often in a time: `20/s`, `30/min`, `1/5s`."""

import pytest

from RbeeLibrary.keywords.argument_types import CONVERTERS, Rate


@pytest.mark.parametrize(
    ("text", "per_second"),
    [("20/s", 20), ("30/min", 0.5), ("1/5s", 0.2), ("10/2 min", 1 / 12), ("7200/h", 2), ("0/s", 0), ("2.5", 2.5), ("20 / s", 20)],
)
def test_rates(text, per_second):
    assert CONVERTERS[Rate](text) == pytest.approx(per_second)


@pytest.mark.parametrize("text", ["often", "-1/s", "inf/s", "nan/s", "20/0s", "20/never", "20/", ""])
def test_other_texts_are_no_rates(text):
    with pytest.raises(ValueError, match=r"^expected a rate such as 20/s or 30/min$"):
        CONVERTERS[Rate](text)
