"""Adaptive studies: Optuna chooses the points of a study from what its earlier points came to.

A trial is one point a seed, run as any point of a study and skipped if it is finished; so the run folders are all there
is to keep. A study that is run again asks Optuna for the same trials in the same order and tells it what the folders
say: trials depend on the study file and on ``batch``, never on how many processes there are or which ends first.

A trial that misses the target is told as infeasible, with a constraint violated by the accuracy that it lacks, and the
cost of its whole run: samplers first come nearer to the target and then cheaper. Neither a made-up high cost, which
would bend the sampler's model of the costs, nor pruning, after which all that miss the target look alike, does that.
A trial that fails, or whose values make no scenario, is told as failed, from which samplers learn nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wirelessfsl.results.exports import as_csv
from wirelessfsl.results.store import write_text
from wirelessfsl.studies.claims import alone
from wirelessfsl.studies.combinations import combined
from wirelessfsl.studies.parameters import Options, Parameter
from wirelessfsl.studies.points import Point
from wirelessfsl.studies.search import Search
from wirelessfsl.studies.study import Study
from wirelessfsl.studies.sweeping import Engine, Show, sweep
from wirelessfsl.studies.trials import Trial, judged, trial_rows

if TYPE_CHECKING:
    from optuna import Study as Asked
    from optuna import Trial as Asking


def optimise(study: Study, engine: Engine, show: Show) -> tuple[Trial, ...]:
    """Run the trials of a study that has a search, and write ``trials.csv`` after each batch.

    study, engine, show: as of :func:`wirelessfsl.studies.sweeping.sweep`, which runs the points of each batch.

    Raises ValueError if Optuna is not installed, or as ``sweep``.
    """
    search = study.search
    assert search is not None
    asked = _asked(search)
    points: dict[str, Point] = {}
    trials: list[Trial] = []
    while len(trials) < search.trials:
        batch = [asked.ask() for _ in range(min(search.batch, search.trials - len(trials)))]
        chosen = [_points(study, search, each, points) for each in batch]
        columns = (*(each.name for each in search.parameters), *(("seed",) if search.seeds else ()))
        sweep(replace(study, columns=columns, points=tuple(points.values())), engine, show)
        for each, trial in zip(batch, chosen, strict=True):
            trials.append(trial if trial.error else judged(search, trial.values, trial.points))
            _tell(asked, each, trials[-1])
        table = trial_rows(search, trials)
        with alone(study.out):
            write_text(study.out / "trials.csv", as_csv([*table[0]], [[*row.values()] for row in table]))
    return tuple(trials)


def _asked(search: Search) -> Asked:
    try:
        import optuna
    except ImportError as error:
        raise ValueError("optimise: needs Optuna; pip install 'wirelessfsl[optimise]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler: optuna.samplers.BaseSampler
    if search.sampler == "tpe":
        sampler = optuna.samplers.TPESampler(seed=search.seed, constant_liar=search.batch > 1)
    elif search.sampler == "nsga2":
        sampler = optuna.samplers.NSGAIISampler(seed=search.seed, population_size=search.population)
    else:
        sampler = optuna.samplers.RandomSampler(seed=search.seed)
    ways = optuna.study.StudyDirection
    directions = [ways.MAXIMIZE if each.maximise else ways.MINIMIZE for each in search.objectives]
    asked = optuna.create_study(directions=directions, sampler=sampler)
    if search.sampler == "grid":
        for values in search.grid:
            asked.enqueue_trial(values)
    return asked


def _points(study: Study, search: Search, asking: Asking, points: dict[str, Point]) -> Trial:
    """The trial that Optuna asks for; its points join the others, of which those that are equal stand for them."""
    found = combined([each.choice(_suggested(asking, each)) for each in search.parameters])
    own = []
    for seed in search.seeds or (None,):
        changes, values = found.changes, found.values
        name = f"trial_{asking.number:04d}"
        if seed is not None:
            changes, values, name = (*changes, seed), {**values, "seed": seed.value}, f"{name}-seed_{seed.value}"
        try:
            point = study.point(name, values, changes, found.base)
        except ValueError as error:
            return Trial(found.values, (), error=" ".join(str(error).split()))
        own.append(points.setdefault(point.digest, point))
    return Trial(found.values, tuple(own))


def _suggested(asking: Asking, parameter: Parameter) -> Any:
    if isinstance(parameter, Options):
        return asking.suggest_categorical(parameter.name, parameter.values)
    if parameter.whole:
        low, high, step = int(parameter.low), int(parameter.high), int(parameter.step or 1)
        return asking.suggest_int(parameter.name, low, high, step=step, log=parameter.log)
    return asking.suggest_float(parameter.name, parameter.low, parameter.high, step=parameter.step, log=parameter.log)


def _tell(asked: Asked, asking: Asking, trial: Trial) -> None:
    from optuna.trial import TrialState

    if trial.status == "failed":
        asked.tell(asking, state=TrialState.FAIL)
        return
    if trial.short_by is not None:
        asking.set_constraint("target_accuracy", trial.short_by)
    asked.tell(asking, trial.objectives)
