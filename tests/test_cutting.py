"""The table of cuts, the choice of the best, and what the commands say of both."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.worlds import dataset, tiny
from wirelessfsl import load_scenario, open_run, simulate
from wirelessfsl.algorithms.fedsl import FedSL
from wirelessfsl.algorithms.pfsl import PFSL
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.cli import main
from wirelessfsl.cutting import cells, chosen, quickest, table, thriftiest
from wirelessfsl.engine.access import ConstantLink
from wirelessfsl.learning.pruning import FilterPruning
from wirelessfsl.scenario import Model, ScenarioError, cut_choices, cuts_of

QUICK = str(Path(__file__).parents[1] / "scenarios" / "quickstart.yaml")
CNN = Model(name="small_cnn", cuts="auto")
SLOW, FAST = ConstantLink(uplink_bit_s=1e3, downlink_bit_s=1e3), ConstantLink(uplink_bit_s=1e12, downlink_bit_s=1e12)


def test_there_is_a_row_for_every_cut_with_what_stands_in_the_models_own_numbers() -> None:
    first, second = table(tiny(2, model=CNN))
    assert (first.cuts, second.cuts) == (("block1",), ("block2",))
    assert first.parameters == 16 * 9 + 16
    assert second.parameters == first.parameters + 32 * 16 * 9 + 32
    # A multiply-accumulate is 2, and the gradient of the data is not needed.
    assert first.client_flops == 2 * 16 * 2 * 9 * 16 * 8 * 8
    assert first.activation_bytes == first.gradient_bytes == 8 + 2 + 4 * 4 + 16 * (16 * 4 * 4) * 4
    assert first.client_flops + first.server_flops == second.client_flops + second.server_flops


def test_a_slow_link_wants_few_bytes_and_a_quick_one_little_work_for_the_clients() -> None:
    scheme = SplitFedV1(local_steps=50)
    media = SLOW, FAST
    deep, shallow = (chosen(tiny(2, model=CNN, algorithm=scheme, medium=each))[0].model.cuts for each in media)
    assert deep == ("block2",)
    assert shallow == ("block1",)


def test_auto_takes_the_least_of_what_it_is_to_keep_small() -> None:
    quick = load_scenario(QUICK, ["network.medium.bandwidth_hz=6e6"])
    found = table(quick)
    assert quickest(found).cuts != thriftiest(found).cuts  # else the next lines say nothing
    for purpose, best in ("time", quickest(found)), ("energy", thriftiest(found)):
        wanted = replace(quick, model=replace(quick.model, cuts="auto", cut_for=purpose))
        resolved, why = chosen(wanted)
        assert resolved == replace(wanted, model=replace(wanted.model, cuts=best.cuts))
        assert why.startswith(f"model.cuts: {best.cuts[0]}, the least {purpose} of 2 possible: {best.seconds:.4g} s")


def test_given_cuts_stay_and_need_no_word() -> None:
    scenario = tiny()
    assert chosen(scenario) == (scenario, "")


def test_the_table_marks_the_scenarios_own_cut_also_inside_of_a_module() -> None:
    heads, *rows = cells(tiny(model=Model(name="small_cnn", cuts=("block1.0",))))
    assert heads[0] == "cut"
    assert [row[0] for row in rows] == ["block1.0", "block1", "block2"]
    assert [("the scenario's" in row[-1]) for row in rows] == [True, False, False]
    assert sum("least time" in row[-1] for row in rows) == sum("least energy" in row[-1] for row in rows) == 1
    assert not any("the scenario's" in row[-1] for row in cells(tiny(model=CNN)))


def test_a_cut_that_leaves_nothing_to_prune_is_no_choice() -> None:
    for name, count in ("mlp", 0), ("small_cnn", 2):
        scenario = tiny(model=Model(name=name, cuts="auto"), algorithm=FedSL(pruning=FilterPruning()))
        assert len(cut_choices(scenario, dataset(scenario))) == count


def test_what_is_not_chosen_yet_cannot_be_built() -> None:
    scenario = tiny(model=CNN)
    with pytest.raises(ValueError, match="auto is not chosen yet"):
        cuts_of(scenario, dataset(scenario))


def test_of_two_cuts_there_is_a_row_for_every_pair_in_order() -> None:
    model = Model(name="femnist_cnn", cuts="auto")
    found = table(tiny(2, model=model, algorithm=PFSL()))
    assert [each.cuts for each in found] == [("conv1", "conv2"), ("conv1", "dense"), ("conv2", "dense")]
    one = table(tiny(2, model=model))
    sizes, whole = [each.activation_bytes for each in one], one[0].client_flops + one[0].server_flops
    assert [each.activation_bytes for each in found] == [sizes[i] + sizes[k] for i, k in ((0, 1), (0, 2), (1, 2))]
    assert [each.gradient_bytes for each in found] == [sizes[k] for k in (1, 2, 2)]  # the front is frozen
    assert all(each.client_flops + each.server_flops < whole for each in found)


def test_what_is_frozen_stands_between_the_cuts_that_are_chosen() -> None:
    scenario = tiny(2, model=Model(name="femnist_cnn", cuts="auto"), algorithm=PFSL(frozen="conv2"))
    assert cut_choices(scenario, dataset(scenario)) == [("conv1", "dense")]


def test_a_model_with_fewer_places_than_cuts_is_refused() -> None:
    changes = ["algorithm={kind: pfsl}", "codecs={}", "model={name: 'tests.scenario.outside:net', cuts: auto}"]
    with pytest.raises(
        ScenarioError, match=r"model.cuts: got 'auto', .* cannot be cut 2 times; it can be after: body$"
    ):
        load_scenario(QUICK, changes, allow_code=True)


def test_a_run_says_what_was_chosen_and_its_folder_holds_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets = ["--set", "algorithm.rounds=1", "--set", "model.cuts=auto"]
    assert main(["run", QUICK, *sets, "--out", str(tmp_path / "x")]) == 0
    assert capsys.readouterr().err.startswith("model.cuts: block1, the least time of 2 possible: ")
    model = YAML(typ="safe", pure=True).load((tmp_path / "x" / "scenario.yaml").read_text())["model"]
    assert model == {"name": "small_cnn", "cuts": ["block1"], "pretrained": None}
    assert main(["run", str(tmp_path / "x" / "scenario.yaml"), "--out", str(tmp_path / "again")]) == 0
    assert open_run(tmp_path / "again").events.equals(open_run(tmp_path / "x").events)


def test_a_run_from_python_chooses_too(tmp_path: Path) -> None:
    run = simulate(load_scenario(QUICK, ["algorithm.rounds=1", "model.cuts=auto"]), out=tmp_path / "x")
    assert run.scenario["model"]["cuts"] == ["block1"]


def test_the_command_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cuts", QUICK, "--set", "model.cuts=auto"]) == 0
    heads, first, second, foot = capsys.readouterr().out.splitlines()
    assert heads.split()[0] == "cut"
    assert [line.split()[0] for line in (first, second)] == ["block1", "block2"]
    assert "predicted" in foot


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scenarios/fedavg.yaml"], "fedavg: fedavg does not cut the model"),
        (["nowhere.yaml"], "nowhere.yaml: cannot be read: No such file or directory"),
    ],
)
def test_what_has_no_cuts_is_one_message_and_exit_status_2(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(Path(__file__).parents[1])
    assert main(["cuts", *arguments]) == 2
    err = capsys.readouterr().err
    assert err.startswith(message)
    assert len(err.splitlines()) == 1


def test_where_a_client_has_no_rate_the_commands_name_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    far = ["network.channel={phy: {kind: nr}, fading: {kind: none}}", "network.layout.radius_m=100000"]
    sets = [word for change in (*far, "model.cuts=auto") for word in ("--set", change)]
    for command in ["cuts", QUICK, *sets], ["run", QUICK, *sets, "--out", str(tmp_path / "x")]:
        assert main(command) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert re.match(r"quickstart: client-\d has no rate on the downlink of network\.medium fdma .* bring it", line)
