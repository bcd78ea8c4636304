"""Every mistake in a scenario gets its one message, with its place, and exit status 2; several come all at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.scenario.malformed import MALFORMED, Malformed, whole
from wirelessfsl.cli import main
from wirelessfsl.scenario import ScenarioError, load_scenario


@pytest.mark.parametrize("case", MALFORMED, ids=[case.name for case in MALFORMED])
def test_a_mistake_gets_its_one_message_and_exit_status_2(
    case: Malformed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_bytes(whole(case))
    with pytest.raises(ScenarioError) as caught:
        load_scenario("s.yaml")
    (message,) = caught.value.problems
    expected = ".+".join(re.escape(part) for part in f"s.yaml:{case.message}".split("..."))
    assert re.fullmatch(expected, message), message
    assert main(["check", "s.yaml"]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"{message}\n")


def test_the_table_is_long_and_its_names_differ() -> None:
    assert len(MALFORMED) >= 100
    assert len({case.name for case in MALFORMED}) == len(MALFORMED)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nowhere.yaml", "cannot be read: No such file"),
        (".", "is a folder; give a scenario file, or to go on with a run wirelessfsl run --resume"),
    ],
)
def test_a_file_that_cannot_be_opened_is_told(name: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(tmp_path / name)
    (message,) = caught.value.problems
    assert message.startswith(f"{tmp_path / name}: {says}")


SEVERAL = """name: a/b
sead: 3
data: {name: blobs, clients: 4, partition: {kind: iid}}
data: {name: digits}
model: {name: mlp, cuts: [fc9]}
algorithm: {kind: splitfed_v1, rounds: 0, optimizer: {kind: sdg}}
codecs:
  activations: {kind: quantize, bits: 8.0}
  labels: !mine {kind: cast}
devices: [{count: 3, profile: phone-mide}, {count: 2, radio: {sleep_w: 0.1, tx_power_dbm: 200}}]
network:
  medium: {kind: constant, uplink_bit_s: 0}
  channel: {carrier_hz: 2e9}
"""


def test_several_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(SEVERAL)
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path, ["evaluation.every_rounds=0", "bad"])
    told = [message.removeprefix(f"{path}:").partition(": ")[0] for message in caught.value.problems]
    assert told == [
        "1:7 name",
        "2:1 sead",
        "4:1 data",
        "6:40 algorithm.rounds",
        "6:61 algorithm.optimizer.kind",
        "8:39 codecs.activations.bits",
        "9:11 codecs.labels",
        "10:31 devices.0.profile",
        "10:63 devices.1.radio.sleep_w",
        "10:91 devices.1.radio.tx_power_dbm",
        "12:42 network.medium.uplink_bit_s",
        "13:3 network.channel",
        "--set evaluation.every_rounds=0 evaluation.every_rounds",
        "--set bad",
    ]


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("data: {name: blobs, clients: '20'}\ndevices: [{count: 20}]\n", "1:30 data.clients"),
        ("data: {name: blobs, clientz: 20}\ndevices: [{count: 20}]\n", "1:21 data.clientz"),
        ("data: {name: blob, root: here}\n", "1:14 data.name"),
        ("data: {name: blobs}\nmodell: {name: mlp, cuts: [fc9]}\nalgorithm: {kind: fedavg}\n", "2:1 modell"),
        ("model: {name: lenett, cuts: [fc1]}\n", "1:15 model.name"),
        ("algorithm: {kind: fedavgg}\nmodel: {name: mlp}\ncodecs: {gradients: {kind: cast}}\n", "1:19 algorithm.kind"),
        ("devices: [{count: 10, radio: {sleep_w: 0.1, sleep_after_s: soon}}]\n", "1:60 devices.0.radio.sleep_after_s"),
        ("network: {layout: {kind: disc, radius_m: 5, min_distance_m: '1'}}\n", "1:61 network.layout.min_distance_m"),
    ],
)
def test_what_follows_from_a_mistake_is_not_told(text: str, alone: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(whole(Malformed("", text, "")))
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    (message,) = caught.value.problems
    assert message.startswith(f"{path}:{alone}: ")
