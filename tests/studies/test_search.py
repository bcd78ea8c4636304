"""The section ``optimise``: what it makes of a study, and what is refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.studies.files import study
from wirelessfsl.scenario import ScenarioError
from wirelessfsl.studies.parameters import Range
from wirelessfsl.studies.search import Objective, Search
from wirelessfsl.studies.study import load_study

OPTIMISE = """\
optimise:
  minimise: [time_to_accuracy_s]
  maximise: final_accuracy
  target_accuracy: 0.5
  over:
    algorithm.local_steps: {int: [1, 3]}
    scheme: {choice: {split: {}, fed: {set: {algorithm.kind: fedavg, model.cuts: null}}}}
    algorithm.batch_size: {choice: [8, 16]}
    uplink_share:
      split: [0.25, 0.75]
      step: 0.25
      of: 8.0e+6
      between: [network.medium.bandwidth_hz, network.medium.downlink_bandwidth_hz]
"""


def searched(folder: Path, rest: str = "", optimise: str = OPTIMISE, timing_only: bool = False) -> Search:
    found = load_study(study(folder, optimise + rest), folder / "out", timing_only=timing_only).search
    assert found is not None
    return found


def test_what_a_study_says_of_a_search_is_what_is_searched(tmp_path: Path) -> None:
    found = searched(
        tmp_path, "  trials: 7\n  batch: 2\n  sampler: {kind: nsga2, seed: 5, population: 4}\n  seeds: [3, 4]\n"
    )
    assert found.objectives == (Objective("time_to_accuracy_s", False), Objective("final_accuracy", True))
    assert (found.target_accuracy, found.trials, found.batch) == (0.5, 7, 2)
    assert (found.sampler, found.seed, found.population) == ("nsga2", 5, 4)
    assert [(change.path, change.value) for change in found.seeds] == [("seed", 3), ("seed", 4)]
    assert [each.name for each in found.parameters] == [
        "algorithm.local_steps", "scheme", "algorithm.batch_size", "uplink_share",
    ]  # fmt: skip


def test_a_grid_is_every_combination_once_and_needs_no_number_of_trials(tmp_path: Path) -> None:
    found = searched(tmp_path, "  sampler: {kind: grid}\n")
    tried = [tuple(values.values()) for values in found.grid]
    assert tried == [(n, k, b, u) for n in (1, 2, 3) for k in (0, 1) for b in (0, 1) for u in (0.25, 0.5, 0.75)]
    assert (found.trials, found.batch) == (36, 36)


def test_a_split_shares_out_the_whole_amount(tmp_path: Path) -> None:
    split = searched(tmp_path, "  trials: 1\n").parameters[-1]
    assert isinstance(split, Range)
    assert [(change.path, change.value) for change in split.choice(0.75).changes] == [
        ("network.medium.bandwidth_hz", 6e6),
        ("network.medium.downlink_bandwidth_hz", 2e6),
    ]


def test_every_choice_and_both_ends_of_every_range_are_tried_beforehand(tmp_path: Path) -> None:
    extremes = [tuple(each.values.values()) for each in searched(tmp_path, "  trials: 1\n").extremes()]
    first = (1, "split", 8, 0.25)
    assert extremes == [first, (3, *first[1:]), (1, "fed", 8, 0.25), (1, "split", 16, 0.25), (1, "split", 8, 0.75)]


@pytest.mark.parametrize(
    ("over", "told"),
    [
        ("algorithm.local_step: {int: [1, 3]}", "10:33 algorithm.local_step: unknown key"),
        ("algorithm.local_steps: {int: [0, 3]}", "must be >= 1 (in point algorithm.local_steps 0)"),
        ("network.medium.latency_s: {float: [0.0, 3601.0]}", "(in point network.medium.latency_s 3601)"),
        ("model.cuts.0: {choice: [fc1, fc2, fc7]}", "(in point model.cuts.0 fc7)"),
        ("seed: {int: [1, 5]}\n    a: {choice: {x: {set: {seed: 1}}, y: {}}}", "a.choice: seed is on another axis"),
        ("a.b: {int: [3, 1]}", "a.b.int: got [3, 1], must be the least and the largest of a range of whole numbers"),
        ("a.b: {int: [1.5, 3]}", "a.b.int: got [1.5, 3], must be the least and the largest of a range of whole"),
        ("a.b: {int: [1, 1]}", "a.b.int: got [1, 1], must be"),
        ("a.b: {float: 1.0}", "a.b.float: got 1.0, must be the least and the largest of a range of numbers"),
        ("a.b: {float: [0, .inf]}", "a.b.float: got [0, inf], must be"),
        ("a.b: {float: [0.0, 1.0], log: true}", "a.b.float: got 0, must be > 0 with log"),
        ("a.b: {float: [0.1, 1.0], log: 1}", "a.b.log: got 1, must be true or false"),
        ("a.b: {int: [1, 8], log: true, step: 2}", "a.b.step: has no effect beside log; leave it out"),
        ("a.b: {int: [1, 8], step: 2}", "a.b.step: got 2, does not lead from 1 to 8"),
        ("a.b: {int: [1, 8], step: 0.5}", "a.b.step: got 0.5, must be a whole number > 0"),
        ("a.b: {choice: [1, 2], log: true}", "a.b.log: has no effect beside choice; leave it out"),
        ("a.b: {choice: []}", "a.b.choice: must be a list of one value or more"),
        ("a.b: {int: [1, 2], float: [0.1, 0.2]}", "a.b: must have one of int, float, choice, split"),
        ("a.b: {whole: [1, 2]}", "a.b.whole: unknown key, allowed: int, float, choice, split, step, log, of, between"),
        ("a.b: {split: [0.1, 1.9], of: 2, between: [a.b, a.c]}", "got [0.1, 1.9], must be shares from 0 to 1"),
        ("a.b: {split: [0.1, 0.9], of: 2}", "a.b: must have split, of and between, such as {split: "),
        ("a.b: {split: [0.1, 0.9], of: 2, between: 3}", "a.b: must have split, of and between"),
        ("trial: {choice: {x: {}, y: {set: {seed: 2}}}}", "trial is a column of the table; give the axis another name"),
        ("a.b: {split: [0.1, 0.9], of: 0, between: [a.b, a.c]}", "a.b.of: got 0, must be a number > 0"),
        ("a.b: {split: [0.1, 0.9], of: 2, between: [a.b, a.b]}", "a.b: must have split, of and between"),
    ],
)  # fmt: skip
def test_a_parameter_that_cannot_be_varied_is_refused(over: str, told: str, tmp_path: Path) -> None:
    optimise = f"optimise:\n  minimise: [energy_j]\n  over:\n    {over}\n  trials: 1\n"
    with pytest.raises(ScenarioError) as refused:
        searched(tmp_path, "", optimise)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("minimise: []\n  trials: 2", "minimise or maximise is missing, such as"),
        ("minimise: energy_j\n  trials: 2\n  seeds: 2\n  target_accuracy: 0", "got 0, must be a number > 0"),
        ("trials: 2", "minimise or maximise is missing, such as minimise: [time_to_accuracy_s]"),
        ("minimise: [energy]\n  trials: 2", "minimise.0: got 'energy', allowed: time_to_accuracy_s, energy_to"),
        ("minimise: energy_j\n  maximise: energy_j\n  trials: 2", "optimise.maximise: energy_j is given twice"),
        ("minimise: [energy_to_accuracy_j]\n  trials: 2", "target_accuracy is missing, which energy_to_acc"),
        ("minimise: [energy_j]\n  target_accuracy: 80\n  trials: 2", "got 80, must be a number > 0 and <= 1"),
        ("minimise: [energy_j]", "optimise: trials is missing: how many sets of values are tried"),
        ("minimise: [energy_j]\n  trials: 0", "optimise.trials: got 0, must be a whole number >= 1"),
        ("minimise: [energy_j]\n  trials: 2\n  batch: 1.5", "optimise.batch: got 1.5, must be a whole number >= 1"),
        ("minimise: [energy_j]\n  trials: 2\n  seeds: x", "optimise.seeds: got x, must be a list of seeds or how many"),
        ("minimise: [energy_j]\n  trials: 2\n  samplr: {}", "optimise.samplr: unknown key"),
        ("minimise: [energy_j]\n  trials: 2\n  sampler: {kind: tpi}", "got 'tpi', allowed: tpe, nsga2, random, grid"),
        ("minimise: [energy_j]\n  trials: 2\n  sampler: {population: 8}", "population: has no effect beside tpe"),
        ("minimise: [energy_j]\n  trials: 2\n  sampler: {kind: grid}", "trials: has no effect beside grid"),
        ("minimise: [energy_j]\n  sampler: {kind: grid, seed: 1}", "sampler.seed: has no effect beside grid"),
        ("minimise: [energy_j]\n  trials: 2\naxes: {seeds: 2}", "axes: has no effect beside optimise"),
        ("minimise: [energy_j]\n  trials: 2\npattern: x", "pattern: has no effect beside optimise"),
    ],
)  # fmt: skip
def test_a_search_that_makes_no_sense_is_refused(lines: str, told: str, tmp_path: Path) -> None:
    optimise = f"optimise:\n  over: {{algorithm.local_steps: {{int: [1, 3]}}}}\n  {lines}\n"
    with pytest.raises(ScenarioError) as refused:
        searched(tmp_path, "", optimise)
    assert told in str(refused.value)


def test_nothing_to_vary_and_a_grid_without_an_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="over is missing: what is varied"):
        searched(tmp_path, "", "optimise: {minimise: [energy_j], trials: 2}\n")
    endless = "optimise: {minimise: [energy_j], over: {a.b: {float: [0.1, 0.2]}}, sampler: {kind: grid}}\n"
    with pytest.raises(ScenarioError, match=r"over\.a\.b: has no end of numbers for grid; give it a step, or a choice"):
        searched(tmp_path, "", endless)
    huge = "optimise: {minimise: [energy_j], over: {a.b: {int: [1, 1000000000000]}}, sampler: {kind: grid}}\n"
    with pytest.raises(ScenarioError, match=r"over: makes 1,000,000,000,000 trials in a grid, must be at most 100,000"):
        searched(tmp_path, "", huge)


def test_seeds_are_not_varied_twice(tmp_path: Path) -> None:
    twice = "optimise: {minimise: [energy_j], over: {seed: {int: [1, 3]}}, trials: 2, seeds: 2}\n"
    with pytest.raises(ScenarioError, match=r"optimise\.seeds: seed is on another axis, too"):
        searched(tmp_path, "", twice)


def test_what_is_learnt_cannot_be_sought_where_nothing_is(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as refused:
        searched(tmp_path, "  trials: 1\n", timing_only=True)
    assert "target_accuracy: is never reached where nothing is learnt" in str(refused.value)
    assert "optimise: final_accuracy is never known where nothing is learnt" in str(refused.value)
