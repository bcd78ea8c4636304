"""Quantities that figures are drawn against: by hand from the link budget, and from run folders over all seeds."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from tests.worlds import RADIO, tiny
from wirelessfsl.api import simulate
from wirelessfsl.cli import main
from wirelessfsl.engine.access import ConstantLink, Fdma
from wirelessfsl.network.layout import Listed
from wirelessfsl.network.mobility import StraightLine
from wirelessfsl.network.regions import RectangleRegion
from wirelessfsl.quantities import QUANTITIES, distance_m, snr_db, speed_m_s
from wirelessfsl.radio.fading import Rayleigh
from wirelessfsl.radio.link import Channel
from wirelessfsl.radio.propagation import LogDistance
from wirelessfsl.results.store import Run
from wirelessfsl.scenario import Network, Scenario, load_scenario
from wirelessfsl.viewing import against

ROOT = Path(__file__).parents[1]
LAW = LogDistance(reference_loss_db=40.0, reference_distance_m=1.0, exponent=3.0)
AIR = Channel(path_loss=LAW, fading=Rayleigh(), noise_density_dbm_hz=-174.0)


def scenario(**network: Any) -> Scenario:
    parts = {
        "layout": Listed(at_m=((30.0, 40.0), (0.0, -500.0))),
        "channel": AIR,
        "medium": Fdma(bandwidth_hz=1e6, downlink_bandwidth_hz=4e6),
    }
    return tiny(2, network=Network(**(parts | network)))


def test_distance_is_the_mean_of_the_devices() -> None:
    assert distance_m(scenario()) == pytest.approx((50 + 500) / 2)


def test_snr_is_the_mean_link_budget_of_the_uplink_in_db_whatever_the_fading() -> None:
    """30 dBm - (40 + 30 lg d) dB - (-174 + 10 lg 1e6 + F) dBm; 50 and 500 m are 30 dB apart."""
    near_db = 30.0 - (40.0 + 30.0 * 1.69897) - (-174.0 + 60.0 + RADIO.noise_figure_db)
    assert snr_db(scenario()) == pytest.approx(near_db - 15.0, abs=1e-4)


def test_speed_is_that_of_the_mobility() -> None:
    region = RectangleRegion(width_m=2000.0, height_m=2000.0)
    assert speed_m_s(scenario()) == 0.0
    assert speed_m_s(scenario(mobility=StraightLine(region=region, speed_m_s=8.3))) == 8.3


def test_a_medium_without_places_has_neither_distance_nor_snr() -> None:
    wired = scenario(medium=ConstantLink(uplink_bit_s=1e6, downlink_bit_s=1e6))
    for name in ("distance", "snr"):
        with pytest.raises(ValueError, match=r"network.medium constant has rates without"):
            QUANTITIES[name].of(wired)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Two seeds near and one far, each a round of two clients."""
    folder = tmp_path_factory.mktemp("runs")
    short = ["algorithm.rounds=1", "algorithm.local_steps=1", "data.clients=2", "devices=[{count: 2}]"]
    made = []
    for radius_m, seed in ((50, 1), (50, 2), (400, 1)):
        changes = [*short, f"network.layout.radius_m={radius_m}"]
        made.append(
            simulate(
                load_scenario(ROOT / "scenarios" / "quickstart.yaml", changes, seed), folder / f"{radius_m}-{seed}"
            )
        )
    return made


def test_equal_networks_have_one_value_whichever_seeds_were_run(runs: list[Run]) -> None:
    axis = against(runs, "distance")
    near, other, far = (axis.values[run.path] for run in runs)
    assert near == other
    of_seeds = [distance_m(load_scenario(runs[2].path / "scenario.yaml", seed=seed)) for seed in (1, 2)]
    assert far == pytest.approx(fmean(of_seeds))
    assert axis.label == "mean distance (m)"


def test_the_command_draws_against_what_it_is_told(runs: list[Run], tmp_path: Path, capsys: Any) -> None:
    plot = ["plot", *(str(run.path) for run in runs), "--format", "png", "--out", str(tmp_path)]
    low = ["--target-accuracy", "0.01"]
    assert main([*plot, "--kind", "tradeoff", "--x", "snr", *low]) == 0
    assert main([*plot, "--kind", "tradeoff", "--kind", "pareto", "--x", "network.layout.radius_m", *low]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pareto.png", "tradeoff.png"]
    capsys.readouterr()
    for wrong, told in {
        ("--kind", "tradeoff"): "plot: tradeoff: against what? give --x, such as --x network.medium.bandwidth_hz",
        ("--kind", "pareto", "--x", "snr"): "plot: --x is a knob of tradeoff, not of pareto; leave it out",
        ("--log", "x"): "plot: --log is a knob of tradeoff, not of latency",
        ("--target-accuracy", "0.5"): "plot: --target-accuracy is a knob of tradeoff and pareto, not of latency",
        ("--kind", "tradeoff", "--x", "network.layout.depth"): "network.layout has no 'depth'; allowed: kind, radius_m",
        ("--kind", "tradeoff", "--x", "speed", *low): "speed is 0 m/s in all runs: there is nothing to draw it against",
    }.items():
        assert main([*plot, *wrong]) == 2
        assert told in capsys.readouterr().err
