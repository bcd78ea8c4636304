"""Tiny whole runs against files in this folder. To change them: ``python -m tests.golden.regenerate``."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from tests.golden.golden import FOLDER, NAMES, facts
from wirelessfsl.scenario import load_scenario
from wirelessfsl.scenario.settings import Algorithm


@pytest.fixture(scope="module", params=NAMES)
def pair(request: pytest.FixtureRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    """What comes out now, and what did when the golden was made."""
    return facts(request.param), json.loads((FOLDER / f"{request.param}.json").read_text())


def test_there_is_a_golden_for_every_scheme() -> None:
    schemes = {scheme.kind for scheme in get_args(get_args(Algorithm)[0])}
    assert {load_scenario(FOLDER / f"{name}.yaml").algorithm.kind for name in NAMES} == schemes


@pytest.mark.parametrize("what", ["seconds", "joules"])
def test_times_and_energies_per_phase_are_those_of_the_golden(
    pair: tuple[dict[str, Any], dict[str, Any]], what: str
) -> None:
    now, golden = pair
    assert now[what] == pytest.approx(golden[what], rel=1e-9, abs=1e-10)


def test_bytes_rows_and_status_are_those_of_the_golden(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    now, golden = pair
    for what in ("status", "bytes", "rows"):
        assert now[what] == golden[what]


def test_every_row_is_where_it_was(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    now, golden = pair
    assert now["simulated_s"] == pytest.approx(golden["simulated_s"], rel=1e-12)
    assert now["digest"] == golden["digest"]


def test_the_model_is_that_of_the_golden(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    # Kernels round differently from processor to processor, and quantisation can turn that into a whole step.
    now, golden = pair
    assert [len(part) for part in now["norms"]] == [len(part) for part in golden["norms"]]
    for part, expected in zip(now["norms"], golden["norms"], strict=True):
        assert part == pytest.approx(expected, rel=1e-4)
    assert now["loss"] == pytest.approx(golden["loss"], rel=1e-3)
    assert now["accuracy"] == pytest.approx(golden["accuracy"], abs=0.01)
