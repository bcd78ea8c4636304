"""Lines of costs to an accuracy against a setting, and Pareto fronts, as numbers and as drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.results import scripted
from wirelessfsl.results.axes import setting
from wirelessfsl.results.bands import mean_interval
from wirelessfsl.results.plots.convergence import convergence
from wirelessfsl.results.plots.fairness import fairness
from wirelessfsl.results.plots.pareto import pareto
from wirelessfsl.results.plots.scales import logarithmic
from wirelessfsl.results.plots.stacked import energy
from wirelessfsl.results.plots.tradeoff import tradeoff
from wirelessfsl.results.store import Run
from wirelessfsl.results.tradeoffs import tradeoffs

BANDWIDTH = "network.medium.bandwidth_hz"
SLOWER = {"fedavg": 1.0, "mtsl": 2.0}


def network(bandwidth_hz: float) -> dict[str, Any]:
    return {"medium": {"kind": "fdma", "bandwidth_hz": bandwidth_hz}}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Two schemes at two bandwidths with three seeds: 80 % after 20 s times the factors below, times 1, 1.1 and 1.2.

    One seed of mtsl at 5 MHz comes to 78 % only.
    """
    folder = tmp_path_factory.mktemp("study")
    found = []
    for kind, slower in SLOWER.items():
        for hz, wider in ((5e6, 1.0), (1e6, 5.0)):
            for seed in (1, 2, 3):
                short = (kind, hz, seed) == ("mtsl", 5e6, 3)
                found.append(
                    scripted.write_run(
                        folder / f"{kind}-{hz:g}-{seed}", "study", seed,
                        slower=slower * wider * (1 + 0.1 * (seed - 1)), lift=-0.12 if short else 0.0,
                        algorithm={"kind": kind}, network=network(hz),
                    )
                )  # fmt: skip
    return found


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def rows(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].get_yticklabels()]


def test_a_line_has_what_differs_by_the_setting_and_the_seed_alone(runs: list[Run]) -> None:
    first, second = tradeoffs(runs, setting(runs, BANDWIDTH), 0.8)
    assert (first.label, first.kind) == ("fedavg", "fedavg")
    assert (second.label, second.kind) == ("mtsl", "mtsl")
    assert [point.x for point in first.points] == [1e6, 5e6]
    assert [hit.time_s for hit in first.points[0].reached] == pytest.approx([100, 110, 120])
    assert [hit.time_s for hit in first.points[1].reached] == pytest.approx([20, 22, 24])
    assert [(len(point.reached), point.runs) for point in second.points] == [(3, 3), (2, 3)]


def test_what_goes_with_the_setting_does_not_part_a_line_and_another_setting_does(tmp_path: Path) -> None:
    def lines(*settings: dict[str, Any]) -> list[str]:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        runs = [scripted.write_run(folder / str(i), "s", **each) for i, each in enumerate(settings)]
        return [line.label for line in tradeoffs(runs, setting(runs, "data.clients"), 0.8)]

    zipped = [{"data": {"clients": n}, "devices": [{"count": n}]} for n in (2, 4)]
    assert lines(*zipped) == ["s"]
    crossed = [{"data": {"clients": n}, "codecs": {"bits": bits}} for n in (2, 4) for bits in (4, 8)]
    assert lines(*crossed) == ["s (bits=4)", "s (bits=8)"]
    alone = [{"data": {"clients": n}, "algorithm": {"kind": kind}} for n, kind in ((2, "pfsl"), (4, "mtsl"))]
    assert lines(*alone) == ["pfsl", "mtsl"]


def test_accuracy_of_own_models_is_marked(tmp_path: Path) -> None:
    runs = []
    for kind in ("mtsl", "fedavg"):
        for hz in (1e6, 5e6):
            runs.append(scripted.write_run(tmp_path / f"{kind}{hz}", algorithm={"kind": kind}, network=network(hz)))
            if kind == "mtsl":
                (runs[-1].path / "models").mkdir()
    assert [line.label for line in tradeoffs(runs, setting(runs, BANDWIDTH), 0.8)] == ["mtsl, own models", "fedavg"]
    assert legend(pareto(runs, 0.8)) == ["mtsl, own models", "fedavg", "front"]
    narrow = runs[::2]
    assert legend(convergence(narrow)) == ["mtsl, own models", "fedavg"]
    assert rows(fairness(narrow)) == ["mtsl, own models", "fedavg"]
    assert rows(energy(narrow)) == ["mtsl", "fedavg"]


def test_a_kind_on_the_axis_brings_its_fields_along(tmp_path: Path) -> None:
    fadings = [{"kind": "none"}, {"kind": "rician", "k_factor_db": 6.0}, {"kind": "rayleigh"}]
    runs = [scripted.write_run(tmp_path / str(i), network={"fading": each}) for i, each in enumerate(fadings)]
    (line,) = tradeoffs(runs, setting(runs, "network.fading.kind"), 0.8)
    assert [point.x for point in line.points] == ["none", "rician", "rayleigh"]


def test_lines_are_means_with_intervals_and_what_was_not_reached_is_told(runs: list[Run]) -> None:
    figure = tradeoff(runs, setting(runs, BANDWIDTH), 0.8)
    time, energy = figure.axes
    assert (time.get_ylabel(), energy.get_ylabel()) == ("time to 80 % (min)", "energy to 80 % (kJ)")
    assert energy.get_xlabel() == "bandwidth (MHz)"
    means = {
        line.get_color(): line for line in time.lines if line.get_xdata().size == 2 and line.get_linestyle() != "None"
    }
    fedavg, mtsl = means.values()
    np.testing.assert_allclose(fedavg.get_xdata(), [1, 5])
    np.testing.assert_allclose(60 * fedavg.get_ydata(), [110, 22])
    np.testing.assert_allclose(60 * mtsl.get_ydata(), [220, np.nan])
    bars = [path.vertices[:, 1] for box in time.collections for path in box.get_paths()]
    told = mean_interval(np.array([100.0, 110.0, 120.0]))
    np.testing.assert_allclose(60 * bars[0], [told.low, told.high])
    assert told.mean == pytest.approx(110)
    assert len(bars) == 3
    assert [text.get_text() for text in time.texts] == ["2/3"]
    dots = [line.get_ydata() for line in time.lines if line.get_marker() == "."]
    np.testing.assert_allclose(dots, [[40 / 60, 44 / 60]])
    assert legend(figure)[-2:] == ["95 % interval", "not reached by all"]
    assert time.get_ylim()[1] > max(bar[1] for bar in bars)


def test_energy_is_that_of_the_whole_network_up_to_the_accuracy(runs: list[Run]) -> None:
    energy = tradeoff(runs[:6], setting(runs[:6], BANDWIDTH), 0.8).axes[1]
    (mean,) = [line for line in energy.lines if line.get_xdata().size == 2]
    joules = 2 * scripted.ROUND_J * np.array([5 * 1.1, 1.1])
    np.testing.assert_allclose(mean.get_ydata(), joules)


def test_two_seeds_are_dots_around_a_mean_without_interval(runs: list[Run]) -> None:
    two = [run for run in runs[:6] if run.scenario["seed"] != 3]
    figure = tradeoff(two, setting(two, BANDWIDTH), 0.8)
    dots = [line.get_ydata() for line in figure.axes[0].lines if line.get_marker() == "."]
    np.testing.assert_allclose(dots, [[100, 110], [20, 22]])
    assert not figure.axes[0].collections
    assert legend(figure) == ["study"]


def test_axes_are_logarithmic_when_asked_and_words_have_places(runs: list[Run]) -> None:
    figure = tradeoff(runs, setting(runs, BANDWIDTH), 0.8, log="xy")
    panel = figure.axes[1]
    assert (panel.get_xscale(), panel.get_yscale()) == ("log", "log")
    figure.draw_without_rendering()
    assert [label.get_text() for label in panel.get_xticklabels()] == ["1", "5"]
    assert panel.get_ylim()[0] > 0
    words = tradeoff(runs, setting(runs, BANDWIDTH)._replace(values={r.path: r.path.name[:4] for r in runs}), 0.8)
    assert [label.get_text() for label in words.axes[1].get_xticklabels()] == ["feda", "mtsl"]


@pytest.mark.parametrize(
    ("x", "target", "message"),
    [
        (BANDWIDTH, 0.99, r"no run reached 99 %, the best one 90 %; give a lower --target-accuracy"),
        ("network.medium.kind", 0.8, r"medium is fdma in all runs: there is nothing to draw it against"),
        ("evaluation.every_rounds", 0.8, r"every rounds is 1 in all runs: there is nothing to draw it against"),
        ("algorithm.kind", 0.8, r"algorithm.kind is what the lines are; draw them against another setting"),
    ],
)
def test_a_figure_without_sense_is_refused(runs: list[Run], x: str, target: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tradeoff(runs, setting(runs, x), target)


def test_a_wide_logarithmic_axis_has_a_tick_a_decade() -> None:
    panel = Figure().subplots()
    panel.plot([0.02, 5.0], [1.0, 1.0])
    logarithmic(panel, "x", 0.02, 5.0)
    low, high = panel.get_xlim()
    assert [tick for tick in panel.get_xticks() if low < tick < high] == pytest.approx([0.1, 1.0])


def test_a_logarithmic_axis_of_words_is_refused(runs: list[Run]) -> None:
    words = setting(runs, BANDWIDTH)._replace(values={run.path: run.path.name[:4] for run in runs})
    with pytest.raises(ValueError, match=r"bandwidth has values that are not above 0; leave the x axis linear"):
        tradeoff(runs, words, 0.8, log="x")


def test_a_pareto_figure_joins_what_nothing_beats(runs: list[Run]) -> None:
    figure = pareto(runs, 0.8)
    accuracy, energy, costs = figure.axes
    assert accuracy.get_ylabel() == "best accuracy (%)"
    assert [panel.get_xlabel() for panel in figure.axes] == [
        "time to the best (min)", "energy to the best (kJ)", "time to 80 % (min)"
    ]  # fmt: skip
    assert costs.get_ylabel() == "energy to 80 % (J)"
    assert costs.get_title(loc="right") == "without 1 of 4: not reached with every seed"
    filled = [line for line in accuracy.lines if line.get_marker() != "None" and line.get_markerfacecolor() != "none"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in filled] == [
        (pytest.approx(44 / 60), pytest.approx(90))
    ]
    assert figure.get_suptitle() == "1: fedavg (bandwidth_hz=5e+06)"
    assert [text.get_text() for text in accuracy.texts] == ["1"]
    assert legend(figure) == ["fedavg", "mtsl", "front"]
    (step,) = [line for line in accuracy.lines if line.get_drawstyle() == "steps-post"]
    np.testing.assert_allclose(step.get_xdata()[:2], 44 / 60)
    assert energy.get_ylim() == accuracy.get_ylim()


def test_a_pareto_figure_of_one_scenario_is_refused(runs: list[Run]) -> None:
    with pytest.raises(ValueError, match=r"study is the only scenario: a front is of several"):
        pareto(runs[:3], 0.8)
