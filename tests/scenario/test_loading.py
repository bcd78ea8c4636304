"""Every scenario and template that the package has is right, and runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.learning.test_data import write
from tests.worlds import ListLog
from wirelessfsl.scenario import load_scenario
from wirelessfsl.simulation import play

ROOT = Path(__file__).parents[2]


def digits_of_mnist(folder: Path) -> None:
    """Files such as MNIST's, of random images."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for half, count in ("train", 600), ("t10k", 100):
        images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        write(folder, half, images, np.arange(count, dtype=np.uint8) % 10)


FILES = sorted([*(ROOT / "scenarios").glob("*.yaml"), *(ROOT / "wirelessfsl" / "templates").glob("*.yaml")])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_scenario_or_template_runs_for_a_round(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIRELESSFSL_DATA", str(tmp_path))
    digits_of_mnist(tmp_path / "mnist")
    scenario = load_scenario(path)
    log = ListLog()
    short = {"rounds": 1} | ({"local_steps": 1} if hasattr(scenario.algorithm, "local_steps") else {})
    if hasattr(scenario.algorithm, "pruning"):
        short |= {"interval": 1}
    assert play(replace(scenario, algorithm=replace(scenario.algorithm, **short)), log).status == "completed"
    assert log.metrics
