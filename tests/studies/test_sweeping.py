"""Sweeps as a user runs them: in parallel, again, with points that fail and workers that are killed."""

from __future__ import annotations

import csv
import os
import signal
from collections.abc import Iterator, Sequence
from functools import partial
from multiprocessing import active_children
from pathlib import Path
from shutil import copytree

import pytest

from tests.studies.files import FAR, NO_RATE, study
from wirelessfsl.api import simulate
from wirelessfsl.cli import main
from wirelessfsl.commands.parsing import open_runs
from wirelessfsl.results.locks import locked
from wirelessfsl.results.store import open_run
from wirelessfsl.simulation import Progress
from wirelessfsl.studies.display import Lines
from wirelessfsl.studies.local import local
from wirelessfsl.studies.points import RESERVED, Point
from wirelessfsl.studies.study import load_study
from wirelessfsl.studies.sweeping import sweep
from wirelessfsl.studies.work import Ending

AXES = "axes: {grid: {network.medium.bandwidth_hz: [1.0e+6, 5.0e+6]}, seeds: 2}"


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "points.csv").open(newline="") as file:
        return [*csv.DictReader(file)]


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    assert main(["sweep", str(study(folder, AXES)), "--jobs", "2", "--out", str(folder / "out")]) == 0
    return folder


def test_every_point_is_the_run_that_simulate_makes_of_it(swept: Path, tmp_path: Path) -> None:
    points = load_study(swept / "study.yaml", swept / "out").points
    assert len(points) == 4
    for point in points:
        run, alone = open_run(point.path), simulate(point.scenario, tmp_path / point.name)
        assert run.events.equals(alone.events)
        assert run.metrics.equals(alone.metrics)
        assert run.summary | {"host": 0} == alone.summary | {"host": 0}


def test_the_table_has_a_row_for_each_point_with_its_axes_and_numbers(swept: Path) -> None:
    found = rows(swept / "out")
    axes = [(row["network.medium.bandwidth_hz"], row["seed"]) for row in found]
    assert axes == [("1000000.0", "1"), ("1000000.0", "2"), ("5000000.0", "1"), ("5000000.0", "2")]
    for row in found:
        run = open_run(swept / "out" / row["path"])
        assert (row["status"], row["error"], row["path"]) == ("completed", "", f"{row['name']}-{row['digest']}")
        assert float(row["accuracy"]) == run.summary["final"]["accuracy"]
        assert float(row["energy_j"]) == run.summary["energy_j"]["total"]
        assert int(row["uplink_bytes"]) == run.summary["bytes"]["uplink"]
        assert row["time_to_0.9_s"] == ""
    assert list(found[0])[-1] == "error"
    own = {name for name in found[0] if not name.startswith(("time_to_", "energy_to_"))}
    assert own - {"network.medium.bandwidth_hz", "seed"} == RESERVED


def test_a_rerun_skips_what_is_finished_and_runs_what_is_missing_into_an_equal_table(swept: Path) -> None:
    out, again = swept / "out", ["sweep", str(swept / "study.yaml"), "--jobs", "1", "--out", str(swept / "out")]
    table = (out / "points.csv").read_bytes()
    lost, *kept = (out / row["path"] for row in rows(out))
    times = [(folder / "manifest.json").stat().st_mtime_ns for folder in kept]
    (lost / "summary.json").unlink()
    (out / "points.csv").unlink()
    assert main(again) == 0
    assert (lost / "summary.json").exists()
    assert [(folder / "manifest.json").stat().st_mtime_ns for folder in kept] == times
    assert (out / "points.csv").read_bytes() == table


def test_a_study_that_grows_keeps_what_it_has(swept: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    more = AXES.replace("seeds: 2", "seeds: 3").replace("{network", "{evaluation.every_rounds: [1], network")
    assert main(["sweep", str(study(tmp_path, more)), "--out", str(swept / "out"), "--dry-run"]) == 0
    listed = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [status for _, status, _ in listed] == ["completed", "completed", "waiting"] * 2
    assert listed[0][0] == "every_rounds_1-bandwidth_hz_1e6-seed_1"
    assert listed[0][2].startswith("bandwidth_hz_1e6-seed_1-")


def test_runs_of_no_point_are_told(tmp_path: Path, swept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = study(tmp_path, AXES.replace("seeds: 2", "seeds: 1"))
    assert main(["sweep", str(file), "--out", str(swept / "out"), "--dry-run"]) == 0
    told = f"{swept / 'out'}: has 2 other run folders, of no point; what reads the whole folder counts them, too\n"
    assert capsys.readouterr().err == told


def test_a_studys_folder_stands_for_all_its_runs(swept: Path) -> None:
    (swept / "out" / ".aside").mkdir(exist_ok=True)
    copytree(open_runs([swept / "out"])[0].path, swept / "out" / ".aside" / "earlier", dirs_exist_ok=True)
    assert [run.path for run in open_runs([swept / "out"])] == [
        swept / "out" / row["path"] for row in rows(swept / "out")
    ]


def test_a_dry_run_lists_the_points_and_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", str(study(tmp_path, AXES)), "--out", str(tmp_path / "out"), "--dry-run"]) == 0
    listed = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert listed[:2] == [["name", "status"], ["bandwidth_hz_1e6-seed_1", "waiting"]]
    assert len(listed) == 5
    assert not (tmp_path / "out").exists()


def test_the_table_has_all_points_from_the_begin(tmp_path: Path) -> None:
    def engine(points: Sequence[Point], _: object) -> Iterator[tuple[Point, Ending]]:
        yield from ()
        assert [row["status"] for row in rows(tmp_path)] == ["waiting"] * len(points)

    sweep(load_study(study(tmp_path, AXES), tmp_path), engine, Lines())


def test_a_point_that_fails_stands_in_the_table_and_the_others_go_on(tmp_path: Path) -> None:
    file = study(tmp_path, f"set: {{{NO_RATE}}}\naxes: {{grid: {{{FAR}}}, seeds: 2}}")
    command = ["sweep", str(file), "--jobs", "2", "--out", str(tmp_path / "out"), "--timing-only"]
    assert main(command) == 1
    found = rows(tmp_path / "out")
    assert [row["status"] for row in found] == ["completed", "completed", "failed", "failed"]
    assert all("nothing can happen any more" in row["error"] for row in found[2:])


def test_the_folder_of_a_run_is_no_folder_for_a_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.json").write_text("{}")
    assert main(["sweep", str(study(tmp_path)), "--out", str(tmp_path / "out")]) == 2
    assert "out: is the folder of a run; give another with --out" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["manifest.json"]


def test_a_sweep_with_a_point_that_could_not_end_does_not_say_that_it_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = study(tmp_path), tmp_path / "out"
    (point,) = load_study(file, out, timing_only=True).points

    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(point.scenario, point.path, report=stop, timing_only=True)
    with locked(point.path):
        assert main(["sweep", str(file), "--jobs", "1", "--out", str(out), "--timing-only"]) == 1
    assert "0 of 1 points finished" in capsys.readouterr().out


@pytest.mark.parametrize(
    "knobs", [["--address", "auto"], ["--engine", "ray", "--address", "auto", "--jobs", "2"], ["--retries", "-1"]]
)
def test_a_knob_that_has_no_effect_or_sense_is_refused(knobs: list[str], tmp_path: Path) -> None:
    assert main(["sweep", str(study(tmp_path)), *knobs]) == 2


class Killer(Lines):
    """Kills the worker of a long point as soon as it reports, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def progress(self, point: Point, at: Progress) -> None:
        for worker in active_children():
            if worker.name == point.name and at.rounds > SHORT and self.times:
                self.times -= 1
                os.kill(worker.pid or 0, signal.SIGKILL)


SHORT, ENDLESS = 20, 10**6


@pytest.mark.parametrize(("retries", "status", "rounds"), [(1, "completed", 400), (0, "failed", ENDLESS)])
def test_a_point_whose_worker_is_killed_is_tried_again_and_harms_no_other(
    retries: int, status: str, rounds: int, tmp_path: Path
) -> None:
    axes = f"axes: {{grid: {{algorithm.rounds: [{rounds}, {SHORT}]}}}}"
    read = load_study(study(tmp_path, axes), tmp_path / "out", timing_only=True)
    killer = Killer(times=1)
    sweep(read, partial(local, jobs=2, retries=retries), killer)
    assert killer.times == 0
    found = rows(tmp_path / "out")
    assert sorted(row["status"] for row in found) == sorted(["completed", status])
    assert {row["error"] for row in found if row["status"] == "failed"} <= {"worker was killed by SIGKILL; tries: 1"}
    assert not active_children()


class Impatient(Lines):
    """Presses Ctrl-C when the first round is closed."""

    def progress(self, point: Point, at: Progress) -> None:
        raise KeyboardInterrupt


def test_ctrl_c_stops_the_workers_in_order_and_leaves_the_table(tmp_path: Path) -> None:
    endless = f"set: {{algorithm.rounds: {ENDLESS}}}\naxes: {{seeds: 2}}"
    read = load_study(study(tmp_path, endless), tmp_path / "out", timing_only=True)
    with pytest.raises(KeyboardInterrupt):
        sweep(read, partial(local, jobs=1, retries=1), Impatient())
    assert not active_children()
    assert [row["status"] for row in rows(tmp_path / "out")] == ["interrupted", "waiting"]
    assert open_run(read.points[0].path).manifest["status"] == "interrupted"
