"""Comparisons: runs that differ by seed are one row, and no mean hides a run that did not get there."""

from __future__ import annotations

import io
import json
import math
import re
from pathlib import Path
from statistics import fmean, stdev

import pytest
from rich.console import Console
from ruamel.yaml import YAML

from tests.results import scripted
from wirelessfsl.results.exports import aligned
from wirelessfsl.results.groups import group, labels, once
from wirelessfsl.results.intervals import Interval, Ratio
from wirelessfsl.results.prefixes import scale
from wirelessfsl.results.store import PERSONAL, Run, RunWriter, open_run, write_json
from wirelessfsl.results.tables import Missed, Spread, compare
from wirelessfsl.results.tabulated import as_rich, as_text, cells, records

GOLDEN = Path(__file__).parents[1] / "golden"


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
    std = math.sqrt(sum(d * d for d in deviations) / 2)
    assert split.final_accuracy.std == pytest.approx(std)
    half = 4.302652730 * std / math.sqrt(3)  # Student's t of 97.5 % with 2 degrees of freedom
    assert split.final_accuracy.interval == pytest.approx((mean - half, mean + half))
    assert (fedavg.final_accuracy.mean, fedavg.final_accuracy.n) == (pytest.approx(0.9), 1)
    assert all(math.isnan(x) for x in (fedavg.final_accuracy.std, *fedavg.final_accuracy.interval))


def test_without_a_target_costs_are_those_of_the_whole_run(runs: list[Run]) -> None:
    (split,), (fedavg,) = (row.costs for row in compare(runs))
    assert split.target_accuracy is None
    assert split.time_s == Spread(40.0, 0.0, 3, Interval(40.0, 40.0))
    assert fedavg.time_s.mean == 120.0
    assert fedavg.energy_j.mean == pytest.approx(3 * 4 * scripted.ROUND_J)
    assert fedavg.bytes.mean == 4 * 3 * 14100


def test_costs_to_a_target_are_over_the_runs_that_reached_it_and_have_no_interval(runs: list[Run]) -> None:
    (split,), (fedavg,) = (row.costs for row in compare(runs, [0.85]))
    assert split.time_s[:3] == (30.0, pytest.approx(math.sqrt(200.0)), 2)  # 40 s and 20 s; the third never
    assert math.isnan(split.time_s.interval.low)
    assert split.missed == (Missed(3, "completed", pytest.approx(0.8)),)  # type: ignore[arg-type]
    assert split.energy_j.mean == pytest.approx(3 * scripted.ROUND_J)
    assert (fedavg.bytes.mean, fedavg.bytes.n, fedavg.missed) == (4 * 3 * 14100, 1, ())


def test_every_target_has_its_costs_and_one_that_is_named_twice_counts_once(runs: list[Run]) -> None:
    split, _ = compare(runs, [0.8, 0.95, 0.80])
    assert [cost.target_accuracy for cost in split.costs] == [0.8, 0.95]
    assert [cost.time_s.mean for cost in split.costs] == [pytest.approx((20 + 20 + 40) / 3), 40.0]
    assert [cost.time_s.n for cost in split.costs] == [3, 1]
    half = 4.302652730 * math.sqrt(400 / 3) / math.sqrt(3)
    assert split.costs[0].time_s.interval == pytest.approx((80 / 3 - half, 80 / 3 + half))


def pairs(folder: Path) -> list[Run]:
    """Two schemes, the second 2, 4 and 3 times as slow as the first in seeds 1, 2 and 3, and in seed 4 one of them."""
    other = {"kind": "fedavg", "rounds": 4}
    return [
        *(scripted.write_run(folder / f"a{i}", "split", seed=i, slower=s) for i, s in ((1, 1.0), (2, 1.5), (3, 1.2))),
        *(
            scripted.write_run(folder / f"b{i}", "fedavg", seed=i, slower=s, algorithm=other)
            for i, s in ((1, 2.0), (2, 6.0), (3, 3.6), (4, 9.0))
        ),
    ]


def test_a_baseline_is_over_pairs_of_equal_seeds(tmp_path: Path) -> None:
    base, other = compare(pairs(tmp_path), [0.8], baseline="split")
    assert (base.baseline, other.baseline) == (True, False)
    assert base.costs[0].gain is not None
    assert base.costs[0].gain.time_s is not None
    assert base.costs[0].gain.time_s[:2] == (1.0, (1.0, 1.0))
    assert other.costs[0].gain is not None
    faster = other.costs[0].gain.time_s
    assert faster is not None
    assert (faster.paired, faster.n) == (True, 3)
    assert faster.value == pytest.approx(1 / (2 * 4 * 3) ** (1 / 3))
    logs = [math.log(x) for x in (2, 4, 3)]
    half = 4.302652730 * stdev(logs) / math.sqrt(3)
    expected = [math.exp(-fmean(logs) - half), math.exp(-fmean(logs) + half)]
    assert faster.interval == pytest.approx(expected)
    assert other.costs[0].gain.bytes == Ratio(1.0, Interval(1.0, 1.0), True, 3)
    lines = as_text([base, other]).splitlines()
    assert lines[1].count("baseline") == 3
    assert "0.347 [0.146, 0.823]" in lines[2]
    assert "Student's t over pairs of equal seeds" in lines[-1]


def test_other_seeds_are_compared_by_welchs_method(tmp_path: Path) -> None:
    first, *rest = pairs(tmp_path)
    runs = [first, *rest[3:]]  # seed 1 against seeds 2 to 4
    (_, other) = compare(runs, baseline="splitfed_v1")
    assert other.costs[0].gain is not None
    assert other.costs[0].gain.time_s is not None
    assert other.costs[0].gain.time_s[2:] == (False, 1)
    runs = [rest[0], rest[1], rest[2], rest[5]]
    _, other = compare(runs, baseline="split")
    assert other.costs[0].gain is not None
    assert other.costs[0].gain.time_s is not None
    assert other.costs[0].gain.time_s[2:] == (False, 2)
    assert "Welch's method]" in as_text(compare(runs, baseline="split"))


def test_nothing_is_called_faster_where_a_run_did_not_get_there(runs: list[Run]) -> None:
    for baseline in ("split", "fedavg"):
        rows = compare(runs, [0.85], baseline=baseline)
        assert [row.costs[0].gain is None for row in rows if not row.baseline] == [True]
        lines = as_text(rows).splitlines()
        assert [line.split()[-3:] for line in lines[1:3] if "baseline" not in line] == [["-", "-", "-"]]
        assert lines[-1].startswith("-: no ratio where a run of either did not get there, or to its end")


def test_nor_by_the_costs_of_a_run_that_did_not_come_to_its_end(runs: list[Run], tmp_path: Path) -> None:
    stopped = scripted.write_run(tmp_path, "split", seed=4, status="interrupted", rounds=2)
    split, fedavg = compare([*runs, stopped], baseline="split")
    assert math.isnan(split.costs[0].time_s.interval.low)
    assert fedavg.costs[0].gain is None


@pytest.mark.parametrize("name", ["fedavg", "4"])
def test_a_baseline_is_named_by_label_scheme_or_folder(runs: list[Run], name: str) -> None:
    folder = runs[0].path.parent
    rows = compare(runs, baseline=name if name == "fedavg" else str(folder / name))
    assert [row.baseline for row in rows] == [False, True]


def test_a_baseline_that_is_none_or_several_of_the_rows_is_refused(tmp_path: Path) -> None:
    runs = [scripted.write_run(tmp_path / str(i), "s", codecs={"labels": [{"bits": i}]}) for i in (1, 2)]
    rows = compare(runs, baseline="s (bits=2)")
    assert [row.baseline for row in rows] == [False, True]
    rule = re.escape("baseline: got 's', which is several of the rows: s (bits=1); s (bits=2)")
    with pytest.raises(ValueError, match=rule):
        compare(runs, baseline="s")
    with pytest.raises(ValueError, match="got 'x', which is none of the rows"):
        compare(runs, baseline="x")


def test_of_several_baselines_each_is_that_of_the_rows_on_its_network(tmp_path: Path) -> None:
    def run(kind: str, hz: float, slower: float) -> Run:
        return scripted.write_run(
            tmp_path / f"{kind}{hz}", "s", slower=slower, algorithm={"kind": kind}, network={"bandwidth_hz": hz}
        )

    runs = [run("fedavg", 1.0, 4.0), run("mtsl", 1.0, 2.0), run("fedavg", 5.0, 0.5), run("mtsl", 5.0, 1.0)]
    rows = compare([*runs, run("mtsl", 9.0, 1.0)], baseline="fedavg")
    assert [row.baseline for row in rows] == [True, False, True, False, False]
    gains = [row.costs[0].gain for row in rows]
    assert [gain and gain.time_s and gain.time_s.value for gain in gains] == pytest.approx([1, 2, 1, 0.5, None])
    told = as_text(rows).splitlines()
    assert "what the baseline of equal data, devices, server and network takes" in told[-2]
    assert told[-1].startswith("-: no ratio where there is no such baseline, a run of either did not get there")


def test_the_text_table_is_aligned_and_says_what_was_not_reached(runs: list[Run]) -> None:
    lines = as_text(compare(runs, [0.95])).splitlines()
    heads = "scenario  runs  final accuracy  best accuracy  time to 0.95 (s)  energy to 0.95 (J)  traffic to 0.95 (kB)"
    assert [head.strip() for head in lines[0].split("  ") if head] == heads.split("  ")
    assert "40.00 (1 of 3)" in lines[1]
    assert lines[2].count("not reached") == 3
    assert len({len(line) for line in lines[:3]}) == 1
    assert lines[3:] == [
        "mean ± sample standard deviation [95 % confidence interval of the mean, Student's t]",
        "split: 0.95 not reached by 2 of 3 runs: seed 1 (best 0.9000), seed 3 (best 0.8000)",
        "fedavg: 0.95 not reached by its run: seed 1 (best 0.9000)",
    ]


def test_several_targets_have_a_line_each(runs: list[Run]) -> None:
    lines = as_text(compare(runs, [0.8, 0.95])).splitlines()
    assert "target" in lines[0].split()
    assert [line.split()[0] for line in lines[1:5]] == ["split", "0.95", "fedavg", "0.95"]
    assert "(kB)" in lines[0]


def test_accuracies_of_own_models_and_of_one_are_told_apart(tmp_path: Path) -> None:
    one = scripted.write_run(tmp_path / "one", "one")
    own = scripted.write_run(tmp_path / "own", "own", algorithm={"kind": "user_defined"})
    (own.path / "models").mkdir()
    text = as_text(compare([one, own]))
    assert "accuracy of" in text
    assert text.count("one model") == 2  # its row, and what the last line says
    assert text.splitlines()[-1].startswith("own models: mean over clients")
    assert "accuracy of" not in as_text(compare([one]))


def test_nothing_is_called_faster_to_an_accuracy_of_another_kind(tmp_path: Path) -> None:
    runs = [
        scripted.write_run(tmp_path / name, name, slower=slower, algorithm={"kind": name})
        for name, slower in (("one", 1.0), ("own", 2.0), ("too", 4.0))
    ]
    for run in runs[1:]:
        (run.path / "models").mkdir()
    _, own, too = compare(runs, [0.8], baseline="own")
    assert compare(runs, [0.8], baseline="own")[0].costs[0].gain is None
    assert own.costs[0].gain is not None
    assert too.costs[0].gain is not None
    assert too.costs[0].gain.time_s is not None
    assert too.costs[0].gain.time_s.value == pytest.approx(0.5)
    one, *_ = compare(runs, baseline="own")
    assert one.costs[0].gain is not None  # a whole run is a whole run
    assert one.costs[0].gain.time_s is not None
    assert one.costs[0].gain.time_s.value == pytest.approx(2.0)


def test_the_schemes_with_own_models_are_those_whose_goldens_have_no_common_one() -> None:
    kinds: dict[bool, set[str]] = {True: set(), False: set()}
    for path in GOLDEN.glob("*.yaml"):
        common = json.loads(path.with_suffix(".json").read_text())["norms"]
        kinds[common == []].add(YAML(typ="safe", pure=True).load(path)["algorithm"]["kind"])
    assert kinds[True] == PERSONAL
    assert not kinds[False] & PERSONAL


def test_an_unfinished_run_of_own_models_is_known_by_its_scheme(tmp_path: Path) -> None:
    for status, expected in (("interrupted", True), ("completed", False)):
        run = scripted.write_run(tmp_path / status, algorithm={"kind": "pfsl"}, status=status)
        assert run.personal is expected


def test_records_have_every_figure_in_plain_units(runs: list[Run]) -> None:
    heads, lines = records(compare(runs, [0.85, 0.95], baseline="fedavg"))
    split, far, fedavg, _ = (dict(zip(heads, line, strict=True)) for line in lines)
    assert (split["scenario"], split["algorithm"], split["reached"], split["runs"]) == ("split", "splitfed_v1", 2, 3)
    assert (split["time_s"], split["time_s_std"], split["time_s_low"]) == (30.0, pytest.approx(200**0.5), None)
    assert (far["target_accuracy"], far["reached"], far["times_faster"]) == (0.95, 1, None)
    assert (fedavg["times_faster"], fedavg["times_faster_low"], fedavg["paired_seeds"]) == (1.0, None, None)
    assert fedavg["bytes"] == 4 * 3 * 14100


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
    (cost,) = row.costs
    assert (cost.time_s.mean, cost.bytes.mean) == (10.0, 3 * 14100)
    assert cost.energy_j.mean == pytest.approx(scripted.ROUND_J)
    assert as_text([row]).count("no evaluation") == 2
    assert as_text(compare([open_run(tmp_path)], [0.5])).count("no evaluation") == 5


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
    assert rows[0].costs[0].time_s.mean == rows[1].costs[0].time_s.mean
    assert as_text(compare([learnt, first], [0.5])).count("no evaluation") == 5


def test_a_column_without_numbers_has_the_unit_of_the_whole_runs(runs: list[Run]) -> None:
    heads = as_text(compare(runs, [0.99])).splitlines()[0]
    assert "traffic to 0.99 (kB)" in heads
    assert "time to 0.99 (s)" in heads


def test_the_terminal_table_shows_the_same_cells(runs: list[Run]) -> None:
    console = Console(width=200, file=io.StringIO(), record=True)
    rows = compare(runs, [0.85])
    console.print(as_rich(rows))
    shown = console.export_text()
    for line in aligned(cells(rows)).splitlines():
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
    narrow, wide = ({"kind": "rician", "k_factor_db": k} for k in (3.0, 6.0))
    told = labels(["a", "a", "a"], [{"fading": each} for each in (narrow, wide, {"kind": "rayleigh"})])
    assert told == ["a (fading=rician, k_factor_db=3)", "a (fading=rician, k_factor_db=6)", "a (fading=rayleigh)"]


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
