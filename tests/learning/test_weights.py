"""Weights as files: what a run leaves behind another begins with, and pretraining is plain training done once."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.learning.plain import CLASSES, is_trained_to, network, same, spec, torch_optimizer, train_step
from tests.worlds import DEVICE, dataset, played, run, tiny, world_of
from wirelessfsl import load_scenario, open_run, simulate
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.mtsl import MTSL
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.cli import main
from wirelessfsl.learning.data import ClientData
from wirelessfsl.learning.models import ModelSpec, make
from wirelessfsl.learning.optim import SGD
from wirelessfsl.learning.partition import Iid
from wirelessfsl.learning.stage import initial_parts, split, tensor_names
from wirelessfsl.learning.weights import (
    OtherData,
    Pretrain,
    WeightsFile,
    load_weights,
    pretrain,
    read_weights,
    save_weights,
)
from wirelessfsl.scenario import Data, Model, Scenario, ScenarioError, deal
from wirelessfsl.streams import key

QUICK = Path(__file__).parents[2] / "scenarios" / "quickstart.yaml"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "wirelessfsl"


@pytest.mark.parametrize(
    ("model", "cuts"),
    [
        (spec("small_cnn_bn"), ("block1",)),
        (spec("resnet8"), ("stem", "layer2")),
        (spec("char_lstm"), ("embedding", "lstm1")),
        (spec("char_transformer"), ("embedding", "block1")),
        (ModelSpec("tests.learning.test_graph:Scaled", (4,), CLASSES), ("body",)),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_parts_go_to_a_file_under_the_names_of_the_whole_model_and_back(
    model: ModelSpec, cuts: tuple[str, ...], tmp_path: Path
) -> None:
    stages = split(model, cuts)
    parts = initial_parts(stages, 1)
    save_weights(tmp_path / "x.safetensors", stages, parts)
    held = load_file(tmp_path / "x.safetensors")
    net = make(model)
    net.load_state_dict(held)  # strict
    assert is_trained_to(net, stages, parts)
    whole = split(model, ())
    assert is_trained_to(net, whole, load_weights(whole, initial_parts(whole, 2), held))
    assert is_trained_to(net, stages, load_weights(stages, initial_parts(stages, 2), held))


def test_a_head_of_another_size_stays_as_initialised() -> None:
    held = network("small_cnn_bn", seed=1).state_dict()
    stages = split(ModelSpec("small_cnn_bn", (1, 8, 8), 7), ("block1",))
    before = initial_parts(stages, 2)
    after = load_weights(stages, before, held)
    for names, old, new in zip(tensor_names(stages[0].model, ("block1",)), before, after, strict=True):
        for name, was, now in zip(names, old.weights, new.weights, strict=True):
            assert same(now, was if name.startswith("head.") else held[name])


def begun(scenario: Scenario) -> tuple[torch.Tensor, ...]:
    world, _ = world_of(scenario)
    return tuple(weight for part in world.initial for weight in part.weights)


def test_a_run_begins_with_the_weights_of_a_file_wherever_it_is_cut(tmp_path: Path) -> None:
    net = network("mlp", seed=7)
    save_file(net.state_dict(), tmp_path / "x.safetensors")
    pretrained = WeightsFile(path=str(tmp_path / "x.safetensors"))
    for cut in "fc1", "fc2":
        scenario = tiny(2, model=Model(name="mlp", cuts=(cut,), pretrained=pretrained))
        assert same(begun(scenario), tuple(net.state_dict().values()))


@pytest.mark.parametrize("algorithm", [SplitFedV1(rounds=2), FedAvg(rounds=2), MTSL(rounds=2)], ids=lambda a: a.kind)
def test_the_weights_that_a_run_leaves_are_those_that_another_begins_with(algorithm: Any, tmp_path: Path) -> None:
    scenario = tiny(3, algorithm=algorithm, model=Model(name="small_cnn_bn"))
    folder = tmp_path / "run"
    simulate(scenario, folder)
    _, outcome = run(scenario)
    models = outcome.models or {"": outcome.parts}
    assert len(models) == (3 if algorithm.kind == "mtsl" else 1)
    for client, parts in models.items():
        file = folder / ("models" if client else "") / f"{client or 'model'}.safetensors"
        model = replace(scenario.model, pretrained=WeightsFile(path=str(file)))
        again = begun(replace(scenario, model=model))
        assert same(again, tuple(weight for part in parts for weight in part.weights))
    assert not [*folder.rglob("*.half")]


def test_a_client_with_a_first_piece_of_its_own_leaves_it_under_its_names(tmp_path: Path) -> None:
    own = Model(name="small_cnn_bn", cuts=("block2",))
    groups = (replace(DEVICE, count=1), replace(DEVICE, count=1, model=own))
    common = Model(name="small_cnn", cuts=("block2",))
    scenario = tiny(devices=groups, algorithm=MTSL(rounds=1), model=common)
    simulate(scenario, tmp_path / "run")
    first, second = (load_file(tmp_path / "run" / "models" / f"client-{k}.safetensors") for k in range(2))
    assert first.keys() == make(ModelSpec("small_cnn", (1, 8, 8), CLASSES)).state_dict().keys()
    assert {name for name in second if name.startswith("server.")} == {"server.head.1.weight", "server.head.1.bias"}
    own = replace(own, pretrained=WeightsFile(path=str(tmp_path / "run" / "models" / "client-1.safetensors")))
    world, _ = world_of(replace(scenario, devices=(groups[0], replace(groups[1], model=own))))
    part = world.initial_of(world.clients[1])[0]
    names = tensor_names(ModelSpec("small_cnn_bn", (1, 8, 8), CLASSES), ("block2",))[0]
    assert same(part.weights, tuple(second[name] for name in names))


def public(fraction: float = 0.25, **changes: Any) -> Scenario:
    setting = Pretrain(epochs=3, batch_size=50, optimizer=SGD(lr=0.05, momentum=0.5))
    data = Data(name="blobs", clients=4, partition=Iid(), public_fraction=fraction)
    return tiny(4, data=data, model=Model(name="mlp", pretrained=setting), **changes)


def test_pretraining_is_plain_training_on_the_public_samples() -> None:
    scenario = public()
    samples = dataset(scenario).public
    assert samples is not None
    net = network("mlp", seed=key(scenario.seed, "initial-weights") & (2**63 - 1))
    rule = SGD(lr=0.05, momentum=0.5)
    optimizer = torch_optimizer(rule, list(net.parameters()))
    batches = ClientData(*samples, "pretraining", scenario.seed)
    for step in range(3 * 400 // 50):
        train_step(net, optimizer, *batches.batch(step, 50))
    assert same(begun(scenario), tuple(net.state_dict().values()))


def test_public_samples_are_dealt_to_no_client_and_have_every_class() -> None:
    scenario = public()
    data, whole = dataset(scenario), dataset(tiny(4, data=replace(scenario.data, public_fraction=None)))
    assert data.public is not None
    inputs, labels = data.public
    assert labels.bincount().tolist() == [40] * 10
    assert len(data.labels) == 1200
    assert sorted(i for part in deal(scenario, data) for i in part) == list(range(1200))
    both = torch.cat([inputs, data.inputs]).flatten(1).sum(1).sort().values
    assert same(both, whole.inputs.flatten(1).sum(1).sort().values)


def test_pretraining_is_done_once_and_costs_no_simulated_time(cache: Path) -> None:
    told: list[str] = []
    simulate(public(), cache.parent / "first", notice=told.append)
    (file,) = cache.iterdir()
    before = file.stat().st_mtime_ns
    simulate(public(), cache.parent / "second", notice=told.append)
    assert file.stat().st_mtime_ns == before
    lines = [line for line in told if line.startswith("pretrain")]
    assert [line.split()[0] for line in lines] == ["pretraining", "pretrained"]
    assert all("400 public samples, epochs: 3, outside of simulated time" in line for line in lines)
    first, second = (open_run(cache.parent / name) for name in ("first", "second"))
    assert [each.manifest["pretrained"]["cached"] for each in (first, second)] == [False, True]
    assert first.manifest["pretrained"]["samples"] == 400
    assert first.events.equals(second.events)
    assert first.metrics.equals(second.metrics)
    drawn, _ = run(tiny(4, data=public().data, model=Model(name="mlp")))
    assert max(first.events["end_s"].to_pylist()) == drawn.end_s


@pytest.mark.parametrize(
    "change",
    [{"epochs": 2}, {"batch_size": 40}, {"optimizer": SGD(lr=0.06)}],
    ids=lambda each: next(iter(each)),
)
def test_another_setting_is_learnt_anew(cache: Path, change: dict[str, Any]) -> None:
    scenario = public()
    setting = scenario.model.pretrained
    assert isinstance(setting, Pretrain)
    first = begun(scenario)
    other = begun(replace(scenario, model=replace(scenario.model, pretrained=replace(setting, **change))))
    assert len([*cache.iterdir()]) == 2
    assert not same(first, other)


def test_other_samples_and_another_seed_are_learnt_anew(cache: Path) -> None:
    for scenario in public(), public(0.5), public(seed=2):
        begun(scenario)
    assert len([*cache.iterdir()]) == 3


def test_a_model_of_the_users_own_is_not_kept(cache: Path) -> None:
    model = ModelSpec("tests.learning.plain:Woven", (1, 8, 8), CLASSES)
    samples = torch.rand(20, 1, 8, 8), torch.arange(20) % 10
    held, told = pretrain(Pretrain(epochs=1), model, *samples, 1, lambda _: None)
    assert not cache.exists()
    assert not told["cached"]
    assert held.keys() == make(model).state_dict().keys()


def test_another_data_set_of_the_server_gives_the_weights_that_fit() -> None:
    pretrained = Pretrain(data=OtherData(name="digits"), epochs=1)
    scenario = tiny(2, model=Model(name="mlp", pretrained=pretrained))
    world, _ = world_of(scenario)
    assert world.pretrained is not None
    assert world.pretrained["samples"] == 1438
    assert world.pretrained["fitting"] == world.pretrained["parameters"] == 6


def test_everybody_begins_with_the_pretrained_weights() -> None:
    scenario = public(algorithm=MTSL(rounds=1, local_steps=1, optimizer=SGD(lr=1e-12)))
    world, _, _ = played(scenario)
    _, outcome = run(scenario)
    for parts in outcome.models.values():
        for part, initial in zip(parts, world.initial, strict=True):
            torch.testing.assert_close(part.params, initial.params, rtol=0, atol=1e-9)


def test_a_file_in_which_nothing_fits_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.safetensors"
    save_file({"fc1.1.weight": torch.zeros(3, 3), "other": torch.zeros(64)}, file)
    change = f"model={{name: mlp, pretrained: {{kind: file, path: {file}}}}}"
    assert main(["check", str(QUICK), "--set", change]) == 2
    assert "no parameter of mlp is in it by name and shape; the first are fc1.1.weight" in capsys.readouterr().err


def test_the_command_says_what_it_begins_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    short = ["--set", "algorithm.rounds=1", "--set", "algorithm.local_steps=1", "--out", str(tmp_path / "x")]
    given = ["--set", "model.pretrained={kind: pretrain, epochs: 1}", "--set", "data.public_fraction=0.1"]
    assert main(["run", str(QUICK), *short, *given]) == 0
    assert "143 public samples, epochs: 1, outside of simulated time" in capsys.readouterr().err
    manifest = json.loads((tmp_path / "x" / "manifest.json").read_text())
    assert manifest["pretrained"]["kind"] == "pretrain"
    assert (tmp_path / "x" / "model.safetensors").is_file()


def test_a_run_writes_down_the_digest_of_its_file_and_another_file_is_refused(tmp_path: Path) -> None:
    scenario = replace(start(tmp_path), algorithm=FedAvg(rounds=1, local_steps=1))
    run = simulate(scenario, tmp_path / "run")
    digest = run.scenario["model"]["pretrained"]["sha256"]
    assert digest == sha256((tmp_path / "x.safetensors").read_bytes()).hexdigest()
    again = load_scenario(tmp_path / "run" / "scenario.yaml")
    assert again.model.pretrained == WeightsFile(path=str(tmp_path / "x.safetensors"), sha256=digest)
    held = load_file(tmp_path / "x.safetensors")
    save_file({name: tensor + 1 for name, tensor in held.items()}, tmp_path / "x.safetensors")
    with pytest.raises(ScenarioError, match="is another file than before"):
        load_scenario(tmp_path / "run" / "scenario.yaml")


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    held = {"fc1.1.weight": torch.full((64, 64), torch.nan)}
    save_file(held, tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match=r"fc1.1.weight has numbers that are not finite"):
        read_weights(tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match="no such file"):
        read_weights(tmp_path / "y.safetensors")


def start(folder: Path) -> Scenario:
    """A scenario that begins with the weights of a file."""
    stages = split(ModelSpec("mlp", (1, 8, 8), 10), ())
    save_weights(folder / "x.safetensors", stages, initial_parts(stages, 5))
    pretrained = WeightsFile(path=str(folder / "x.safetensors"))
    return tiny(2, model=Model(name="mlp", pretrained=pretrained))
