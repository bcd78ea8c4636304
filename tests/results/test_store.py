"""The run folder: what is written comes back, in equal files, and what is missing or damaged is said."""

from __future__ import annotations

import gc
import json
import math
import sys
import threading
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.results import scripted
from wirelessfsl.files import NoSpace, write
from wirelessfsl.records import Event, Log, Metric
from wirelessfsl.results import store
from wirelessfsl.results.store import Held, RunWriter, open_run, write_json, write_text

EVENT = Event(0.0, 1.5, "client-0", "server", "transfer", "labels", 1, 2, 64, 0.0, 0.25, 1, True)


def files(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def test_every_row_comes_back_in_order_and_type(tmp_path: Path) -> None:
    run = scripted.write_run(tmp_path)
    expected = [row for r in range(1, 5) for row in scripted.events(r)]
    assert [Event(**row) for row in run.events.to_pylist()] == expected
    assert [Metric(**row) for row in run.metrics.to_pylist()] == [m for r in range(1, 5) for m in scripted.metrics(r)]


def test_columns_are_those_of_the_interface_with_plain_types(tmp_path: Path) -> None:
    scripted.write_run(tmp_path)
    schema = pq.read_schema(tmp_path / "events" / "part-00000.parquet")
    types = {field.name: str(field.type) for field in schema}
    assert tuple(types) == Event._fields
    assert {types[name] for name in ("node", "peer", "activity", "phase")} == {"string"}
    assert {types[name] for name in ("start_s", "end_s", "flops", "energy_j")} == {"double"}
    assert {types[name] for name in ("round", "step", "bytes", "attempts")} == {"int64"}
    assert types["delivered"] == "bool"
    assert pq.read_schema(tmp_path / "metrics.parquet").names == list(Metric._fields)


def test_a_part_is_written_at_the_first_quiet_instant_with_enough_rows(tmp_path: Path) -> None:
    log = RunWriter(tmp_path, part_rows=3)
    for logged, parts in ((2, 0), (0, 0), (1, 1), (2, 1), (5, 2)):
        for _ in range(logged):
            log.event(EVENT)
        log.flush()
        log.held()  # waits for the part
        assert len(list((tmp_path / "events").iterdir())) == parts


def numbered(log: Log, count: int, first: int = 0) -> None:
    """Log rows whose step is their number."""
    for number in range(first, first + count):
        log.event(EVENT._replace(step=number))


def steps(folder: Path) -> list[list[int]]:
    """What :func:`numbered` has logged, part by part."""
    return [pq.read_table(part)["step"].to_pylist() for part in sorted((folder / "events").iterdir())]


def test_a_round_of_many_rows_leaves_in_parts_of_a_bounded_size_in_order(tmp_path: Path) -> None:
    log = RunWriter(tmp_path, part_rows=5, most_rows=4)
    numbered(log, 11)
    log.close()
    assert steps(tmp_path) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]


def test_a_slow_disk_holds_the_run_up_when_a_second_part_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, room = threading.Event(), threading.Event()

    def slow(path: Path, content: bytes, durable: bool = False) -> None:
        begun.set()
        room.wait()
        write(path, content, durable)

    log = RunWriter(tmp_path, most_rows=4)
    logged: list[int] = []
    monkeypatch.setattr(store, "write", slow)
    run = threading.Thread(target=lambda: [logged.append(step) or numbered(log, 1, step) for step in range(11)])  # type: ignore[func-returns-value]
    run.start()
    begun.wait()
    run.join(0.05)
    assert len(logged) <= 8
    room.set()
    run.join()
    log.close()
    assert steps(tmp_path) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]


def test_what_goes_wrong_with_a_part_is_raised_at_a_quiet_instant_and_its_rows_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *_: Any, **__: Any) -> None:
        raise NoSpace(f"{path}: no space left")

    log = RunWriter(tmp_path, part_rows=5, most_rows=4)
    with monkeypatch.context() as patch:
        patch.setattr(store, "write", full)
        numbered(log, 11)
        for told in (log.flush, log.close):
            with pytest.raises(NoSpace, match=r"part-00000.parquet: no space left"):
                told()
    numbered(log, 2, first=11)
    log.close()
    assert [*chain(*steps(tmp_path))] == [*range(13)]


def test_a_folder_that_is_taken_away_is_told_as_what_it_is(tmp_path: Path) -> None:
    log = RunWriter(tmp_path, most_rows=4)
    (tmp_path / "events").rmdir()
    numbered(log, 4)
    with pytest.raises(FileNotFoundError, match=r"part-00000.parquet"):
        log.held()


def test_no_thread_outlives_its_part(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    log = RunWriter(tmp_path, most_rows=4)
    numbered(log, 11)
    for thread in set(threading.enumerate()) - before:
        thread.join()
    assert len(steps(tmp_path)) == 2


def test_a_row_costs_a_handful_of_calls_and_no_object_to_log(tmp_path: Path) -> None:
    log, calls = RunWriter(tmp_path), list[str]()
    before = len(gc.get_objects())
    sys.setprofile(lambda frame, kind, called: calls.append(kind) if kind.endswith("call") else None)
    for _ in range(1000):
        log.event(EVENT)
    sys.setprofile(None)
    assert len(calls) <= 4 * 1000 + 1
    assert len(gc.get_objects()) - before < 100


def test_evaluations_for_which_there_was_no_room_are_written_once_when_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise NoSpace

    log = RunWriter(tmp_path)
    log.metric(scripted.metrics(1)[0])
    with monkeypatch.context() as patch:
        patch.setattr(store, "write", full)
        with pytest.raises(NoSpace):
            log.flush()
    log.close()
    assert len(pq.read_table(tmp_path / "metrics.parquet")) == 1


def test_many_evaluations_are_written_again_whenever_there_are_a_tenth_more(tmp_path: Path) -> None:
    log, written = RunWriter(tmp_path, part_rows=20), []
    for _ in range(30):
        log.metric(scripted.metrics(1)[0])
        log.flush()
        written.append(len(pq.read_table(tmp_path / "metrics.parquet")))
    assert written == [*range(1, 21), 20, 22, 22, 22, 25, 25, 25, 28, 28, 28]
    log.metric(scripted.metrics(1)[0])
    assert len(store._table_of(log.held().metrics, store.METRICS)) == 31
    log.close()
    assert len(pq.read_table(tmp_path / "metrics.parquet")) == 31


def test_equal_rows_give_equal_files(tmp_path: Path) -> None:
    scripted.write_run(tmp_path / "a")
    scripted.write_run(tmp_path / "b")
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_what_a_killed_write_leaves_is_not_read(tmp_path: Path) -> None:
    run = scripted.write_run(tmp_path)
    (tmp_path / "events" / ".part-00009.parquet.half").write_bytes(b"PAR1")
    assert len(run.events) == 4 * len(scripted.events(1))


def rounds(log: RunWriter, first: int, last: int) -> Held:
    """What is held after these rounds of a run."""
    for r in range(first, last + 1):
        for event in scripted.events(r):
            log.event(event)
        for metric in scripted.metrics(r):
            log.metric(metric)
        log.flush()
    return log.held()


@pytest.mark.parametrize(("part_rows", "most_rows"), [(1, 200_000), (5, 200_000), (50_000, 200_000), (3, 2)])
def test_a_resumed_run_equals_an_uninterrupted_one_in_every_file(
    tmp_path: Path, part_rows: int, most_rows: int
) -> None:
    whole = RunWriter(tmp_path / "whole", part_rows, most_rows)
    rounds(whole, 1, 4)
    whole.close()
    broken = RunWriter(tmp_path / "broken", part_rows, most_rows)
    held = rounds(broken, 1, 2)
    rounds(broken, 3, 3)
    broken.close()  # goes on, and is lost
    resumed = RunWriter(tmp_path / "broken", part_rows, most_rows, keep=held)
    assert resumed.held() == held
    rounds(resumed, 3, 4)
    resumed.close()
    assert files(tmp_path / "whole") == files(tmp_path / "broken")


def test_a_second_run_is_not_written_over_a_first(tmp_path: Path) -> None:
    scripted.write_run(tmp_path)
    with pytest.raises(ValueError, match=r"already holds a run of 2 part\(s\); write to another folder"):
        RunWriter(tmp_path)


@pytest.mark.parametrize("damage", [Path.unlink, lambda part: part.write_bytes(part.read_bytes()[:-9] + b"wrong bit")])
def test_going_on_without_a_part_or_with_a_damaged_one_is_refused(tmp_path: Path, damage: Any) -> None:
    held = rounds(RunWriter(tmp_path, part_rows=1), 1, 3)
    damage(tmp_path / "events" / "part-00001.parquet")
    with pytest.raises(ValueError, match=r"part-00001.parquet: missing or damaged"):
        RunWriter(tmp_path, keep=held)


def test_a_bit_that_turns_is_an_error_and_never_another_number(tmp_path: Path) -> None:
    log = RunWriter(tmp_path)
    for number in range(300):
        log.event(EVENT._replace(start_s=number / 7, end_s=number / 3))
    log.close()
    write_json(tmp_path / "manifest.json", {"status": "failed", "scenario": {"name": "x", "seed": 1}})
    path = tmp_path / "events" / "part-00000.parquet"
    good, rows = path.read_bytes(), open_run(tmp_path).events
    for at in range(4, len(good), 97):
        path.write_bytes(good[:at] + bytes([good[at] ^ 4]) + good[at + 1 :])
        try:
            found = open_run(tmp_path).events
        except ValueError:
            continue
        assert found == rows  # in what no number is read from


def test_json_and_text_appear_whole_and_not_a_number_is_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "summary.json", {"name": "größe", "loss": None})
    assert json.loads((tmp_path / "summary.json").read_text("utf-8")) == {"name": "größe", "loss": None}
    write_text(tmp_path / "scenario.yaml", "name: a\n")
    assert sorted(f.name for f in tmp_path.iterdir()) == ["scenario.yaml", "summary.json"]
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "summary.json", {"loss": math.nan})
    assert json.loads((tmp_path / "summary.json").read_text("utf-8"))["loss"] is None


def test_an_opened_run_knows_its_scenario_name_and_summary(tmp_path: Path) -> None:
    run = scripted.write_run(tmp_path, "small", seed=7)
    write_json(tmp_path / "summary.json", {"name": "small", "status": "completed"})
    assert (run.name, run.scenario["seed"], run.finished, run.path) == ("small", 7, True, tmp_path)
    assert open_run(str(tmp_path)).summary == {"name": "small", "status": "completed"}


def test_an_interrupted_run_is_read_up_to_where_it_came(tmp_path: Path) -> None:
    run = scripted.write_run(tmp_path, status="interrupted", rounds=2)
    assert not run.finished
    assert (run.summary["status"], run.summary["rounds"], run.summary["simulated_s"]) == ("interrupted", 2, 20.0)
    assert run.summary["time_to_accuracy_s"] == {"0.8": 20.0, "0.95": None}


def test_a_run_that_was_stopped_before_its_first_part_is_empty_not_an_error(tmp_path: Path) -> None:
    RunWriter(tmp_path)
    write_json(tmp_path / "manifest.json", {"status": "interrupted", "scenario": scripted.scenario("early", 1)})
    summary = open_run(tmp_path).summary
    assert (summary["simulated_s"], summary["rounds"], summary["final"]["accuracy"]) == (0.0, 0, None)
    assert summary["energy_j"] == {"total": 0.0, "devices": 0.0, "server": 0.0, "by_phase": {}}


def test_a_folder_of_runs_is_refused_with_the_newest_of_them(tmp_path: Path) -> None:
    scripted.write_run(tmp_path / "2026-01-01")
    scripted.write_run(tmp_path / "2026-01-02")
    with pytest.raises(ValueError, match=r"not a run folder \(no manifest.json\); did you mean .*2026-01-02\?"):
        open_run(tmp_path)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    run = scripted.write_run(tmp_path)
    (tmp_path / "events" / "part-00000.parquet").unlink()
    with pytest.raises(
        ValueError, match=r"events: part-00000.parquet is missing; restore it or run the scenario again"
    ):
        _ = run.events


@pytest.mark.parametrize("name", ["events/part-00001.parquet", "metrics.parquet"])
def test_a_damaged_table_is_named(tmp_path: Path, name: str) -> None:
    run = scripted.write_run(tmp_path)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=rf"{name}: missing or damaged \(.*\); restore it or run the scenario again"):
        _ = (run.events, run.metrics)


def test_a_table_of_other_columns_is_damaged(tmp_path: Path) -> None:
    run = scripted.write_run(tmp_path)
    (tmp_path / "metrics.parquet").write_bytes((tmp_path / "events" / "part-00000.parquet").read_bytes())
    with pytest.raises(ValueError, match=r"metrics.parquet: missing or damaged"):
        _ = run.metrics


def test_a_completed_run_without_its_metrics_is_incomplete(tmp_path: Path) -> None:
    run = scripted.write_run(tmp_path)
    (tmp_path / "metrics.parquet").unlink()
    with pytest.raises(ValueError, match=r"metrics.parquet: missing or damaged"):
        _ = run.metrics


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"status": "comp', r"manifest.json: damaged \(.*\); restore it"),
        ("[]", r"manifest.json: got list, must be an object"),
        ("{}", r"manifest.json: has no scenario; the run never started"),
    ],
)
def test_a_manifest_that_says_nothing_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        open_run(tmp_path)
