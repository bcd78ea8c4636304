"""What loading a scenario promises besides refusing mistakes: --set, resolution, schema, code from outside."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.worlds import ListLog
from wirelessfsl.scenario import ScenarioError, digest, load_scenario, resolve, schema, to_yaml
from wirelessfsl.simulation import play

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "scenarios").glob("*.yaml")) + sorted((ROOT / "wirelessfsl" / "templates").glob("*.yaml"))
NEEDS_FILES = {"mnist.yaml"}


def loadable(path: Path) -> Any:
    if path.name in NEEDS_FILES:
        return load_scenario(path, ["data={name: digits, clients: 20}", "model={name: small_cnn}"])
    return load_scenario(path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_scenario_and_template_runs_for_a_round(path: Path) -> None:
    scenario = loadable(path)
    one = replace(scenario, algorithm=replace(scenario.algorithm, rounds=1, local_steps=1))
    log = ListLog()
    assert play(one, log).status == "completed"
    assert log.metrics


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_resolved_scenario_is_the_same_scenario(path: Path, tmp_path: Path) -> None:
    resolved = resolve(loadable(path))
    (tmp_path / "r.yaml").write_text(to_yaml(resolved))
    again = resolve(load_scenario(tmp_path / "r.yaml"))
    assert again == resolved
    assert digest(again) == digest(resolved)


def test_set_changes_single_values_lists_and_whole_sections() -> None:
    path = ROOT / "scenarios" / "quickstart.yaml"
    changes = [
        "algorithm.rounds=7",
        "devices.0.profile=phone-mid",
        "network.medium={kind: tdma, bandwidth_hz: 5e6}",
        "codecs=null",
        "algorithm.deadline_s=2.5",
    ]
    found = load_scenario(path, changes, seed=9)
    assert (found.algorithm.rounds, found.devices[0].profile, found.network.medium.kind) == (7, "phone-mid", "tdma")
    assert (found.codecs.activations[0].kind, found.seed, found.algorithm.deadline_s) == ("identity", 9, 2.5)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("rounds", "must be path=value"),
        ("devices.3.profile=x", "'3' is not an item|3 is not an item"),
        ("seed.x=1", "below a single value"),
        ("algorithm.rounds=[1", "not valid YAML"),
        ("algorithm.rounds=many", "--set algorithm.rounds=many algorithm.rounds: got 'many', must be a whole number"),
    ],
)
def test_a_wrong_set_is_told_with_its_own_text(change: str, says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        load_scenario(ROOT / "scenarios" / "quickstart.yaml", [change])


def test_schema_has_descriptions_defaults_ranges_and_kinds() -> None:
    made = schema()
    medium = made["$defs"]["Fdma"]["properties"]
    assert medium["bandwidth_hz"]["minimum"] == 1000
    assert medium["bandwidth_hz"]["default"] == 20e6
    assert "Hz" in medium["bandwidth_hz"]["description"]
    assert made["$defs"]["Network"]["properties"]["medium"]["discriminator"]["propertyName"] == "kind"
    undescribed = [
        f"{name}.{field}"
        for name, definition in made["$defs"].items()
        for field, content in definition.get("properties", {}).items()
        if field != "kind" and "description" not in content
    ]
    assert undescribed == []


CODE = """
import numpy as np
from wirelessfsl.lazy import torch
from wirelessfsl.settings import settings

@settings
class Steady:
    level: float = 0.5
    def gain(self, stream_keys, time_s):
        return np.full(len(stream_keys), self.level)
    def next_change_s(self, time_s):
        return np.inf

def net(shape, classes):
    nn = torch.nn
    return {"a": nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU()), "b": nn.Linear(8, classes)}
"""
OUTSIDE = """data: {name: digits, clients: 2, partition: {kind: iid}}
model: {name: 'outside_mod:net', cuts: [a]}
algorithm: {kind: splitfed_v1, rounds: 1, local_steps: 1}
network: {channel: {fading: {kind: 'outside_mod:Steady', level: 0.25}}}
"""


def test_code_from_an_import_path_runs_only_when_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outside_mod.py").write_text(CODE)
    path = tmp_path / "s.yaml"
    path.write_text(OUTSIDE)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ScenarioError, match="--allow-code") as refused:
        load_scenario(path)
    assert len(refused.value.problems) == 2
    assert "outside_mod" not in sys.modules
    scenario = load_scenario(path, allow_code=True)
    assert scenario.network.channel.fading.level == 0.25
    assert play(scenario, ListLog()).status == "completed"
    (tmp_path / "r.yaml").write_text(to_yaml(resolve(scenario)))
    assert resolve(load_scenario(tmp_path / "r.yaml", allow_code=True)) == resolve(scenario)


def test_code_that_is_not_there_is_a_problem_not_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(OUTSIDE.replace("outside_mod", "nowhere_mod"))
    with pytest.raises(ScenarioError, match="nowhere_mod"):
        load_scenario(path, allow_code=True)
