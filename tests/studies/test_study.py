"""Study files as points: what is crossed, left out and called how, and what is refused."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from tests.studies.files import BASE, study
from wirelessfsl.scenario import ScenarioError, load_scenario
from wirelessfsl.studies.study import load_study

AXES = """\
axes:
  grid:
    network.medium.bandwidth_hz: [1.0e+6, 5.0e+6]
    scheme:
      split: {}
      fed: {set: {algorithm.kind: fedavg, model.cuts: null}}
  zip:
    algorithm.local_steps: [1, 2, 3]
    algorithm.batch_size: [30, 20, 10]
  list:
    - {network.transport.timeout_s: 5.0}
    - {evaluation.every_rounds: 2}
  seeds: [3, 7]
"""


def test_points_are_the_product_of_grid_zip_list_and_seeds_in_this_order(tmp_path: Path) -> None:
    points = load_study(study(tmp_path, AXES), tmp_path / "out").points
    assert len(points) == 2 * 2 * 3 * 2 * 2
    grid = product((1e6, 5e6), ("splitfed_v1", "fedavg"), ((1, 30), (2, 20), (3, 10)), ((5.0, 1), (None, 2)), (3, 7))
    for point, (bandwidth_hz, kind, steps, (timeout_s, every), seed) in zip(points, grid, strict=True):
        s = point.scenario
        assert (s.network.medium.bandwidth_hz, s.algorithm.kind) == (bandwidth_hz, kind)
        assert (s.algorithm.local_steps, s.algorithm.batch_size) == steps
        assert (s.network.transport.timeout_s, s.evaluation.every_rounds, s.seed) == (timeout_s, every, seed)


def test_a_point_is_the_scenario_with_the_same_changes_by_hand(tmp_path: Path) -> None:
    point = load_study(study(tmp_path, "set: {algorithm.rounds: 4}\naxes: {grid: {seed: [5]}}"), tmp_path).points[0]
    (tmp_path / "base.yaml").write_text("\n".join(line[2:] for line in BASE.splitlines()))
    assert point.scenario == load_scenario(tmp_path / "base.yaml", ["algorithm.rounds=4", "seed=5"])


def test_a_count_of_seeds_is_that_many_from_1(tmp_path: Path) -> None:
    points = load_study(study(tmp_path, "axes: {seeds: 3}"), tmp_path).points
    assert [(point.name, point.scenario.seed) for point in points] == [("seed_1", 1), ("seed_2", 2), ("seed_3", 3)]


def test_a_study_without_axes_is_one_point(tmp_path: Path) -> None:
    assert [point.name for point in load_study(study(tmp_path), tmp_path).points] == ["tried"]


@pytest.mark.parametrize(
    ("where", "left"),
    [
        ("[{drop: {scheme: fed}}]", {("split", 1), ("split", 2), ("split", 3)}),
        ("[{drop: {scheme: fed, seed: [2, 3]}}]", {("split", 1), ("split", 2), ("split", 3), ("fed", 1)}),
        ("[{keep: {seed: {at_least: 2}}}]", {("split", 2), ("split", 3), ("fed", 2), ("fed", 3)}),
        ("[{keep: {seed: {at_least: 2, at_most: 2}}}, {drop: {scheme: split}}]", {("fed", 2)}),
    ],
)
def test_conditions_leave_these_combinations(where: str, left: set[tuple[str, int]], tmp_path: Path) -> None:
    schemes = "{split: {}, fed: {set: {algorithm.kind: fedavg, model.cuts: null}}}"
    file = study(tmp_path, f"axes: {{grid: {{scheme: {schemes}}}, seeds: 3}}\nwhere: {where}")
    points = load_study(file, tmp_path).points
    assert {(point.values["scheme"], point.values["seed"]) for point in points} == left
    assert len(points) == len(left)


def test_an_alternative_may_start_from_a_file_of_its_own_beside_the_study(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(
        "\n".join(line[2:] for line in BASE.splitlines()).replace("rounds: 1", "rounds: 9")
    )
    scheme = "scheme: {mine: {}, other: {base: other.yaml, set: {seed: 4}}}"
    points = load_study(
        study(tmp_path, f"set: {{algorithm.local_steps: 6}}\naxes: {{grid: {{{scheme}}}}}"), tmp_path
    ).points
    found = [(p.name, p.scenario.algorithm.rounds, p.scenario.algorithm.local_steps, p.scenario.seed) for p in points]
    assert found == [("mine", 1, 6, 1), ("other", 9, 6, 4)]


def test_names_follow_the_pattern_and_folders_have_the_digest_behind(tmp_path: Path) -> None:
    axes = "axes: {grid: {network.medium.bandwidth_hz: [5.0e+6], network.channel.fading: [{kind: none}]}, seeds: [2]}"
    file = study(tmp_path, f"{axes}\npattern: 'at {{bandwidth_hz}}/{{network.channel.fading}}-{{seed}}'")
    (point,) = load_study(file, tmp_path).points
    assert point.name == "at_5e6_none-2"
    assert point.path == tmp_path / f"at_5e6_none-2-{point.digest}"


def test_sets_of_the_command_line_come_last(tmp_path: Path) -> None:
    file = study(tmp_path, "set: {algorithm.rounds: 4}")
    assert load_study(file, tmp_path, ["algorithm.rounds=7"]).points[0].scenario.algorithm.rounds == 7


def test_a_set_that_undoes_an_axis_is_refused_and_one_that_changes_some_of_it_is_not(tmp_path: Path) -> None:
    file = study(
        tmp_path, "axes: {grid: {scheme: {a: {set: {algorithm.rounds: 2, data.clients: 2}}, b: {}}}, seeds: 2}"
    )
    load_study(file, tmp_path, ["algorithm.rounds=5"])
    with pytest.raises(ScenarioError, match=r"axes.seeds: has no effect beside --set seed=4; leave one out$"):
        load_study(file, tmp_path, ["seed=4"])


def test_the_digest_leaves_out_name_and_host_and_minds_all_else(tmp_path: Path) -> None:
    def digest(*sets: str, timing_only: bool = False) -> str:
        return load_study(study(tmp_path), tmp_path, sets, timing_only=timing_only).points[0].digest

    assert digest() == digest("name=other", "host.torch_threads=2")
    assert len({digest(), digest("seed=2"), digest("algorithm.rounds=2"), digest(timing_only=True)}) == 4


def test_points_equal_to_each_other_count_once(tmp_path: Path) -> None:
    file = study(tmp_path, "axes: {grid: {one: {a: {set: {seed: 1}}, b: {}, c: {set: {seed: 2}}}}}")
    read = load_study(file, tmp_path)
    assert [point.name for point in read.points] == ["a", "c"]
    assert read.repeats == {"b": "a"}


def test_points_that_differ_and_have_one_digest_are_not_taken_for_equal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wirelessfsl.studies.study.identity", lambda *_: "00000000")
    with pytest.raises(ScenarioError, match=r"seed_1 and seed_2 have the digest 00000000 by chance"):
        load_study(study(tmp_path, "axes: {seeds: 2}"), tmp_path)


def test_every_problem_comes_at_once_with_its_place(tmp_path: Path) -> None:
    rest = """\
sets: {}
axes:
  grid:
    network.medium.bandwidth_hz: [1.0e+6, -5]
    scheme: {a: {set: {algorithm.local_step: 3}}, b: {bse: x}}
  zip: {data.clients: [1, 2], seed: [3]}
  seeds: x
"""
    file = study(tmp_path, rest, BASE.replace("rounds: 1", "rounds: 0"))
    with pytest.raises(ScenarioError) as told:
        load_study(file, tmp_path)
    assert [problem.removeprefix(f"{file}:") for problem in told.value.problems] == [
        "7:1 sets: unknown key, allowed: name, base, set, axes, where, pattern, optimise (did you mean set?)",
        "11:55 axes.grid.scheme.b.bse: unknown key, allowed: base, set (did you mean base?)",
        "12:8 axes.zip: lists of one length go together; data.clients has 2, seed has 1",
        "13:10 axes.seeds: got x, must be a list of seeds or how many, 1 to 10,000",
        "5:42 algorithm.rounds: got 0, must be >= 1",
        "11:46 algorithm.local_step: unknown key, allowed: rounds, local_steps, batch_size, optimizer, "
        "upload, weighting (did you mean local_steps?)",
        "10:43 network.medium.bandwidth_hz: got -5, must be >= 1000 (did you mean 5?)",
    ]


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("axes: {seeds: 2}\nwhere: [{drop: {sed: 1}}]", "where.0.drop.sed: got 'sed', no axis (did you mean seed?)"),
        ("axes: {seeds: 2}\nwhere: [{drop: {seed: 3}}]", "where.0.drop.seed: got 3, not on the axis"),
        ("axes: {seeds: 2}\nwhere: [{drop: {seed: [1, 2]}}]", "where.0.drop: leaves nothing"),
        ("axes: {seeds: 2}\nwhere: [{keep: {seed: [1, 2]}}]", "where.0.keep: leaves out nothing"),
        ("axes: {grid: {a: {x: {}}}}\nwhere: [{keep: {a: {at_least: 1}}}]", "at_least and at_most are for numbers"),
        ("axes: {seeds: 2}\npattern: x", "pattern: two points are called x: is a value given twice? Else say"),
        ("axes: {seeds: 2}\npattern: '{speed}'", "pattern: got 'speed', no axis (did you mean seed?)"),
        (f"axes: {{seeds: 2}}\npattern: '{'x' * 200}{{seed}}'", "has more than 200 characters"),
        ("axes: {grid: {seed: [1]}, seeds: 2}", "axes.seeds: seed is on another axis, too"),
        ("axes: {seeds: 10001}", "axes.seeds: got 10001, must be a list of seeds or how many, 1 to 10,000"),
        (f"axes: {{seeds: 9999, grid: {{data.clients: {[*range(11)]}}}}}", "axes: make 109,989 points, must be"),
        ("axes: {grid: {seed: []}}", "axes.grid.seed: must be a list of one value or more"),
        ("axes: {grid: {scheme: {}}}", "axes.grid.scheme: must be a list of one value or more"),
        ("axes: {grid: {energy_j: {x: {}}}}", "energy_j is a column of the table; give the axis another name"),
        ("axes: {seeds: 2}\nset: {seed: 3}", "8:13 set.seed: has no effect beside the axis seed; leave one out"),
        ("axes: {grid: {data.clients: [2], data: [{name: digits, clients: 2}]}}", "data undoes data.clients of an"),
        ("axes: {seeds: 2}\nwhere: [{}]", "where.0: is empty; say keep or drop"),
        ("axes: {grid: {status: {x: {}}}}", "status is a column of the table; give the axis"),
        ("name: again", "name: given twice, first in line 1"),
        ("axes: {grid: {a: {x: {base: none.yaml}}}}", "none.yaml: cannot be read: No such file or directory"),
        ("axes: {seeds: 2}\nset: {algorithm.rounds: 0}", "8:25 algorithm.rounds: got 0, must be >= 1"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_with_what_it_is(rest: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as told:
        load_study(study(tmp_path, rest), tmp_path)
    assert message in str(told.value)


def test_a_problem_of_some_points_names_one_of_them(tmp_path: Path) -> None:
    file = study(tmp_path, "axes: {grid: {algorithm.rounds: [1, 0]}, seeds: 2}")
    with pytest.raises(ScenarioError) as told:
        load_study(file, tmp_path)
    assert told.value.problems == (
        f"{file}:7:37 algorithm.rounds: got 0, must be >= 1 (in 2 points, such as rounds_0-seed_1)",
    )


def test_a_base_is_needed(tmp_path: Path) -> None:
    (file := tmp_path / "s.yaml").write_text("axes: {seeds: 2}")
    with pytest.raises(
        ScenarioError, match=r":1:1 base: missing, must be given: a scenario file, or a scenario in place"
    ):
        load_study(file, tmp_path)


@pytest.mark.parametrize(
    "file", sorted((Path(__file__).parents[2] / "studies").glob("*.yaml")), ids=lambda path: path.stem
)
def test_the_studies_that_come_along_are_right(file: Path, tmp_path: Path) -> None:
    found = load_study(file, tmp_path)
    assert found.points or found.search


def test_the_study_of_the_docs_is_right(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    (shown,) = re.findall(r"```\n(name: which\n.*?)```", (root / "docs" / "studies.md").read_text(), re.DOTALL)
    (file := tmp_path / "which.yaml").write_text(shown.replace("../", f"{root}/"))
    assert len(load_study(file, tmp_path).points) == (2 * 2 - 1) * 2 * 2 * 3
