"""One point's run: run once, looked up, put aside, failed; and the claim on it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.studies.files import FAR, NO_RATE, study
from wirelessfsl.api import simulate
from wirelessfsl.provenance import versions
from wirelessfsl.results.locks import locked
from wirelessfsl.results.store import open_run
from wirelessfsl.simulation import Progress
from wirelessfsl.studies.claims import claimed, free
from wirelessfsl.studies.points import Point, identity
from wirelessfsl.studies.study import load_study
from wirelessfsl.studies.table import row_of
from wirelessfsl.studies.work import Ending, finished, give_up, perform, run_of
from wirelessfsl.trackers.tensorboard import TensorBoard


def point(tmp_path: Path, rest: str = "") -> Point:
    return load_study(study(tmp_path, rest), tmp_path, timing_only=True).points[-1]


def test_a_point_runs_into_its_folder_and_is_finished_then(tmp_path: Path) -> None:
    one = point(tmp_path)
    assert not finished(run_of(one))
    rounds: list[int] = []
    assert perform(one, lambda at: rounds.append(at.round)) == Ending("done")
    run = open_run(one.path)
    assert rounds == [1]
    assert finished(run)
    assert identity(run.scenario, run.timing_only) == one.digest


def test_a_finished_point_is_left_as_it_is(tmp_path: Path) -> None:
    one = point(tmp_path)
    perform(one)
    before = (one.path / "manifest.json").stat().st_mtime_ns
    assert perform(one) == Ending("done")
    assert (one.path / "manifest.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("left", [{"scenario.yaml": ""}, {"manifest.json": "{"}, {"events/part-00000.parquet": ""}])
def test_what_a_killed_worker_left_is_put_aside_and_the_point_begins_anew(left: dict[str, str], tmp_path: Path) -> None:
    one = point(tmp_path)
    for name, text in left.items():
        (one.path / name).parent.mkdir(parents=True, exist_ok=True)
        (one.path / name).write_text(text)
    assert perform(one) == Ending("done")
    assert [(tmp_path / ".aside" / f"{one.path.name}-1" / name).read_text() for name in left] == [*left.values()]


def test_a_run_that_was_stopped_goes_on_and_ends_as_if_it_had_not(tmp_path: Path) -> None:
    one = point(tmp_path, "set: {algorithm.rounds: 3}")

    def stop(at: Progress) -> None:
        if at.round == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(one.scenario, one.path, report=stop, timing_only=True, checkpoint_rounds=1)
    rounds: list[int] = []
    assert perform(one, lambda at: rounds.append(at.round)) == Ending("done")
    assert rounds == [3]
    whole = simulate(one.scenario, tmp_path / "whole", timing_only=True)
    assert open_run(one.path).events.equals(whole.events)


def test_a_run_that_somebody_else_writes_is_neither_gone_on_with_nor_moved(tmp_path: Path) -> None:
    one = point(tmp_path)
    give_up(one, "stopped")
    manifest = one.path / "manifest.json"
    manifest.write_text(json.dumps(open_run(one.path).manifest | {"versions": versions()}), encoding="utf-8")
    with locked(one.path):
        ending = perform(one)
    assert ending.state == "failed"
    assert "another process is writing to it" in ending.error
    assert one.path.exists()


@pytest.mark.parametrize("lost", ["summary.json", "metrics.parquet", "events/part-00000.parquet"])
def test_a_run_that_has_lost_a_file_is_not_finished(lost: str, tmp_path: Path) -> None:
    one = point(tmp_path)
    perform(one)
    (one.path / lost).unlink()
    assert row_of(one)["status"] == "interrupted"
    assert perform(one) == Ending("done")
    assert row_of(one)["status"] == "completed"


def test_a_point_that_fails_says_why_in_its_folder(tmp_path: Path) -> None:
    one = point(tmp_path, f"set: {{{NO_RATE}}}\naxes: {{grid: {{{FAR}}}}}")
    ending = perform(one)
    assert ending.state == "failed"
    assert "round 1, simulated time" in ending.error
    assert row_of(one) | {"error": ending.error, "status": "failed"} == row_of(one)


def test_a_point_that_fails_before_its_run_begins_says_why_too(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    (blocked := tmp_path / "board").touch()
    one = point(tmp_path)
    assert perform(one, trackers=[TensorBoard(blocked)]).state == "failed"
    row = row_of(one)
    assert (row["status"], "cannot be written" in row["error"]) == ("failed", True)


def test_a_run_whose_summary_is_damaged_is_made_again(tmp_path: Path) -> None:
    one = point(tmp_path)
    perform(one)
    (one.path / "summary.json").write_text("{")
    assert row_of(one)["status"] == "interrupted"
    assert perform(one) == Ending("done")
    assert row_of(one)["status"] == "completed"


def test_a_run_that_another_process_writes_is_left_to_it(tmp_path: Path) -> None:
    one = point(tmp_path)
    perform(one)
    (one.path / "manifest.json").write_text(
        running := (one.path / "manifest.json").read_text().replace("completed", "running")
    )
    with locked(one.path):
        ending = perform(one)
    assert (ending.state, "another process is writing to it" in ending.error) == ("failed", True)
    assert (one.path / "manifest.json").read_text() == running


def test_a_point_that_was_given_up_is_failed_though_it_never_began(tmp_path: Path) -> None:
    one = point(tmp_path)
    give_up(one, "worker was killed by SIGKILL; tries: 2")
    row = row_of(one)
    assert (row["status"], row["error"]) == ("failed", "worker was killed by SIGKILL; tries: 2")
    assert open_run(one.path).summary["rounds"] == 0
    perform(one)
    give_up(one, "too late")
    assert row_of(one)["status"] == "completed"


def test_a_claim_keeps_other_processes_off_and_goes_with_its_own(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from wirelessfsl.studies.claims import claimed\n"
        "with claimed(Path(sys.argv[1]), 'ffffffff') as ours:\n"
        "    print(ours, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        with claimed(tmp_path, "ffffffff") as ours:
            assert not ours
        with claimed(tmp_path, "fffffffe") as ours:
            assert ours
        other.kill()
        other.wait()
        assert free(tmp_path, "ffffffff")
