"""Running from Python: what a script may give, and what it is told otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import wirelessfsl


@pytest.mark.parametrize("given", ["scenarios/quickstart.yaml", Path("x"), {"name": "x"}, None])
def test_what_is_no_scenario_is_refused_with_how_to_get_one(given: Any, tmp_path: Path) -> None:
    rule = rf"^got {type(given).__name__}, give a Scenario; see wirelessfsl\.load_scenario$"
    with pytest.raises(TypeError, match=rule):
        wirelessfsl.simulate(given, out=tmp_path / "x")
    assert not (tmp_path / "x").exists()
