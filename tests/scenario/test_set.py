"""Changes on the command line: they take the paths of the file, and their mistakes are told with their own text."""

from __future__ import annotations

from pathlib import Path

import pytest

from wirelessfsl.scenario import Scenario, ScenarioError, load_scenario

TEXT = """name: a
data: {name: blobs, clients: 4, partition: {kind: iid}}
model: {name: mlp, cuts: [fc1]}
algorithm: {kind: splitfed_v1, optimizer: {kind: sgd, lr: 0.1}}
codecs: {activations: [{kind: quantize, bits: 8}], gradients: {kind: quantize, bits: 8}}
devices:
  - {count: 1}
  - {count: 3}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "s.yaml"
    file.write_text(TEXT)
    return file


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("algorithm.optimizer.lr=0.5", lambda s: s.algorithm.optimizer.lr == 0.5),
        ("algorithm.optimizer={kind: adam, eps: 1e-7}", lambda s: s.algorithm.optimizer.eps == 1e-7),
        ("codecs.activations.0.bits=4", lambda s: s.codecs.activations[0].bits == 4),
        ("codecs.gradients.bits=4", lambda s: s.codecs.gradients[0].bits == 4),
        ("codecs=null", lambda s: s.codecs.activations[0].kind == "identity"),
        ("devices=null", lambda s: [group.count for group in s.devices] == [4]),
        ("devices.1.profile=phone-mid", lambda s: s.devices[1].profile == "phone-mid"),
        ("network.transport.overhead_bytes=0", lambda s: s.network.transport.overhead_bytes == 0),
        ("participation.deadline_s=null", lambda s: s.participation.deadline_s is None),
        ("name=a=b", None),
        ("name='2024'", lambda s: s.name == "2024"),
    ],
)
def test_a_change_reaches_its_place(change: str, value: object, path: Path) -> None:
    if callable(value):
        assert value(load_scenario(path, [change]))
    else:
        with pytest.raises(ScenarioError, match="--set name=a=b name: got 'a=b', allowed: letters"):
            load_scenario(path, [change])


def test_of_two_changes_the_later_holds_and_the_seed_comes_last(path: Path) -> None:
    found = load_scenario(path, ["seed=3", "algorithm.rounds=2", "algorithm.rounds=7"], seed=9)
    assert (found.seed, found.algorithm.rounds) == (9, 7)


def test_a_change_mends_a_mistake_of_the_file(path: Path) -> None:
    path.write_text(TEXT.replace("name: a", "name: !me a").replace("clients: 4", "clients: four"))
    assert isinstance(load_scenario(path, ["name=a", "data.clients=4"]), Scenario)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("rounds", "--set rounds: must be path=value, such as --set algorithm.rounds=5"),
        ("=3", "--set =3: must be path=value, such as --set algorithm.rounds=5"),
        ("data..clients=3", "--set data..clients=3: must be path=value, such as --set algorithm.rounds=5"),
        ("seed=", "--set seed=: must be path=value, such as --set algorithm.rounds=5"),
        ("seed.x=1", "--set seed.x=1 seed: got a mapping, must be a whole number"),
        ("name.x=1", "--set name.x=1: 'x' is below a single value, name"),
        ("devices.2.count=1", "--set devices.2.count=1: '2' is not an item of devices, a list of 2 counted from 0"),
        (
            "codecs.activations.bits=4",
            "--set codecs.activations.bits=4: 'bits' is not an item of codecs.activations, a list of 1 counted from 0",
        ),
        (
            "algorithm.rounds=[1",
            "--set algorithm.rounds=[1: not valid YAML: expected ',' or ']', but got '<stream end>'",
        ),
        ("algorithm.rounds=many", "--set algorithm.rounds=many algorithm.rounds: got 'many', must be a whole number"),
        ("name=!!python/name:os.system", "--set name=!!python/name:os.system name: got the tag !!python/name:os.sy..."),
        (
            "algorithm.lr=1",
            "--set algorithm.lr=1 algorithm.lr: unknown key, ... (did you mean algorithm.optimizer.lr?)",
        ),
        ("network.medium.kind=tdm", "--set network.medium.kind=tdm network.medium.kind: got 'tdm', allowed: ..."),
        (
            "network.channel.fading.k_factor_db=3",
            "... network.channel.fading: has no kind, ... (did you mean kind: ...",
        ),
        ("devices.0.count=null", "... devices.0.count: missing, must be given"),
    ],
)
def test_a_wrong_change_is_told_with_its_own_text(change: str, message: str, path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path, [change])
    (told,) = caught.value.problems
    parts = message.split("...")
    assert told.startswith(parts[0])
    assert all(part in told for part in parts)
    assert "..." in message or told == message


def test_a_wrong_seed_names_its_option(path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"^--seed seed=-1 seed: got -1, must be >= 0"):
        load_scenario(path, seed=-1)
