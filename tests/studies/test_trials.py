"""What trials come to, from run folders whose numbers can be added by hand."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.results.scripted import ROUND_J, write_run
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.results.store import write_json
from wirelessfsl.scenario.settings import Data, Model, Scenario
from wirelessfsl.studies.points import Point, identity
from wirelessfsl.studies.search import Objective, Search
from wirelessfsl.studies.trials import Trial, front, judged, outcome, trial_rows

SCENARIO = Scenario(data=Data(name="blobs"), model=Model(name="mlp"), algorithm=FedAvg())
VALUES = {"bits": 4}


def search(*minimise: str, maximise: tuple[str, ...] = (), target: float | None = 0.8) -> Search:
    objectives = (*(Objective(name, False) for name in minimise), *(Objective(name, True) for name in maximise))
    return Search(
        objectives=objectives, target_accuracy=target, parameters=(), trials=1, batch=1, sampler="random", seed=1,
        population=2, seeds=(),
    )  # fmt: skip


def point(folder: Path, seed: int = 1, slower: float = 1.0, lift: float = 0.0, status: str = "completed") -> Point:
    """The scripted run as a point: 0.3, 0.8, 0.75, 0.9 after 10, 20, 30, 40 s, times ``slower``, plus ``lift``."""
    path = folder / f"seed_{seed}"
    run = write_run(path, seed=seed, slower=slower, lift=lift, status=status)
    if status == "completed":
        write_json(path / "summary.json", run.summary)
    return Point(path.name, VALUES, (), SCENARIO, False, identity(run.scenario, False), path)


def test_an_objective_is_the_mean_over_the_seeds(tmp_path: Path) -> None:
    points = [point(tmp_path, 1), point(tmp_path, 2, slower=2.0)]
    sought = search("time_to_accuracy_s", "energy_to_accuracy_j", "rounds_to_accuracy", "simulated_s")
    trial = judged(sought, VALUES, points)
    assert trial.objectives == pytest.approx((30.0, 3 * ROUND_J, 2.0, 60.0))
    assert (trial.status, trial.short_by) == ("done", pytest.approx(0.8 - 0.9))


def test_a_run_that_misses_the_target_costs_all_it_took_and_is_short_by_what_it_lacks(tmp_path: Path) -> None:
    points = [point(tmp_path, 1), point(tmp_path, 2, lift=-0.25)]
    trial = judged(search("time_to_accuracy_s", maximise=("best_accuracy",)), VALUES, points)
    assert trial.objectives == pytest.approx(((20.0 + 40.0) / 2, (0.9 + 0.65) / 2))
    assert (trial.status, trial.short_by) == ("short", pytest.approx(0.8 - 0.65))


def test_without_a_target_nothing_is_short(tmp_path: Path) -> None:
    trial = judged(search("final_loss", target=None), VALUES, [point(tmp_path, lift=-0.25)])
    assert (trial.objectives, trial.short_by, trial.status) == ((0.25,), None, "done")


def test_a_trial_fails_with_any_of_its_points(tmp_path: Path) -> None:
    points = [point(tmp_path, 1), point(tmp_path, 2, status="failed")]
    assert judged(search("simulated_s"), VALUES, points).error == "seed_2: did not finish"
    assert judged(search("simulated_s"), VALUES, points[:1]).status == "done"


def done(*objectives: float) -> Trial:
    """A trial like no other."""
    name = str(objectives)
    return Trial(VALUES, (Point(name, {}, (), SCENARIO, False, name, Path(name)),), objectives, -0.1)


def test_the_front_is_what_nothing_dominates_and_each_only_once() -> None:
    fast, dear, both, worse = done(1.0, 9.0), done(9.0, 1.0), done(4.0, 4.0), done(4.0, 5.0)
    short = Trial(VALUES, (), (0.0, 0.0), 0.1)
    failed = Trial(VALUES, (), error="x")
    assert front(search("a", "b"), [worse, fast, both, short, dear, failed, both]) == [fast, both, dear]
    assert front(search("a", maximise=("b",)), [fast, dear, both]) == [fast]
    assert front(search("a"), [done(2.0), done(1.0), done(3.0)]) == [done(1.0)]


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_front_is_the_one_that_optuna_sees() -> None:
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    draw = random.Random(1)
    asked = optuna.create_study(directions=["minimize", "maximize"])
    trials = []
    for i in range(60):
        numbers = draw.random(), draw.random()
        short_by = draw.uniform(-0.5, 0.5)
        asking = asked.ask()
        asking.set_constraint("target_accuracy", short_by)
        asked.tell(asking, numbers)
        trials.append(Trial({"i": i}, done(*numbers).points, numbers, short_by))
    found = front(search("a", maximise=("b",)), trials)
    assert len(found) > 3
    assert [trial.values["i"] for trial in found] == [trial.number for trial in asked.best_trials]


def test_the_table_has_every_trial_and_no_cost_to_a_target_that_was_missed() -> None:
    sought = search("time_to_accuracy_s", "energy_j")
    best = done(2.5, 4.0)
    trials = [best, Trial({"bits": 2}, (), (40.0, 8.0), 0.25), Trial({"bits": 1}, (), error="cut, off")]
    first = {"trial": 0, "status": "done", "on_front": 1, "bits": 4, "time_to_accuracy_s": 2.5, "energy_j": 4.0}
    assert trial_rows(sought, trials) == [
        {**first, "short_by": 0, "points": str(best.points[0].path), "error": ""},
        {**first, "trial": 1, "status": "short", "on_front": 0, "bits": 2, "time_to_accuracy_s": None, "energy_j": 8.0}
        | {"short_by": 0.25, "points": "", "error": ""},
        {**first, "trial": 2, "status": "failed", "on_front": 0, "bits": 1, "time_to_accuracy_s": None}
        | {"energy_j": None, "short_by": None, "points": "", "error": "cut, off"},
    ]


def test_the_outcome_tells_the_best_or_the_nearest() -> None:
    sought, best = search("energy_j"), done(4.0)
    short = [Trial({"bits": bits}, (), (8.0,), 0.1 * bits) for bits in (3, 2)]
    assert outcome(sought, trial_rows(sought, [*short, best])).splitlines() == [
        "3 trials, 2 short; best:",
        "trial  energy_j",
        "    2         4",
    ]
    assert outcome(sought, trial_rows(sought, short)).splitlines() == [
        "2 trials, 2 short; none reached 0.8, nearest:",
        "trial  energy_j  short_by",
        "    1         8       0.2",
    ]
    unknown = outcome(sought, trial_rows(sought, [Trial({}, (), error="x")]))
    assert unknown.startswith("1 trials, 1 failed; nothing is known:\n")
