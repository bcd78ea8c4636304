# ruff: noqa: E501 - the table reads best with a line a mistake
"""Every mistake in a scenario gets one clear message with its place, and exit status 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from wirelessfsl.cli import main
from wirelessfsl.scenario import ScenarioError, load_scenario

GOOD = """data: {name: digits, clients: 10}
model: {name: small_cnn, cuts: [block1]}
algorithm: {kind: splitfed_v1, rounds: 2}
"""
LINE = "s.yaml:4:"

# Mistake, text appended to (or, with =>, replaced in) the good scenario, place, what the message must say.
TABLE = [
    ("unknown section", "netwerk: {}", "4:1 netwerk", "unknown key, allowed: name, seed, data", "mean network?"),
    ("unknown key", "server: {profil: edge-gpu}", "4:10 server.profil", "allowed: profile", "mean profile?"),
    ("unknown message kind", "codecs: {activation: {kind: identity}}", "codecs.activation", "mean activations?"),
    ("unknown data set", "digits, => digitz,", "1:8 data.name: got 'digitz'", "allowed: blobs, digits, mnist", "digits?"),
    ("unknown algorithm", "splitfed_v1 => splitfed", "3:13 algorithm.kind: got 'splitfed'", "mean splitfed_v1?"),
    ("unknown model", "small_cnn => smallcnn", "2:9 model.name: got 'smallcnn'", "did you mean small_cnn?"),
    ("unknown fading", "network: {channel: {fading: {kind: ricain}}}", "4:30", "got 'ricain'", "mean rician?"),
    ("unknown device", "devices: [{count: 10, profile: raspbery-pi-4}]", "4:23 devices.0.profile", "mean raspberry-pi-4?"),
    ("knob of another kind", "network: {channel: {fading: {kind: rayleigh, k_factor_db: 6}}}", "4:46", "a knob of rician"),
    ("kind missing", "network: {medium: {bandwidth_hz: 20e6}}", "4:11 network.medium", "mapping with the key kind"),
    ("kind without mapping", "network: {medium: fdma}", "4:11 network.medium: got 'fdma'", "mapping with the key kind"),
    ("data missing", "data: {name: digits, clients: 10} => # none", "data: missing, must be given"),
    ("algorithm missing", "algorithm: {kind: splitfed_v1, rounds: 2} => # none", "algorithm: missing, must be given"),
    ("bandwidth in MHz", "network: {medium: {kind: fdma, bandwidth_hz: 20}}", "got 20, must be >= 1000", "mean 20e6?"),
    ("bandwidth with unit", "network: {medium: {kind: fdma, bandwidth_hz: 20 MHz}}", "'20 MHz', must be a number", "no unit"),
    ("negative bandwidth", "network: {medium: {kind: tdma, bandwidth_hz: -20e6}}", "got -20000000.0", "mean 2e+07?"),
    ("carrier in GHz", "network: {channel: {carrier_hz: 3.5}}", "4:21 network.channel.carrier_hz: got 3.5", "mean 3.5e9?"),
    ("power in mW", "devices: [{count: 10, radio: {tx_power_dbm: 200}}]", "got 200, must be <= 80", "23 dBm is 200 mW"),
    ("accuracy in per cent", "evaluation: {target_accuracy: [80]}", "4:32 evaluation.target_accuracy.0: got 80, must be <= 1"),
    ("fraction in per cent", "clients: 10 => test_fraction: 20", "data.test_fraction: got 20", "mean 0.2?"),
    ("accuracy not a list", "evaluation: {target_accuracy: 0.8}", "got 0.8, must be a list"),
    ("rounds zero", "rounds: 2 => rounds: 0", "3:32 algorithm.rounds: got 0, must be >= 1"),
    ("rounds not whole", "rounds: 2 => rounds: 2.5", "got 2.5, must be a whole number"),
    ("boolean as number", "seed: true", "4:1 seed: got True, must be a whole number"),
    ("text as number", "seed: '1'", "got '1', must be a whole number (did you mean 1, without quotes?)"),
    ("negative seed", "seed: -1", "seed: got -1, must be >= 0"),
    ("number as text", "name: 3", "4:1 name: got 3, must be text"),
    ("infinity", "network: {transport: {timeout_s: .inf}}", "got inf, must be a finite number"),
    ("not a number", "network: {transport: {timeout_s: .nan}}", "got nan, must be"),
    ("negative overhead", "network: {transport: {overhead_bytes: -3}}", "overhead_bytes", "got -3, must be >= 0"),
    ("learning rate", "rounds: 2 => optimizer: {kind: sgd, lr: -0.1}", "algorithm.optimizer.lr: got -0.1, must be > 0"),
    ("momentum one", "rounds: 2 => optimizer: {kind: sgd, momentum: 1.0}", "momentum: got 1.0, must be < 1"),
    ("bits", "codecs: {activations: {kind: quantize, bits: 17}}", "bits: got 17, must be <= 16"),
    ("bits whole", "codecs: {activations: {kind: quantize, bits: 7.5}}", "got 7.5, must be a whole number"),
    ("cast type", "codecs: {gradients: {kind: cast, dtype: float32}}", "got 'float32', allowed: float16, bfloat16"),
    ("codec as text", "codecs: {activations: quantize}", "codecs.activations: got 'quantize', must be a list"),
    ("two codecs", "codecs: {activations: [{kind: cast}, {kind: quantize}]}", "got 2 items, must be 1"),
    ("no codec", "codecs: {activations: []}", "4:10 codecs.activations"),
    ("codec not used", "splitfed_v1, rounds: 2} => fedavg}\ncodecs: {gradients: {kind: cast}} #", "no gradients", "cuts"),
    ("cut not there", "block1 => block9", "2:26 model.cuts: got 'block9', allowed cuts of small_cnn: block1, block2"),
    ("too many cuts", "[block1] => [block1, block2]", "got 2 cuts, splitfed_v1 takes 1"),
    ("cuts not a list", "[block1] => block1", "model.cuts: got 'block1', must be a list"),
    ("cut without use", "splitfed_v1 => fedavg", "model.cuts: has no effect: fedavg does not cut the model"),
    ("model and data", "small_cnn, cuts: [block1] => lenet", "lenet cannot take inputs of shape (1, 8, 8)"),
    ("too many clients", "clients: 10 => clients: 100000", "got 100000 clients, digits has 1438 training samples"),
    ("impossible deal", "clients: 10 => clients: 1000", "data.partition", "lower min_samples or have fewer clients"),
    ("alpha zero", "clients: 10 => partition: {kind: dirichlet, alpha: 0}", "data.partition.alpha: got 0, must be > 0"),
    ("root without use", "clients: 10 => root: x", "data.root: has no effect: digits reads no files"),
    ("files not there", "digits => mnist, root: /nowhere", "no MNIST files in /nowhere", "set data.root"),
    ("devices do not add up", "devices: [{count: 3}]", "4:1 devices: got 3 devices, must be data.clients = 10"),
    ("devices not a list", "devices: {count: 10}", "devices: got {'count': 10}, must be a list"),
    ("count missing", "devices: [{profile: phone-mid}]", "devices.0.count: missing"),
    ("channel of a wire", "network: {medium: {kind: constant}, channel: {carrier_hz: 1e9}}", "network.channel: has no effect"),
    ("layout of a wire", "network: {medium: {kind: constant}, layout: {kind: disc}}", "network.layout: has no effect"),
    ("carrier without use", "network: {channel: {phy: {kind: fixed}, carrier_hz: 2e9}}", "4:41", "carrier_hz: has no effect"),
    ("carrier of a 2 GHz law", "network: {channel: {path_loss: {kind: urban_macro}, carrier_hz: 2e9}}", "carrier_hz: has no effect"),
    ("sleep without use", "server: {radio: {sleep_w: 0.1}}", "server.radio.sleep_w: has no effect"),
    ("hole wider than disc", "network: {layout: {kind: disc, radius_m: 5}}", "network.layout", "must be < radius_m"),
    ("failures out of order", "devices: [{count: 10, failures: {kind: at, times_s: [5, 3]}}]", "got 3.0 after 5.0"),
    ("threads", "host: {torch_threads: 0}", "host.torch_threads: got 0, must be >= 1"),
    ("name of a path", "name: a/b", "name: got 'a/b', allowed: letters, digits"),
    ("code from outside", "network: {channel: {fading: {kind: 'my_mod:X'}}}", "got 'my_mod:X'", "allow it with --allow-code"),
    ("model from outside", "small_cnn => 'my_mod:net'", "model.name: got 'my_mod:net'", "--allow-code"),
    ("tag", "name: !!python/name:os.system x", "4:1 name", "tags are not allowed"),
    ("key twice", "seed: 1\nseed: 2", "5:1 not valid YAML: found duplicate key"),
    ("bracket open", "name: [1", "not valid YAML"),
    ("tab", "\tname: x", "not valid YAML"),
]  # fmt: skip


def written(folder: Path, change: str) -> Path:
    old, arrow, new = change.partition(" => ")
    path = folder / "s.yaml"
    path.write_text(GOOD.replace(old, new) if arrow else GOOD + change + "\n")
    return path


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_a_mistake_gets_its_one_message_and_exit_status_2(
    row: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, row[1])
    monkeypatch.chdir(tmp_path)
    assert main(["check", "s.yaml"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    expected = 2 if row[0] == "codec not used" else 1  # the cut is not used by fedavg either
    assert len(lines) == expected
    assert all(line.startswith("s.yaml:") for line in lines)
    for essential in row[2:]:
        assert essential in err
    assert "Traceback" not in err


def test_the_table_has_at_least_forty_rows_and_the_good_one_passes(tmp_path: Path) -> None:
    assert len(TABLE) >= 40
    assert load_scenario(written(tmp_path, "")).algorithm.rounds == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "got nothing, must be a mapping"),
        (b"- a\n", "got a list, must be a mapping"),
        (b"\xff\xfe\x00", "cannot be read"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_file_that_is_no_scenario(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "s.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ScenarioError, match=says):
        load_scenario(path)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    text = "seed: x\nmodell: 1\nnetwork: {medium: {kind: fdma, bandwidth_hz: 20}, channel: {fading: {kind: ricain}}}"
    path = written(tmp_path, text)
    path.write_text(path.read_text().replace("block1", "block9").replace("rounds: 2", "rounds: 0"))
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    for problem in ("seed", "modell", "bandwidth_hz", "ricain", "block9", "rounds"):
        assert any(problem in line for line in caught.value.problems), problem
    assert len(caught.value.problems) == 6


def test_an_alias_bomb_is_refused(tmp_path: Path) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(ScenarioError, match="more than 100,000 nodes"):
        load_scenario(written(tmp_path, "\n".join(levels)))
