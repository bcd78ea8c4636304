"""SQL over run folders: the views say what the folds say, nothing is harmed, and damage is told and left out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pyarrow.parquet as pq
import pytest

import wirelessfsl
from tests.results import scripted
from wirelessfsl.records import Metric
from wirelessfsl.results import query as module
from wirelessfsl.results.folders import run_folders
from wirelessfsl.results.query import plain, query
from wirelessfsl.results.store import EVENTS, METRICS, RunWriter, open_run, write_json
from wirelessfsl.results.views import RUN, VIEWS
from wirelessfsl.scenario import digest


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of a scheme and one run of another, in folders whose names look like patterns and columns."""
    folder = tmp_path_factory.mktemp("study")
    network = {"medium": {"kind": "fdma", "bandwidth_hz": 5e6}}
    scripted.write_run(folder / "bits=8" / "[1]", "split", seed=1, network=network)
    run = scripted.write_run(folder / "bits=8" / "a*", "split", seed=2, lift=0.06, network=network)
    write_json(run.path / "summary.json", run.summary | {"host": {"wall_s": 1.0}})
    other = {"kind": "fedavg", "rounds": 4}
    scripted.write_run(folder / "fedavg", "fedavg", seed=1, slower=3.0, algorithm=other, status="interrupted")
    return folder


def rows(sql: str, *folders: Path) -> list[tuple[Any, ...]]:
    return plain(query(sql, folders))


def test_the_question_of_a_day_is_one_line(study: Path) -> None:
    found = rows("select algorithm, avg(time_to_accuracy) from runs group by algorithm order by 1", study)
    times = [open_run(path).summary["time_to_accuracy_s"]["0.8"] for path in run_folders([study])]
    assert found == [("fedavg", times[2]), ("splitfed_v1", (times[0] + times[1]) / 2)]


def test_runs_has_what_the_summaries_say(study: Path) -> None:
    names = [name for name in VIEWS["runs"] if name not in ("times_to_accuracy", "energies_to_accuracy", "scenario")]
    found = [dict(zip(names, row, strict=True)) for row in rows(f"select {', '.join(names)} from runs", study)]
    for row, path in zip(found, run_folders([study]), strict=True):
        run = open_run(path)
        known = run.summary
        assert row == {
            "run": str(path),
            "name": run.name,
            "algorithm": run.scenario["algorithm"]["kind"],
            "seed": run.scenario["seed"],
            "status": run.manifest["status"],
            "digest": digest(run.scenario),
            "timing_only": False,
            "personal": False,
            "rounds": known["rounds"],
            "simulated_s": known["simulated_s"],
            "accuracy": known["final"]["accuracy"],
            "loss": known["final"]["loss"],
            "best_accuracy": known["best"]["accuracy"],
            "worst_client_accuracy": known["fairness"]["worst"],
            "energy_j": known["energy_j"]["total"],
            "devices_energy_j": known["energy_j"]["devices"],
            "server_energy_j": known["energy_j"]["server"],
            "uplink_bytes": known["bytes"]["uplink"],
            "downlink_bytes": known["bytes"]["downlink"],
            "time_to_accuracy": known["time_to_accuracy_s"]["0.8"],
            "energy_to_accuracy": known["energy_to_accuracy_j"]["0.8"],
        }


def test_targets_are_numbers_however_they_are_written(study: Path) -> None:
    (found,) = rows(
        "select times_to_accuracy[0.80], energies_to_accuracy[0.950], times_to_accuracy[0.7] from runs", study
    )[:1]
    known = open_run(run_folders([study])[0]).summary
    assert found == (known["time_to_accuracy_s"]["0.8"], known["energy_to_accuracy_j"]["0.95"], None)


def test_any_setting_is_reached_in_the_scenario_and_in_settings(study: Path) -> None:
    sql = "select distinct (scenario->>'$.network.medium.bandwidth_hz')::double from runs where name = 'split'"
    assert rows(sql, study) == [(5e6,)]
    assert rows("select distinct value from settings where path = 'network.medium.bandwidth_hz'", study) == [
        ("5000000.0",)
    ]
    assert rows("select value from settings where path = 'evaluation.target_accuracy.1' limit 1", study) == [("0.95",)]


@pytest.mark.parametrize(("view", "schema"), [("metrics", METRICS), ("events", EVENTS)])
def test_the_tables_of_runs_stand_behind_each_other_in_their_order(study: Path, view: str, schema: Any) -> None:
    found = query(f"select * from {view}", [study])
    assert found.column_names == [*RUN, *schema.names]
    tables = [getattr(open_run(path), view) for path in run_folders([study])]
    assert found.num_rows == sum(table.num_rows for table in tables)
    for path, table in zip(run_folders([study]), tables, strict=True):
        own = query(f"select * from {view} where run = $${path}$$", [study])
        assert own.select(schema.names).cast(schema).equals(table)


def test_targets_are_reached_when_the_fold_says_so(study: Path) -> None:
    found = rows("select run, target, time_s, energy_j, round, bytes from targets", study)
    expected = [
        (str(path), target, run.summary["time_to_accuracy_s"][text], run.summary["energy_to_accuracy_j"][text])
        for path in run_folders([study])
        for run in [open_run(path)]
        for target, text in ((0.8, "0.8"), (0.95, "0.95"))
    ]
    assert [row[:4] for row in found] == expected
    assert [row[4:] for row in found[:2]] == [(2, 2 * 3 * 14100), (None, None)]


def test_an_accuracy_that_is_no_number_reaches_nothing(tmp_path: Path) -> None:
    log = RunWriter(tmp_path)
    log.metric(Metric(1, 5.0, None, "test", float("nan"), float("nan"), 1.0, 1, 1))
    log.metric(Metric(2, 9.0, None, "test", 0.1, 0.85, 2.0, 2, 2))
    log.close()
    write_json(tmp_path / "manifest.json", {"status": "completed", "scenario": scripted.scenario("a", 1)})
    assert rows("select target, time_s from targets", tmp_path) == [(0.8, 9.0), (0.95, None)]


def test_every_view_has_the_columns_that_are_listed(study: Path) -> None:
    for view, columns in VIEWS.items():
        told = rows(f"select column_name, column_type from (describe {view})", study)
        assert told == [(name, kind) for name, (kind, _) in columns.items()]


def test_the_docs_name_every_column() -> None:
    lines = (Path(__file__).parents[2] / "docs" / "results.md").read_text().splitlines()
    for view, columns in VIEWS.items():
        (line,) = (line for line in lines if line.startswith(f"| `{view}` |"))
        assert [name for name in columns if name not in RUN and f"`{name}`" not in line] == []


def test_views_without_a_row_are_there(tmp_path: Path) -> None:
    write_json(tmp_path / "manifest.json", {"status": "failed", "scenario": {"name": "x", "seed": 1}})
    counts = ", ".join(f"(select count(*) from {view})" for view in VIEWS)
    assert rows(f"select {counts}", tmp_path) == [(1, 0, 0, 0, 2)]
    assert rows("select status, accuracy, time_to_accuracy from runs", tmp_path) == [("failed", None, None)]


def test_only_what_the_query_names_is_read(study: Path, tmp_path: Path) -> None:
    copytree(study, tmp_path / "s")
    for part in (tmp_path / "s").rglob("part-*.parquet"):
        part.write_bytes(b"not a table")
    write_json(tmp_path / "s" / "bits=8" / "[1]" / "summary.json", open_run(study / "bits=8" / "[1]").summary)
    write_json(tmp_path / "s" / "fedavg" / "summary.json", open_run(study / "fedavg").summary)
    told: list[str] = []
    assert query("select count(*) from runs join metrics using (run)", [tmp_path], told.append).num_rows == 1
    assert told == []
    assert plain(query("select count(*) from events", [tmp_path], told.append)) == [(0,)]
    assert len(told) == 3
    assert all(re.match(r"left out of events: .*part-00000.parquet: missing or damaged", line) for line in told)


def test_a_damaged_run_is_told_and_left_out(study: Path, tmp_path: Path) -> None:
    copytree(study, tmp_path / "s")
    metrics = tmp_path / "s" / "bits=8" / "a*" / "metrics.parquet"
    metrics.write_bytes(metrics.read_bytes()[:-20])
    (tmp_path / "s" / "fedavg" / "manifest.json").write_text("{")
    next((tmp_path / "s" / "bits=8" / "[1]").rglob("part-00000.parquet")).unlink()
    told: list[str] = []
    assert plain(query("select distinct run from metrics", [tmp_path], told.append)) == [
        (str(tmp_path / "s" / "bits=8" / "[1]"),)
    ]
    assert [line.split(str(tmp_path))[0] for line in told] == ["left out: ", "left out of metrics: "]
    told.clear()
    assert plain(query("select seed from runs", [tmp_path], told.append)) == [(2,)]  # by its summary
    assert "part-00000.parquet is missing" in told[1]


def test_a_summary_of_other_keys_is_left_out(study: Path, tmp_path: Path) -> None:
    copytree(study / "fedavg", tmp_path / "x")
    write_json(tmp_path / "x" / "summary.json", {"rounds": 4})
    told: list[str] = []
    assert query("select * from runs", [tmp_path], told.append).num_rows == 0
    assert told == [f"left out of runs: {tmp_path / 'x' / 'summary.json'}: lacks 'final'"]


def test_a_table_of_other_columns_is_left_out(study: Path, tmp_path: Path) -> None:
    copytree(study / "fedavg", tmp_path / "x")
    path = tmp_path / "x" / "metrics.parquet"
    pq.write_table(pq.read_table(path).drop(["loss"]), path)
    told: list[str] = []
    assert query("select * from metrics", [tmp_path], told.append).num_rows == 0
    assert told == [f"left out of metrics: {path}: lacks loss"]


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("select a frm x", 'syntax error at or near "x"'),
        ("select run,\n  nope from runs", '"nope" not found'),
        ("select round + 'x' from metrics", "LINE 1"),
        ("select * from rns", "views: runs, metrics, events, targets, settings"),
        ("copy runs to 'x.csv'", "got COPY, give one SELECT"),
        ("attach 'x.db'; select 1", "got ATTACH and SELECT"),
        ("install httpfs", "got LOAD"),
        ("create table t as select 1", "got CREATE"),
        ("", "got nothing"),
        ("pivot runs on algorithm using avg(energy_j)", "name the values"),
        ("copy (pivot runs on seed using avg(energy_j)) to 'x.csv'", "give one SELECT"),
    ],
)
def test_a_query_that_is_none_is_refused_with_its_place(
    study: Path, sql: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="query: ") as error:
        query(sql, [study])
    assert says in str(error.value)
    assert not [*tmp_path.iterdir()]


def test_a_wrong_name_is_shown_in_its_line(study: Path) -> None:
    with pytest.raises(ValueError, match="query") as error:
        query("select run,\n  nope from runs", [study])
    *_, line, mark = str(error.value).splitlines()
    assert line == "LINE 2:   nope from runs"
    assert mark.index("^") == line.index("nope")


def test_local_variables_and_far_files_are_out_of_reach(study: Path) -> None:
    mine = pq.read_table(next(study.rglob("metrics.parquet")))
    with pytest.raises(ValueError, match="mine does not exist"):
        query("select * from mine", [study])
    with pytest.raises(ValueError, match="httpfs"):
        query("select * from 'https://example.invalid/x.parquet'", [study])
    assert mine.num_rows


def test_a_pivot_of_named_values_is_a_select(study: Path) -> None:
    sql = "pivot runs on algorithm in ('fedavg') using max(rounds) group by seed order by seed"
    assert rows(sql, study) == [(1, 4), (2, None)]


def test_a_query_changes_no_run_folder(study: Path) -> None:
    def state() -> Iterator[tuple[str, int, int]]:
        for path in sorted(study.rglob("*")):
            found = path.stat()
            yield str(path), found.st_size, found.st_mtime_ns

    before = [*state()]
    for view in VIEWS:
        query(f"select * from {view}", [study])
    assert [*state()] == before


def test_plain_values_are_those_of_python(study: Path) -> None:
    ((sizes, half, map_, none),) = rows(
        "select sum(uplink_bytes), 1.5::decimal(4, 2), any_value(times_to_accuracy), null from runs", study / "fedavg"
    )
    assert (type(sizes), half, none) == (int, 1.5, None)
    assert map_ == {0.8: pytest.approx(60.0), 0.95: None}
    assert json.dumps(map_)


def test_the_package_offers_query_at_its_root() -> None:
    assert wirelessfsl.query is module.query
