"""What the committed studies tell is what their scripts make of the committed tables, and their arithmetic is right."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from analysis.channel_convergence import draw as convergence
from analysis.crossover import draw as crossover
from analysis.cut_layer import draw as cuts
from analysis.energy_latency import draw as energy
from wirelessfsl import load_scenario
from wirelessfsl.quantities import snr_db

ROOT = Path(__file__).parents[1]
LOSS = "network.channel.path_loss.reference_loss_db"


def committed(path: str) -> list[dict[str, str]]:
    with (ROOT / "analysis" / path).open(newline="") as stream:
        return [*csv.DictReader(stream)]


def text(rows: list[dict[str, object]]) -> list[dict[str, str]]:
    return [{name: str(value) for name, value in row.items()} for row in rows]


def test_the_crossings_are_those_of_the_tables() -> None:
    assert text(crossover.table(crossover.Study())) == committed("crossover/crossings.csv")


def test_the_costs_of_targets_are_those_of_the_rounds() -> None:
    assert text(convergence.table(convergence.read())) == committed("channel_convergence/targets.csv")


@pytest.mark.parametrize("cell", crossover.CELLS)
def test_the_snr_by_hand_is_that_of_the_simulator_in_the_share_of_a_device(cell: str) -> None:
    _, profile, band_hz = crossover.CELLS[cell]
    scenario = load_scenario(
        ROOT / "scenarios" / "quickstart.yaml",
        [
            "data.clients=10",
            f"devices=[{{count: 10, profile: {profile}}}]",
            "network.layout={kind: fixed, distances_m: [100.0]}",
            "network.channel={path_loss: {kind: log_distance, exponent: 3.0, reference_loss_db: 69.0}}",
            f"network.medium={{kind: fdma, bandwidth_hz: {band_hz}}}",
        ],
    )
    study = crossover.Study()
    losses = sorted({float(row[LOSS]) for row in study.timing}, reverse=True)
    by_hand = dict(zip(losses, study.round_costs(cell, "time", "none")[0], strict=True))
    assert by_hand[69.0] == pytest.approx(snr_db(scenario) + 10.0, abs=0.05)
    if cell == "phone_20_mhz":
        assert by_hand[69.0] == pytest.approx(convergence.SNR_DB_AT_NO_LOSS - 69.0, abs=0.05)


@pytest.mark.parametrize("rounds", [(16, 20, 24), (16, 20, 36)])
def test_codecs_are_even_where_costs_and_rounds_say_so(rounds: tuple[int, ...]) -> None:
    """A round of one codec takes 1 s, of the other 10^((SNR - 9) / 10) s, and twice the rounds or three times."""
    study = crossover.Study.__new__(crossover.Study)
    study.learning = [
        {"codec": codec, "seed": str(seed), "rounds": "1", "simulated_s": "1", "time_to_0.9_s": str(needed)}
        for codec, needs in (("none", (8, 10, 12)), ("quantize_2", rounds))
        for seed, needed in enumerate(needs)
    ]
    study.timing = [
        {"cell": "phone_20_mhz", "codec": codec, LOSS: str(loss), "rounds": "1", "simulated_s": str(cost)}
        for loss in range(50, 81, 5)
        for codec, cost in (("none", 1.0), ("quantize_2", 10 ** ((60 - loss) / 10)))
    ]
    ((below, above, *found),) = study.crossings("phone_20_mhz", "0.9", "time", ["none", "quantize_2"])
    more_db = 10 * np.log10(np.array(rounds) / (8, 10, 12))
    half_db = 4.303 * more_db.std(ddof=1) / 3**0.5  # Student's t at 0.975 with two degrees of freedom
    assert (below, above) == ("quantize_2", "none")
    expected = 9.0 - more_db.mean() + np.array([0.0, -half_db, half_db])
    assert found == pytest.approx(expected, abs=2 * crossover.FINE_DB)


def test_cuts_change_places_where_a_power_of_the_distance_meets_a_constant() -> None:
    rows = [
        {"cut": cut, "device": "phone", "distance_m": str(metres), "seed": str(seed), "round_s": str(cost)}
        for seed, level in enumerate((90.0, 110.0), start=1)
        for metres in (10.0, 30.0, 50.0, 200.0, 400.0)
        for cut, cost in (("block1", metres**2), ("block2", level**2))
    ]
    half_m = 12.706 * 20 / 2  # Student's t at 0.975 with one degree of freedom, times s / sqrt(2)
    assert cuts.crossings(rows, "phone", "block1", "block2", "round_s") == f"100 ± {half_m:.3g} m"
    assert cuts.crossings(rows, "phone", "block2", "block1", "round_s") == "not in every seed"


def test_the_front_has_the_points_that_no_other_beats_in_time_and_energy() -> None:
    costs = {"quick": (1.0, 5.0), "worse": (2.0, 6.0), "middle": (3.0, 4.0), "tied": (3.0, 4.5), "thrifty": (9.0, 1.0)}
    points = {(name, "none"): cost for name, cost in costs.items()}
    assert [name for name, _ in energy.front(points)] == ["quick", "middle", "thrifty"]
