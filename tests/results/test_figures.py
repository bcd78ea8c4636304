"""Figures of tiny real runs: labels, units, and data against folds of the events table that are written anew here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure

from tests.results import scripted
from wirelessfsl import load_scenario, simulate
from wirelessfsl.results.looks import COLUMN_IN, WIDTH_IN
from wirelessfsl.results.plots.battery import battery
from wirelessfsl.results.plots.convergence import convergence
from wirelessfsl.results.plots.distribution import latency_cdf
from wirelessfsl.results.plots.fairness import fairness
from wirelessfsl.results.plots.kinds import KINDS
from wirelessfsl.results.plots.stacked import energy, latency
from wirelessfsl.results.store import Run

T_975_2 = 4.302652729911275
"""Student's t for 95 % and two degrees of freedom (tables: 4.303)."""
SCENARIO = """
name: tiny
data: {name: digits, clients: 4, partition: {kind: dirichlet, alpha: 1.0}}
model: {name: mlp, cuts: [fc1]}
algorithm: {kind: splitfed_v1, rounds: 3, local_steps: 2, batch_size: 16, optimizer: {kind: sgd, lr: 0.5}}
participation: {deadline_s: 0.06}
devices:
  - {count: 3, profile: raspberry-pi-4}
  - {count: 1, profile: phone-mid, battery: {kind: battery, capacity_j: 0.5, initial_fraction: 0.5}}
network:
  layout: {kind: disc, radius_m: 200}
  channel: {path_loss: {kind: log_distance, exponent: 3.0}, fading: {kind: rayleigh}}
  medium: {kind: fdma, bandwidth_hz: 20e6}
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Three seeds of one scenario."""
    folder = tmp_path_factory.mktemp("real")
    file = folder / "tiny.yaml"
    file.write_text(SCENARIO, encoding="utf-8")
    return [simulate(load_scenario(file, seed=seed), out=folder / str(seed)) for seed in (1, 2, 3)]


@pytest.fixture(scope="module")
def timing(runs: list[Run], tmp_path_factory: pytest.TempPathFactory) -> Run:
    file = runs[0].path.parent / "tiny.yaml"
    return simulate(
        load_scenario(file, timing_only=True), out=tmp_path_factory.mktemp("timing") / "1", timing_only=True
    )


def rows(run: Run) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = run.events.to_pylist()
    return found


def own_seconds(run: Run) -> dict[tuple[str, int], float]:
    """Seconds of each client in each round but for its waiting for others; inf where it left."""
    seconds: dict[tuple[str, int], float] = defaultdict(float)
    for row in rows(run):
        client = next(name for name in (row["node"], row["peer"], "") if name.startswith("client") or not name)
        if client and (row["activity"], row["phase"]) != ("wait", "idle"):
            if row["activity"] in ("compute", "transfer", "wait"):
                seconds[client, row["round"]] += row["end_s"] - row["start_s"]
            if row["activity"] == "drop":
                seconds[client, row["round"]] = np.inf
    return seconds


def joules(run: Run, nodes: Iterable[str]) -> dict[str, float]:
    """By phase, of some nodes."""
    spent: dict[str, float] = defaultdict(float)
    for row in rows(run):
        if row["node"] in nodes:
            spent[row["phase"]] += row["energy_j"]
    return spent


def interval(values: list[float]) -> tuple[float, float]:
    half = T_975_2 * stdev(values) / np.sqrt(3)
    return fmean(values) - half, fmean(values) + half


def bars(axis: Axes) -> dict[str, float]:
    """Length of the first bar by phase."""
    return {
        str(box.get_label()): box.patches[0].get_width() for box in axis.containers if isinstance(box, BarContainer)
    }


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_runs_have_clients_that_are_done_and_clients_that_are_not(runs: list[Run]) -> None:
    seconds = [second for run in runs for second in own_seconds(run).values()]
    assert 0 < sum(np.isinf(seconds)) < len(seconds)


def test_latency_ends_in_the_interval_of_the_mean_round_over_seeds(runs: list[Run]) -> None:
    figure = latency(runs)
    (axis,) = figure.axes
    assert axis.get_xlabel() == "mean time of a client's round (ms)"
    totals = []
    for run in runs:
        took = [row for row in rows(run) if row["activity"] in ("compute", "transfer", "wait")]
        named = {(row["round"], name) for row in rows(run) for name in (row["node"], row["peer"]) if "client" in name}
        of_clients = [row for row in took if "client" in row["node"] + row["peer"]]
        totals.append(1e3 * sum(row["end_s"] - row["start_s"] for row in of_clients) / len(named))
    assert sum(bars(axis).values()) == pytest.approx(fmean(totals))
    assert axis.lines[0].get_xdata() == pytest.approx(interval(totals))
    assert texts(figure)[-1] == "95 % interval, 3\N{NO-BREAK SPACE}seeds"
    assert [label.get_text() for label in axis.get_yticklabels()] == ["tiny"]


def test_two_seeds_have_no_interval_and_are_named(runs: list[Run]) -> None:
    figure = latency(runs[:2])
    assert np.isnan(figure.axes[0].lines[0].get_xdata()).all()
    assert not any("interval" in text for text in texts(figure))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["tiny, 2\N{NO-BREAK SPACE}seeds"]


def test_latency_cdf_has_the_quantiles_of_all_client_rounds_and_never_reaches_those_not_done(runs: list[Run]) -> None:
    figure = latency_cdf(runs)
    of_clients, of_rounds = figure.axes
    assert (of_clients.get_xlabel(), of_clients.get_ylabel()) == ("mean round of a client (ms)", "clients done (%)")
    assert (of_rounds.get_xlabel(), of_rounds.get_ylabel()) == ("round of a client (ms)", "client-rounds done (%)")
    seconds = np.array([second for run in runs for second in own_seconds(run).values()])
    x, y = of_rounds.lines[0].get_data()
    for share in (10, 50):
        expected = 1e3 * np.quantile(seconds, share / 100, method="inverted_cdf")
        assert x[np.searchsorted(y, share)] == pytest.approx(expected)
    assert y[-1] == pytest.approx(100 * np.isfinite(seconds).mean())
    assert y[-1] < 100
    assert texts(figure) == ["tiny, 3\N{NO-BREAK SPACE}seeds"]


def test_latency_cdf_of_clients_is_over_their_mean_rounds(runs: list[Run]) -> None:
    means = []
    for run in runs:
        done = {key: second for key, second in own_seconds(run).items() if np.isfinite(second)}
        means += [
            1e3 * fmean(s for (name, _), s in done.items() if name == client) for client, _ in dict.fromkeys(done)
        ]
    x = latency_cdf(runs).axes[0].lines[0].get_xdata()
    assert x[1:] == pytest.approx(sorted({round(mean, 9) for mean in means}))


def test_energy_has_a_panel_for_each_class_of_devices_and_the_server(runs: list[Run]) -> None:
    figure = energy(runs)
    of = {axis.get_xlabel(): axis for axis in figure.axes}
    members = {
        "energy of 3 × raspberry-pi-4 (J)": ["client-0", "client-1", "client-2"],
        "energy of 1 × phone-mid (mJ)": ["client-3"],
        "energy of the server (J)": ["server"],
    }
    assert list(of) == list(members)
    for label, nodes in members.items():
        factor = 1e-3 if "mJ" in label else 1.0
        spent = [joules(run, nodes) for run in runs]
        drawn = bars(of[label])
        for phase in ("idle", "activations", "model_upload"):
            assert drawn.get(phase, 0.0) * factor == pytest.approx(fmean(each[phase] for each in spent))
        assert of[label].lines[0].get_xdata() * factor == pytest.approx(interval([sum(s.values()) for s in spent]))


def test_convergence_is_the_mean_over_seeds_in_its_interval_up_to_the_end_of_the_first_run(runs: list[Run]) -> None:
    figure = convergence(runs)
    assert [axis.get_xlabel() for axis in figure.axes] == [
        *("communication round", "simulated time (ms)", "total energy (J)", "total traffic (kB)")
    ]
    assert [axis.get_ylabel() for axis in figure.axes] == ["test accuracy (%)", "", "test accuracy (%)", ""]
    found = [
        [row for row in run.metrics.to_pylist() if row["split"] == "test" and row["client"] is None] for run in runs
    ]
    accuracy = [[100 * row["accuracy"] for row in each] for each in found]
    assert figure.axes[0].lines[0].get_xdata() == pytest.approx([1, 2, 3])
    assert figure.axes[0].lines[0].get_ydata() == pytest.approx([fmean(each) for each in zip(*accuracy, strict=True)])
    for round, each in enumerate(zip(*accuracy, strict=True), 1):
        low, high = interval(list(each))
        corners = figure.axes[0].collections[0].get_paths()[0].vertices
        assert sorted({y for x, y in corners if x == round}) == pytest.approx([max(low, 0.0), min(high, 100.0)])
    times = [[1e3 * row["time_s"] for row in each] for each in found]
    x, y = figure.axes[1].lines[0].get_data()
    assert (x[0], x[-1]) == pytest.approx((max(each[0] for each in times), min(each[-1] for each in times)))
    instant = x[len(x) // 2]
    known = [[a for t, a in zip(*run, strict=True) if t <= instant][-1] for run in zip(times, accuracy, strict=True)]
    assert y[len(x) // 2] == pytest.approx(fmean(known))


def test_two_seeds_converge_as_two_lines(runs: list[Run]) -> None:
    figure = convergence(runs[:2])
    assert [len(axis.lines) for axis in figure.axes] == [2, 2, 2, 2]
    assert not figure.axes[0].collections


def test_seeds_that_are_never_evaluated_at_once_are_lines(tmp_path: Path) -> None:
    runs = [scripted.write_run(tmp_path / str(seed), seed=seed, slower=10.0**seed) for seed in (1, 2, 3)]
    assert [len(axis.lines) for axis in convergence(runs).axes] == [1, 3, 3, 1]


def test_fairness_has_a_point_a_client_and_their_mean_std_and_worst(runs: list[Run]) -> None:
    figure = fairness(runs)
    (axis,) = figure.axes
    assert axis.get_xlabel() == "final test accuracy of a client (%)"
    each = [
        [100 * row["accuracy"] for row in run.metrics.to_pylist() if row["round"] == 3 and row["client"] is not None]
        for run in runs
    ]
    *points, spread, worst = axis.lines
    assert [sorted(line.get_xdata()) for line in points] == [pytest.approx(sorted(one)) for one in each]
    lanes = [set(line.get_ydata()) for line in points]
    assert len(set().union(*lanes)) == len(lanes) == 3
    mean, std = fmean(map(np.mean, each)), fmean(map(np.std, each))
    assert spread.get_xdata() == pytest.approx([mean - std, mean, mean + std])
    assert worst.get_xdata() == pytest.approx([fmean(map(min, each))])
    assert texts(figure) == ["a client, 3\N{NO-BREAK SPACE}seeds", "mean ± std", "worst"]
    assert max(axis.get_xticks()) <= 100


def test_batteries_hold_what_was_not_drawn_and_last_by_what_a_round_draws(runs: list[Run]) -> None:
    figure = battery(runs)
    left, life = figure.axes
    assert (left.get_title(loc="left"), left.get_xlabel(), left.get_ylabel()) == (
        *("phone-mid", "simulated time (ms)", "energy left (mJ)"),
    )
    assert life.get_xlabel() == "expected battery life (rounds)"
    lives, ends = [], []
    for run in runs:
        drawn: dict[int, float] = defaultdict(float)
        for row in rows(run):
            if row["node"] == "client-3":
                drawn[row["round"]] += row["energy_j"]
        lives.append(0.25 / fmean(spent for spent in drawn.values() if spent))
        ends.append(250.0 - 1e3 * sum(drawn.values()))
    assert life.patches[0].get_width() == pytest.approx(fmean(lives))  # type: ignore[attr-defined]
    assert life.lines[0].get_xdata() == pytest.approx(interval(lives))
    alone = battery(runs[:1]).axes[0].lines[0]
    assert alone.get_xdata()[-1] == pytest.approx(1e3 * runs[0].summary["simulated_s"])
    assert alone.get_ydata()[[0, -1]] == pytest.approx([250.0, ends[0]])
    assert min(ends) == pytest.approx(0.0, abs=1e-6)
    assert max(ends) > 1.0


@pytest.mark.parametrize("kind", KINDS)
def test_a_timing_only_run_shows_all_but_accuracy(timing: Run, kind: str) -> None:
    if kind in ("convergence", "fairness"):
        with pytest.raises(ValueError, match="a timing-only run, which has no accuracy"):
            KINDS[kind]([timing], COLUMN_IN)
    else:
        assert KINDS[kind]([timing], COLUMN_IN).axes


@pytest.fixture(scope="module")
def long_names(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    folder, name = tmp_path_factory.mktemp("long"), "a-scheme_with_a_rather_long_name"
    two, one = ({"count": n, "profile": "raspberry-pi-zero-2w", "battery": scripted.BATTERY} for n in (2, 1))
    return [
        scripted.write_run(folder / f"{slow}-{seed}", name, seed, slower=slow, devices=[two, one | {"failures": slow}])
        for slow in (1.0, 300.0)
        for seed in (1, 2, 3)
    ]


@pytest.mark.parametrize("width_in", [COLUMN_IN, WIDTH_IN])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_sticks_out_of_a_figure_nor_lies_on_its_legend(
    long_names: list[Run], kind: str, width_in: float
) -> None:
    figure = KINDS[kind](long_names, width_in)
    figure.draw_without_rendering()
    drawn = figure.get_tightbbox()
    assert figure.get_size_inches()[0] == width_in
    assert drawn.x0 > -0.02
    assert drawn.x1 < width_in + 0.02
    assert drawn.y0 > -0.02
    assert drawn.y1 < figure.get_size_inches()[1] + 0.02
    legend = figure.legends[0].get_window_extent()
    assert all(legend.y1 <= axis.get_tightbbox().y0 + 1 for axis in figure.axes if axis.axison)


def test_a_run_without_batteries_has_no_battery_life(tmp_path: Path) -> None:
    mains = [{"count": 3, "profile": "raspberry-pi-4", "battery": {"kind": "none"}}]
    with pytest.raises(ValueError, match=r"no device has a battery; give it one with devices\.battery"):
        battery([scripted.write_run(tmp_path, devices=mains)])
