"""Adaptive studies: the same trials whoever runs them, kept in the run folders alone."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from csv import DictReader
from pathlib import Path

import pytest

from tests.results.scripted import events, metrics
from tests.studies.files import study
from wirelessfsl.cli import main
from wirelessfsl.results.store import RunWriter, open_run, write_json
from wirelessfsl.scenario import resolve
from wirelessfsl.simulation import Progress
from wirelessfsl.studies.display import Lines
from wirelessfsl.studies.optimising import optimise
from wirelessfsl.studies.points import Point
from wirelessfsl.studies.study import load_study
from wirelessfsl.studies.trials import Trial
from wirelessfsl.studies.work import Ending

pytest.importorskip("optuna")

OVER = """\
optimise:
  minimise: [time_to_accuracy_s]
  target_accuracy: 0.8
  over:
    algorithm.local_steps: {int: [1, 9]}
    network.medium.latency_s: {float: [0.0, 1.0]}
"""


class Model:
    """Instead of training, a scripted run whose cost and accuracy are functions of the point; counts what it runs.

    slower, lift: of the point, see :mod:`tests.results.scripted`. backwards: whether points end in the reverse order.
    fails: whether a point fails.
    """

    def __init__(
        self,
        slower: Callable[[Point], float],
        lift: Callable[[Point], float] = lambda _: 0.0,
        backwards: bool = False,
        fails: Callable[[Point], bool] = lambda _: False,
    ) -> None:
        self.slower, self.lift, self.backwards, self.fails = slower, lift, backwards, fails
        self.ran: list[list[str]] = []

    def __call__(
        self, points: Sequence[Point], told: Callable[[Point, Progress], None]
    ) -> Iterator[tuple[Point, Ending]]:
        self.ran.append([point.name for point in points])
        for point in reversed(points) if self.backwards else points:
            log = RunWriter(point.path)
            for round in range(1, 5):
                for event in events(round, self.slower(point)):
                    log.event(event)
                for metric in metrics(round, self.slower(point), self.lift(point)):
                    log.metric(metric)
            log.close()
            failed = self.fails(point)
            status = {"status": "failed", "error": "no luck"} if failed else {"status": "completed"}
            write_json(point.path / "manifest.json", status | {"scenario": resolve(point.scenario)})
            if not failed:
                write_json(point.path / "summary.json", open_run(point.path).summary)
            yield point, Ending("failed", "no luck") if failed else Ending("done")


def steps(point: Point) -> float:
    """The number of local steps, which the scripted scheme pays for in seconds and joules."""
    return float(point.scenario.algorithm.local_steps)


def far_from_6(point: Point) -> float:
    return 1.0 + abs(steps(point) - 6) + point.scenario.network.medium.latency_s


def optimised(folder: Path, engine: Model, lines: str) -> tuple[Trial, ...]:
    return optimise(load_study(study(folder, OVER + lines), folder / "out"), engine, Lines())


def test_a_grid_tries_every_combination_and_finds_the_best(tmp_path: Path) -> None:
    over = OVER.replace("{float: [0.0, 1.0]}", "{choice: [0.0, 0.5, 1.0]}")
    engine = Model(far_from_6)
    trials = optimise(
        load_study(study(tmp_path, over + "  sampler: {kind: grid}\n"), tmp_path / "out"), engine, Lines()
    )
    assert [tuple(trial.values.values()) for trial in trials] == [(n, s) for n in range(1, 10) for s in (0, 0.5, 1)]
    with (tmp_path / "out" / "trials.csv").open() as file:
        rows = [*DictReader(file)]
    assert [row["trial"] for row in rows if row["on_front"] == "1"] == ["15"]
    assert (rows[15]["algorithm.local_steps"], rows[15]["network.medium.latency_s"]) == ("6", "0.0")
    assert rows[15]["time_to_accuracy_s"] == "20.0"
    with (tmp_path / "out" / "points.csv").open() as file:
        assert [row["name"] for row in DictReader(file)] == [f"trial_{i:04d}" for i in range(27)]


@pytest.mark.parametrize("kind", ["tpe", pytest.param("nsga2, population: 6", marks=pytest.mark.slow)])
def test_a_sampler_comes_nearer_to_the_best_than_chance(tmp_path: Path, kind: str) -> None:
    trials = optimised(tmp_path, Model(far_from_6), f"  trials: 36\n  sampler: {{kind: {kind}}}\n")
    costs = [trial.objectives[0] for trial in trials]
    assert sum(costs[24:]) < 0.75 * sum(costs[:12])  # of three seeds 0.57 to 0.70, and 0.81 to 0.94 at random


@pytest.mark.parametrize("kind", ["tpe", "nsga2, population: 6"])
def test_what_misses_the_target_is_left_though_it_is_cheaper_than_what_does_not(tmp_path: Path, kind: str) -> None:
    """Few steps are cheap and learn nothing: at 6 and fewer all miss the target, the fewer the more."""
    engine = Model(steps, lift=lambda point: min(0.0, 0.05 * (steps(point) - 6) - 0.15))
    trials = optimised(tmp_path, engine, f"  trials: 36\n  sampler: {{kind: {kind}}}\n")
    short = [trial.status == "short" for trial in trials]
    assert sum(short[24:]) < 0.7 * sum(short[:12])  # of three seeds 0.10 to 0.55, and 0.8 at random
    reached = [trial.objectives[0] for trial in trials if trial.status == "done"]
    assert min(trial.objectives[0] for trial in trials if trial.status == "short") < min(reached)


def test_trials_depend_on_batch_and_not_on_who_ends_first(tmp_path: Path) -> None:
    tables = {}
    for name, batch, backwards in (("a", 3, False), ("b", 3, True), ("c", 1, False)):
        (tmp_path / name).mkdir()
        engine = Model(far_from_6, backwards=backwards)
        optimised(tmp_path / name, engine, f"  trials: 18\n  batch: {batch}\n")
        tables[name] = (tmp_path / name / "out" / "trials.csv").read_bytes()
        assert max(map(len, engine.ran)) <= batch
    assert tables["a"] == tables["b"] != tables["c"]


def test_a_rerun_tells_the_same_trials_from_their_folders_and_runs_what_is_missing(tmp_path: Path) -> None:
    lines = "  trials: 14\n  batch: 2\n  seeds: 2\n"
    first = optimised(tmp_path, Model(far_from_6), lines)
    table = (tmp_path / "out" / "trials.csv").read_bytes()
    again = Model(far_from_6)
    assert optimised(tmp_path, again, lines) == first
    assert not any(again.ran)
    lost = first[11].points[1]
    shutil.rmtree(lost.path)
    (tmp_path / "out" / "trials.csv").unlink()
    optimised(tmp_path, again, lines)
    assert [name for names in again.ran for name in names] == [lost.name]
    assert (tmp_path / "out" / "trials.csv").read_bytes() == table
    more = optimised(tmp_path, again, lines.replace("14", "16"))
    assert [trial.objectives for trial in more[:14]] == [trial.objectives for trial in first]
    assert sum(map(len, again.ran)) == 1 + 4


def test_a_trial_has_a_point_a_seed_and_equal_ones_run_once(tmp_path: Path) -> None:
    over = "optimise:\n  minimise: [energy_j]\n  over: {algorithm.local_steps: {int: [1, 2]}}\n"
    engine = Model(steps)
    file = study(tmp_path, over + "  trials: 9\n  seeds: [3, 5]\n")
    trials = optimise(load_study(file, tmp_path / "out"), engine, Lines())
    assert {tuple(point.scenario.seed for point in trial.points) for trial in trials} == {(3, 5)}
    assert len({point.path for trial in trials for point in trial.points}) == 4
    assert sum(map(len, engine.ran)) == 4


def test_what_fails_or_makes_no_scenario_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    over = """\
optimise:
  minimise: [energy_j]
  over:
    scheme: {choice: {split: {}, fed: {set: {algorithm.kind: fedavg, model.cuts: null}}}}
    gradients: {choice: {whole: {}, half: {set: {codecs.gradients: [{kind: cast}]}}}}
  sampler: {kind: grid}
"""
    engine = Model(steps, fails=lambda point: point.values["gradients"] == "half")
    trials = optimise(load_study(study(tmp_path, over), tmp_path / "out"), engine, Lines())
    assert [trial.status for trial in trials] == ["done", "failed", "done", "failed"]
    assert trials[1].error == "trial_0001: no luck"
    assert "codecs.gradients: has no effect: fedavg sends no gradients" in trials[3].error
    assert not trials[3].points


def test_optuna_is_asked_for_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ValueError, match=r"^optimise: needs Optuna; pip install 'wirelessfsl\[optimise\]'$"):
        optimised(tmp_path, Model(steps), "  trials: 1\n")
    assert not (tmp_path / "out").exists()


def test_sweep_runs_a_search_and_prints_the_best(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    over = "optimise:\n  minimise: [simulated_s]\n  over: {network.medium.bandwidth_hz: {choice: [1.0e+6, 4.0e+6]}}\n"
    file = str(study(tmp_path, over + "  sampler: {kind: grid}\n"))
    out = str(tmp_path / "out")
    assert main(["sweep", file, "--dry-run", "--out", out]) == 0
    assert capsys.readouterr().out == f"{file}: ok; 2 trials of 1 point, chosen as they come in\n"
    assert not Path(out).exists()
    assert main(["sweep", file, "--timing-only", "--jobs", "2", "--out", out]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "2 trials; best:"
    assert told[2].split()[:2] == ["1", "4e+06"]
    assert told[3] == f"table: {out}/trials.csv"
