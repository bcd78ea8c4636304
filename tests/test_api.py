"""Running from Python: what a script may give, and what it is told otherwise."""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest

import wirelessfsl
from tests.worlds import tiny


@pytest.mark.parametrize("given", ["scenarios/quickstart.yaml", Path("x"), {"name": "x"}, None])
def test_what_is_no_scenario_is_refused_with_how_to_get_one(given: Any, tmp_path: Path) -> None:
    rule = rf"^got {type(given).__name__}, give a Scenario; see wirelessfsl\.load_scenario$"
    with pytest.raises(TypeError, match=rule):
        wirelessfsl.simulate(given, out=tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_run_whose_folder_is_taken_away_says_so_and_what_to_do(tmp_path: Path) -> None:
    scenario = tiny(2, rounds=2)
    with pytest.raises(RuntimeError, match=r"x: was deleted or moved while the run went on; run the scenario again"):
        wirelessfsl.simulate(scenario, out=tmp_path / "x", report=lambda _: rmtree(tmp_path / "x", ignore_errors=True))
