"""Every scenario and template that the package has is right, and runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.worlds import ListLog
from wirelessfsl.scenario import load_scenario
from wirelessfsl.simulation import play

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "scenarios").glob("*.yaml"), *(ROOT / "wirelessfsl" / "templates").glob("*.yaml")])
INSTEAD_OF_FILES = ["data={name: digits, clients: 20}", "model={name: small_cnn}"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_scenario_or_template_runs_for_a_round(path: Path) -> None:
    scenario = load_scenario(path, INSTEAD_OF_FILES if path.name == "mnist.yaml" else [])
    log = ListLog()
    assert (
        play(replace(scenario, algorithm=replace(scenario.algorithm, rounds=1, local_steps=1)), log).status
        == "completed"
    )
    assert log.metrics
