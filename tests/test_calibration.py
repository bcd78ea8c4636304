"""A machine's own device profile: medians of real passes, and a file that a scenario can name."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from wirelessfsl.calibration import calibrate, doubt, spec
from wirelessfsl.cli import main
from wirelessfsl.devices.catalogue import PROFILES
from wirelessfsl.devices.compute import MeasuredProcessor
from wirelessfsl.learning.models import ModelSpec
from wirelessfsl.learning.speed import Timed, time_cuts
from wirelessfsl.learning.stage import split
from wirelessfsl.scenario import ScenarioError, load_scenario, resolve, to_yaml

MLP = ModelSpec("mlp", (1, 8, 8), 10)
QUICK = Path(__file__).parents[1] / "scenarios" / "quickstart.yaml"


def ticking(*seconds: float) -> Callable[[], float]:
    """A clock on which the runs of each pass take these seconds, one after the other, again and again."""
    now, calls = 0.0, 0

    def clock() -> float:
        nonlocal now, calls
        if calls % 2:
            now += seconds[calls // 2 % len(seconds)]
        calls += 1
        return now

    return clock


def test_a_time_is_the_median_and_its_spread_lies_between_the_quartiles() -> None:
    times = time_cuts(MLP, (), 4, repeats=5, threads=1, clock=ticking(1.0, 2.0, 9.0, 3.0, 4.0))
    (whole,) = times
    assert whole.seconds == pytest.approx(3.0)
    assert whole.spread_s == pytest.approx(2.0)  # 4 - 2
    assert whole.flops_per_s == pytest.approx(whole.flops / 3.0)


@pytest.mark.parametrize("model", ["small_cnn_bn", "char_lstm"])
def test_both_sides_of_a_cut_are_timed_with_the_flops_of_their_kernels(model: str) -> None:
    made = spec(model, (1, 8, 8) if model == "small_cnn_bn" else (6,), 10)
    cut = "block1" if model == "small_cnn_bn" else "embedding"
    times = time_cuts(made, (cut,), 4, repeats=2, threads=1)
    assert [(each.cut, each.side, each.what) for each in times] == [
        ("", "client", "step"),
        (cut, "client", "forward"),
        (cut, "server", "step"),
        (cut, "client", "backward"),
    ]
    client, server = (stage.flops(4) for stage in split(made, (cut,)))
    assert [each.flops for each in times[1:]] == [client.forward, server.forward + server.backward, client.backward]
    assert all(each.seconds > 0 for each in times)


def test_the_speed_is_that_of_the_client_pieces_asked_for_or_of_the_whole_model() -> None:
    for cuts in None, ("block1", "block2"):
        profile, times = calibrate(spec("small_cnn", (1, 8, 8), 10), cuts, 4, repeats=2, threads=1)
        own = [each for each in times if each.side == "client" and bool(each.cut) == bool(cuts)]
        expected = sum(each.flops for each in own) / sum(each.seconds for each in own)
        assert profile["processor"]["flops_per_s"] == pytest.approx(expected, rel=1e-3)
        assert len(profile["measured"]["passes"]) == 7


def test_speeds_that_are_far_apart_are_doubted_the_farthest_of_them() -> None:
    def times(forward_s: float, backward_s: float, server_s: float) -> list[Timed]:
        seconds = {("", "client", "step"): 4.0, ("a", "client", "forward"): forward_s}
        seconds |= {("a", "server", "step"): server_s, ("a", "client", "backward"): backward_s}
        return [Timed(*which, 1e9, each, 0.0) for which, each in seconds.items()]

    assert doubt(times(1.0, 4.0, 16.0)) == ""
    assert (
        doubt(times(4.0, 4.0, 24.0)) == "a, server step: 4.167e+07 FLOP/s, 1/6 of the speed of the whole model's step"
    )
    assert (
        doubt(times(4.0, 0.5, 4.0)) == "a, client backward: 2e+09 FLOP/s, 8 times the speed of the whole model's step"
    )
    assert doubt(times(1.0, 12.0, 4.0)) == "a, client backward: 8.333e+07 FLOP/s, 1/12 of the speed of forward"
    assert doubt(times(4.0, 4.0, 4.0)[:1]) == ""


@pytest.mark.parametrize(("threads", "cure"), [("2", "try --threads 1"), ("1", "one speed does not fit both")])
def test_doubtful_speeds_are_told_with_what_to_do(
    threads: str, cure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("wirelessfsl.calibration.FAR", 1.0)
    options = ["--shape", "1,8,8", "--batch-size", "4", "--repeats", "2", "--threads", threads]
    assert main(["calibrate", "mlp", *options, "--out", str(tmp_path / "own.yaml")]) == 0
    assert cure in capsys.readouterr().err


def test_a_scenario_runs_with_the_profile_that_was_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "own.yaml"
    options = ["--shape", "1,8,8", "--batch-size", "4", "--repeats", "2", "--threads", "1", "--out", str(file)]
    assert main(["calibrate", "mlp", *options]) == 0
    assert f"profile: {file}" in capsys.readouterr().out
    speed = YAML(typ="safe", pure=True).load(file)["processor"]["flops_per_s"]
    scenario = load_scenario(QUICK, [f"devices.0.profile={file}", f"server.profile={file}"])
    for owner in (*scenario.devices, scenario.server):
        assert owner.processor == MeasuredProcessor(flops_per_s=speed, efficiency=1.0)
        assert PROFILES[owner.profile].name == "raspberry-pi-4"  # whose radio stands in
    (tmp_path / "again.yaml").write_text(to_yaml(resolve(scenario)))
    assert load_scenario(tmp_path / "again.yaml") == scenario  # without the file
    assert main(["calibrate", "mlp", *options]) == 2
    assert "is there already" in capsys.readouterr().err


def test_a_groups_own_keys_come_before_those_of_its_profile_file(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("processor: {kind: measured, flops_per_s: 7.0e9}\nradio: {tx_power_dbm: 14}\n")
    (group,) = load_scenario(QUICK, [f"devices.0.profile={file}", "devices.0.radio={tx_power_dbm: 20}"]).devices
    assert group.processor == MeasuredProcessor(flops_per_s=7e9)
    assert group.radio is not None
    assert group.radio.tx_power_dbm == 20


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "cannot be read: No such file or directory"),
        ("[1]", "must be a mapping with keys of: profile, processor, radio"),
        ("procesor: {kind: measured}", r"procesor: unknown key, allowed: .* \(did you mean processor\?\)"),
        ("profile: other.yaml", "must be a device of the catalogue, not a file again"),
        ("processor: !x 1", "tags are not allowed"),
        ("processor: {", "not valid YAML"),
        ("processor: {kind: measured, flops_per_s: -1}", r"flops_per_s: got -1.*must be >= 1000"),
    ],
)
def test_what_is_wrong_with_a_profile_file_is_one_message(text: str | None, told: str, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ScenarioError, match=told) as caught:
        load_scenario(QUICK, [f"devices.0.profile={file}"])
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["smal_cnn"], "got 'smal_cnn', allowed: .*did you mean small_cnn"),
        (["mlp", "--cuts", "nowhere", "--shape", "1,8,8"], "got the cut 'nowhere', allowed: "),
        (["mlp", "--out", "x.txt"], "must end in .yaml"),
        (["small_cnn", "--shape", "5"], "got 5, small_cnn takes channels,height,width"),
    ],
)
def test_a_wrong_option_is_one_message_and_exit_status_2(
    options: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["calibrate", *options]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert re.search(told, line)
