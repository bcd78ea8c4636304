"""Comparisons: runs that differ by seed are one row, and no mean hides a run that did not get there."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pytest
from rich.console import Console

from tests.results import scripted
from wirelessfsl.results.groups import group, labels, once
from wirelessfsl.results.prefixes import scale
from wirelessfsl.results.store import Run, RunWriter, open_run, write_json
from wirelessfsl.results.tables import Spread, as_rich, as_text, compare


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Three seeds of one scheme, the third too weak for 0.85, and one seed of another, three times as slow."""
    folder = tmp_path_factory.mktemp("runs")
    other = {"kind": "fedavg", "rounds": 4}
    return [
        scripted.write_run(folder / "1", "split", seed=1),
        scripted.write_run(folder / "2", "split", seed=2, lift=0.06),
        scripted.write_run(folder / "3", "split", seed=3, lift=-0.1),
        scripted.write_run(folder / "4", "fedavg", slower=3.0, algorithm=other),
    ]


def test_seeds_are_averaged_and_schemes_kept_apart(runs: list[Run]) -> None:
    split, fedavg = compare(runs)
    assert (split.label, split.runs, fedavg.label, fedavg.runs) == ("split", 3, "fedavg", 1)
    values = [0.9, 0.96, 0.8]
    mean = sum(values) / 3
    deviations = [value - mean for value in values]
    assert split.final_accuracy.mean == pytest.approx(mean)
    assert split.final_accuracy.std == pytest.approx(math.sqrt(sum(d * d for d in deviations) / 2))
    assert fedavg.final_accuracy == Spread(pytest.approx(0.9), pytest.approx(math.nan, nan_ok=True), 1)


def test_without_a_target_costs_are_those_of_the_whole_run(runs: list[Run]) -> None:
    split, fedavg = compare(runs)
    assert (split.time_s.mean, split.time_s.std, split.time_s.n) == (40.0, 0.0, 3)
    assert fedavg.time_s.mean == 120.0
    assert fedavg.energy_j.mean == pytest.approx(3 * 4 * scripted.ROUND_J)
    assert fedavg.bytes.mean == 4 * 3 * 14100


def test_costs_to_a_target_are_over_the_runs_that_reached_it(runs: list[Run]) -> None:
    split, fedavg = compare(runs, 0.85)
    assert split.time_s == Spread(30.0, pytest.approx(math.sqrt(200.0)), 2)  # 40 s and 20 s; the third never
    assert split.energy_j.mean == pytest.approx(3 * scripted.ROUND_J)
    assert fedavg.bytes == Spread(4 * 3 * 14100, pytest.approx(math.nan, nan_ok=True), 1)


def test_the_text_table_is_aligned_and_says_what_was_not_reached(runs: list[Run]) -> None:
    lines = as_text(compare(runs, 0.95)).splitlines()
    heads = "scenario  runs  final accuracy  best accuracy  time to 0.95 (s)  energy to 0.95 (J)  traffic to 0.95 (kB)"
    assert [head.strip() for head in lines[0].split("  ") if head] == heads.split("  ")
    assert "40.00 (1 of 3)" in lines[1]
    assert lines[2].count("not reached") == 3
    assert len({len(line) for line in lines}) == 1


def test_costs_are_shown_in_units_that_keep_numbers_short(runs: list[Run]) -> None:
    text = as_text(compare(runs))
    assert "time (s)" in text
    assert "120.0" in text
    assert "169.2" in text
    assert "traffic (kB)" in text


def test_an_unfinished_run_is_marked(runs: list[Run], tmp_path: Path) -> None:
    stopped = scripted.write_run(tmp_path, "split", seed=4, status="interrupted", rounds=2)
    assert "4 (1 unfinished)" in as_text(compare([*runs, stopped]))


def test_a_run_without_evaluation_says_so(tmp_path: Path) -> None:
    stopped = scripted.write_run(tmp_path, status="interrupted", rounds=0)
    assert as_text(compare([stopped])).count("no evaluation") == 5


def test_equal_runs_count_once_and_the_finished_one_of_them(tmp_path: Path) -> None:
    first = scripted.write_run(tmp_path / "1", "split", seed=1, status="interrupted", rounds=2)
    other = scripted.write_run(tmp_path / "2", "split", seed=2, lift=0.02)
    again = scripted.write_run(tmp_path / "3", "renamed", seed=1)
    runs, repeats = once([first, other, again, open_run(other.path)])
    assert [run.path.name for run in runs] == ["3", "2"]
    assert [(run.path.name, counted.path.name) for run, counted in repeats] == [("1", "3"), ("2", "2")]
    (row,) = compare([first, other, again])
    assert (row.runs, row.unfinished, row.final_accuracy.n) == (2, 0, 2)
    (row,) = compare([other, other])
    assert (row.runs, row.final_accuracy.n) == (1, 1)


def test_an_unfinished_run_without_evaluation_shows_what_it_is_known_to_have_cost(tmp_path: Path) -> None:
    log = RunWriter(tmp_path)
    for event in scripted.events(1):
        log.event(event)
    log.close()
    write_json(tmp_path / "manifest.json", {"status": "interrupted", "scenario": scripted.scenario("early", 1)})
    (row,) = compare([open_run(tmp_path)])
    assert (row.time_s.mean, row.bytes.mean) == (10.0, 3 * 14100)
    assert row.energy_j.mean == pytest.approx(scripted.ROUND_J)
    assert as_text([row]).count("no evaluation") == 2
    assert as_text(compare([open_run(tmp_path)], 0.5)).count("no evaluation") == 5


def test_a_timing_only_run_stands_apart_from_training_runs_of_its_scenario(tmp_path: Path) -> None:
    def timed(name: str, seed: int) -> Run:
        run = scripted.write_run(tmp_path / name, seed=seed)
        write_json(run.path / "manifest.json", run.manifest | {"timing_only": True})
        RunWriter(tmp_path / "none").close()
        (tmp_path / "none" / "metrics.parquet").replace(run.path / "metrics.parquet")
        return open_run(run.path)

    learnt = scripted.write_run(tmp_path / "learnt", seed=1)
    first, second = timed("timed", 1), timed("again", 2)
    assert once([first, learnt]) == ([first, learnt], [])
    rows = compare([learnt, first, second])
    assert [(row.label, row.runs, row.final_accuracy.n) for row in rows] == [
        ("scripted", 1, 1),
        ("scripted, timing-only", 2, 0),
    ]
    assert rows[0].time_s.mean == rows[1].time_s.mean
    assert as_text(compare([learnt, first], 0.5)).count("no evaluation") == 5


def test_a_column_without_numbers_has_the_unit_of_the_whole_runs(runs: list[Run]) -> None:
    heads = as_text(compare(runs, 0.99)).splitlines()[0]
    assert "traffic to 0.99 (kB)" in heads
    assert "time to 0.99 (s)" in heads


def test_the_terminal_table_shows_the_same_cells(runs: list[Run]) -> None:
    console = Console(width=200, file=io.StringIO(), record=True)
    rows = compare(runs, 0.85)
    console.print(as_rich(rows))
    shown = console.export_text()
    for line in as_text(rows).splitlines():
        assert all(cell.strip() in shown for cell in line.split("  "))


def test_namesakes_are_told_apart_by_what_differs(tmp_path: Path) -> None:
    runs = [
        scripted.write_run(tmp_path / str(i), "study", codecs={"activations": [{"kind": "quantize", "bits": bits}]})
        for i, bits in enumerate((4, 8))
    ]
    assert [found.label for found in group(runs)] == ["study (bits=4)", "study (bits=8)"]


def test_another_kind_is_said_without_the_fields_it_brings() -> None:
    settings = [{"fading": {"kind": "rician", "k_factor_db": 6.0}}, {"fading": {"kind": "rayleigh"}}]
    assert labels(["a", "a"], settings) == ["a (fading=rician)", "a (fading=rayleigh)"]


@pytest.mark.parametrize(
    ("unit", "largest", "factor", "text"),
    [
        ("s", 2e-5, 1e-6, "µs"),
        ("s", 179.0, 1.0, "s"),
        ("s", 180.0, 60.0, "min"),
        ("s", 20_000.0, 3600.0, "h"),
        ("J", 0.02, 1e-3, "mJ"),
        ("J", 5e6, 1e6, "MJ"),
        ("B", 999, 1.0, "B"),
        ("B", 1000, 1e3, "kB"),
        ("B", 0, 1.0, "B"),
    ],
)
def test_units_fit_the_largest_value(unit: str, largest: float, factor: float, text: str) -> None:
    assert scale(unit, largest) == (factor, text)
