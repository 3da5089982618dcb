"""What the evidence says of a process that is asked nothing."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from RbeeLibrary.session.programs.process_table import outside_state


@pytest.mark.parametrize(
    ("exit_code", "alive", "frozen", "said"),
    [
        (None, True, False, "alive"),
        (None, True, True, "frozen"),
        (None, False, False, "gone"),
        (3, False, False, "exited with 3"),
        (-9, False, False, "was ended by SIGKILL"),
    ],
)
def test_end_of_a_process_is_told_with_its_exit_code_if_that_is_known(exit_code, alive, frozen, said):
    assert outside_state(SimpleNamespace(exit_code=exit_code, alive=alive, frozen=frozen)) == said
