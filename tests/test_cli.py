"""The commands as a user types them: exit status, streams, files."""

from __future__ import annotations

import json
import signal
from inspect import getdoc
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from safetensors.numpy import save_file

from wirelessfsl import open_run
from wirelessfsl.catalogue import CATALOGUE, describe
from wirelessfsl.cli import main
from wirelessfsl.commands.plot import PLOTS
from wirelessfsl.progress import ProgressLine
from wirelessfsl.records import Event
from wirelessfsl.results.store import RunWriter, write_json
from wirelessfsl.scenario.shape import sections
from wirelessfsl.simulation import Progress

QUICK = str(Path(__file__).parents[1] / "scenarios" / "quickstart.yaml")
SHORT = ["--set", "algorithm.rounds=2", "--set", "algorithm.local_steps=2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "x"
    assert main(["run", QUICK, *SHORT, "--out", str(out)]) == 0
    return out


def test_run_writes_the_run_folder_of_the_interface(folder: Path) -> None:
    files = {"scenario.yaml", "manifest.json", "metrics.parquet", "summary.json", "events/part-00000.parquet"}
    assert all((folder / name).is_file() for name in files)
    summary = json.loads((folder / "summary.json").read_text())
    assert {"name", "status", "seed", "rounds", "simulated_s", "final", "best", "bytes", "energy_j", "host"} <= set(
        summary
    )
    assert {"time_to_accuracy_s", "energy_to_accuracy_j", "fairness"} <= set(summary)
    assert {"wall_s", "peak_rss_bytes", "client_steps", "overhead_fraction"} <= set(summary["host"])
    assert summary["host"]["client_steps"] == 2 * 2 * 10
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["status"] == "completed"
    assert {"versions", "git_commit", "host", "executor", "host_s", "peak_rss_bytes", "batch_widths"} <= set(manifest)


def test_the_resolved_scenario_of_a_run_gives_the_same_run(folder: Path, tmp_path: Path) -> None:
    assert main(["run", str(folder / "scenario.yaml"), "--out", str(tmp_path / "again")]) == 0
    first, again = open_run(folder), open_run(tmp_path / "again")
    assert again.events.equals(first.events)
    assert again.metrics.equals(first.metrics)
    assert {**again.summary, "host": 0} == {**first.summary, "host": 0}


def measured(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[list[str]]:
    """Rows of ``wirelessfsl codec`` without heading and footnote."""
    assert main(["codec", *arguments]) == 0
    return [line.split() for line in capsys.readouterr().out.splitlines()[1:-1]]


def test_codecs_are_measured_without_a_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "x.npy")
    np.save(file, np.ones((4, 25), np.float32))
    (row,) = measured(capsys, "quantize", "--set", "codecs.activations.0.bits=4", "--file", file)
    assert row[:3] == ["quantize", "100", str(8 + 2 + 8 + 8 + 50)]
    assert float(row[3]) == pytest.approx(400 / 58, abs=0.01)
    assert float(row[4]) == 0.0
    (row,) = measured(capsys, "[{kind: top_k, fraction: 0.1}, {kind: cast}]", "--shape", "10,10")
    assert row[:4] == ["top_k", "cast", "100", str(8 + 2 + 8 + 9 + 20)]
    file = str(tmp_path / "x.safetensors")
    save_file({"a": np.ones((3, 4), np.float32), "b": np.ones(5, np.float64)}, file)
    (row,) = measured(capsys, "identity", "--file", file)
    assert row[1:4] == ["17", str(8 + 10 + 6 + 48 + 40), "1"]


def test_the_490x_of_fedlite_counts_64_bits_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    codec = "[{kind: clustering, codebook: float64}]"
    (row,) = measured(capsys, codec, "--dtype", "float64")
    assert row[:4] == ["clustering", "184320", str(8 + 10 + 3008), "490.21"]
    (row,) = measured(capsys, "clustering")
    assert row[3] == "250.43"


def test_a_scenarios_codecs_are_measured_on_its_own_messages(capsys: pytest.CaptureFixture[str]) -> None:
    rows = measured(capsys, QUICK)
    assert [row[0] for row in rows] == ["activations", "labels", "gradients", "model_upload", "model_download"]


def test_the_seed_reaches_what_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    first, again, other = (measured(capsys, "dropout", "--shape", "3000", "--seed", seed) for seed in "112")
    assert first[0][2] == again[0][2] != other[0][2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuch"], "nosuch: codec.0.kind: got 'nosuch', allowed: identity, cast"),
        (["[{kind: sign}, {kind: sign}]"], "sign takes numbers"),
        (["sign", "--file", "nowhere.npy"], "nowhere.npy: cannot be read: No such file"),
        (["sign", "--file", "nowhere.npy", "--shape", "3"], "give --file, or --shape and --dtype, not both"),
        (["sign", "--shape", "100000,100000"], "--shape: got 10000000000 elements, must be at most 2147483647"),
        ([QUICK, "--dtype", "float64"], "--dtype is for normal numbers of a --shape"),
        (["scenarios/centralised.yaml"], "centralised sends no messages: there is nothing to measure"),
    ],
)
def test_codecs_that_cannot_be_measured_say_why(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["codec", *arguments]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert out == ""


def test_run_refuses_a_folder_that_holds_something(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "summary.json").read_bytes()
    assert main(["run", QUICK, *SHORT, "--out", str(folder)]) == 2
    assert "not empty; give another folder with --out" in capsys.readouterr().err
    assert (folder / "summary.json").read_bytes() == before


def test_run_refuses_a_folder_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["run", QUICK, *SHORT, "--out", str(tmp_path / "file" / "x")]) == 2
    assert "cannot be made" in capsys.readouterr().err


def test_a_wrong_scenario_leaves_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", QUICK, "--set", "algorithm.rounds=0", "--out", str(tmp_path / "x")]) == 2
    assert "must be >= 1" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_a_run_that_fails_says_where_in_simulated_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "x"
    diverging = ["--set", "algorithm.optimizer.lr=1e30", "--out", str(out)]
    assert main(["run", QUICK, *SHORT, *diverging]) == 1
    err = capsys.readouterr().err
    assert "encoding activations, labels at client-" in err
    assert "simulated time" in err
    assert "Traceback" not in err
    assert json.loads((out / "manifest.json").read_text())["status"] == "failed"
    assert open_run(out).events.num_rows > 0


def test_plot_draws_every_kind_and_compare_tells_the_costs(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plot", str(folder), "--format", "png", "--out", str(tmp_path)]) == 0
    assert {path.stem for path in tmp_path.glob("*.png")} == {*PLOTS} - {"battery"}
    assert "left out battery" in capsys.readouterr().err
    assert main(["compare", str(folder), "--target-accuracy", "0.01"]) == 0
    assert "quickstart" in capsys.readouterr().out


def closing(capsys: pytest.CaptureFixture[str], out: Path, *arguments: str) -> list[str]:
    sets = [word for setting in arguments for word in ("--set", setting)]
    assert main(["run", QUICK, *sets, "--out", str(out)]) == 0
    return capsys.readouterr().out.splitlines()


def test_the_closing_lines_keep_small_numbers_and_tell_who_was_dropped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = (
        "algorithm.rounds=1",
        "network.transport.timeout_s=0.0001",
        "network.medium.latency_s=0",
        "evaluation.target_accuracy=[0.85]",
    )
    lines = closing(capsys, tmp_path / "x", *lost)
    assert lines[0] == "quickstart: completed after 1 round"
    assert lines[2] == "  simulated time  100.0 µs"
    assert " mJ (devices " in lines[3]
    assert lines[4].startswith("  traffic         0 B up, 1.")
    assert lines[4].endswith(" kB down")
    assert lines[5] == "  labels          stayed at the clients"  # for none arrived
    assert lines[6] == "  to accuracy 0.85 not reached"
    assert lines[7] == "  not delivered   10 of 10 messages"
    assert lines[8] == "  dropped         10 of 10 client-rounds were dropped"
    assert lines[9].startswith("run folder:")


@pytest.mark.parametrize(
    ("scheme", "told"),
    [
        ("{kind: pfsl, rounds: 1, local_steps: 1}", ["  labels          stayed at the clients"]),
        # 10 clients x (frame of 8 bytes, 2 + 4 of one tensor, 16 labels of 8 bytes)
        ("{kind: mtsl, rounds: 1, local_steps: 1}", ["  labels          left the clients (1.420 kB)"]),
    ],
)
def test_where_the_labels_were_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], scheme: str, told: list[str]
) -> None:
    lines = closing(capsys, tmp_path / "x", f"algorithm={scheme}", "model.cuts=null", "codecs=null")
    assert [line for line in lines if line.startswith("  labels")] == told


def test_a_loss_that_is_no_number_is_told_at_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    warning = "the loss is not a number: the training failed; a smaller learning rate may help"
    short = ("algorithm.rounds=1", "algorithm.local_steps=2", "codecs.activations={kind: identity}")
    assert warning in closing(capsys, tmp_path / "wild", *short, "algorithm.optimizer.lr=1e20")
    assert warning not in closing(capsys, tmp_path / "calm", *short)


def test_a_run_given_twice_counts_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(folder), str(folder)]) == 0
    out, err = capsys.readouterr()
    assert err == f"{folder}: given more than once; counted once\n"
    assert out.splitlines()[1].split()[:2] == ["quickstart", "1"]
    assert "±" not in out


def test_a_run_of_the_same_scenario_and_seed_counts_once(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copytree(folder, tmp_path / "copy")
    assert main(["compare", str(folder), str(tmp_path / "copy")]) == 0
    out, err = capsys.readouterr()
    assert err == f"{tmp_path / 'copy'}: same scenario and seed as {folder}; counted once\n"
    assert "±" not in out


def test_plot_tells_figure_and_reason_of_what_it_leaves_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = RunWriter(tmp_path / "x")
    log.event(Event(0.0, 1.0, "server", "", "compute", "aggregation", 1, 0, 0, 0.0, 0.0, 1, True))
    log.close()
    write_json(tmp_path / "x" / "manifest.json", {"status": "failed", "scenario": {"name": "x", "seed": 1}})
    assert main(["plot", str(tmp_path / "x"), "--format", "png"]) == 0
    out, err = capsys.readouterr()
    assert [Path(line).stem for line in out.splitlines()] == ["timeline"]
    assert sorted(err.splitlines()) == sorted([
        f"left out latency: {tmp_path / 'x'}: no client rows; no client computed, sent or waited",
        f"left out latency_cdf: {tmp_path / 'x'}: no client got to the end of a round",
        f"left out energy: {tmp_path / 'x'}: no node drew any energy",
        *(
            f"left out {kind}: {tmp_path / 'x'}: no evaluation in the run;"
            " let it go on to its first (evaluation.every_rounds)"
            for kind in ("convergence", "fairness")
        ),
        f"left out battery: {tmp_path / 'x'}: no device has a battery; give it one with devices.battery",
    ])  # fmt: skip
    assert main(["plot", str(tmp_path / "x"), "--kind", "latency"]) == 2
    assert capsys.readouterr().err.startswith(f"latency: {tmp_path / 'x'}: no client rows")


def test_plot_draws_the_network_of_a_run_over_its_time_and_that_of_a_scenario_file(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = ["--kind", "channel", "--kind", "topology", "--format", "png"]
    assert main(["plot", str(folder), *network, "--out", str(tmp_path / "run")]) == 0
    assert {path.stem for path in (tmp_path / "run").iterdir()} == {"channel", "topology"}
    seconds = open_run(folder).summary["simulated_s"]
    same = ["plot", QUICK, *SHORT, "--seconds", str(seconds), "--format", "png", "--out", str(tmp_path / "file")]
    assert main(same) == 0
    for kind in ("channel", "topology"):
        own, other = (tmp_path / place / f"{kind}.png" for place in ("run", "file"))
        assert own.read_bytes() == other.read_bytes()
    both = ["plot", str(folder), QUICK, "--kind", "topology", "--format", "png", "--out", str(tmp_path / "both")]
    assert main(both) == 0
    assert {path.stem for path in (tmp_path / "both").iterdir()} == {f"topology-{folder.name}", "topology-quickstart"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([QUICK, "--kind", "latency"], f"{QUICK}: has not been run; latency is of a run folder"),
        ([QUICK, "--kind", "channel", "--round", "1"], "--round is a knob of timeline, not of channel"),
        (["x", "--kind", "energy", "--seconds", "1"], "--seconds is a knob of channel and topology, not of energy"),
        (["x", "--kind", "channel", "--width", "page"], "--width is a knob of figures of runs, not of channel"),
        (["x", "--kind", "channel", "--set", "seed=1"], "--set and --seed are for scenarios, a run is as it was"),
        (["x", "--kind", "channel"], "x: no run folder in it"),
        (["nowhere.yaml", "--kind", "channel"], "nowhere.yaml"),
        (["scenarios/local_only.yaml", "--kind", "topology"], "local_only sends no messages"),
    ],
)
def test_a_network_that_cannot_be_shown_is_refused(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plot", *arguments, "--out", str(tmp_path / "plots")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "plots").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--round", "0"], "no events in round 0; the run has rounds 1 to 2"),
        (["--kind", "latency", "--kind", "timeline", "--round", "9"], "no events in round 9"),
        (["--kind", "energy", "--round", "1"], "--round is a knob of timeline, not of energy"),
    ],
)
def test_a_round_that_cannot_be_shown_is_refused_before_anything_is_drawn(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["plot", str(folder), "--out", str(tmp_path / "plots"), *arguments]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert out == ""
    assert not (tmp_path / "plots").exists()


def test_plot_into_a_file_is_refused_in_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["plot", str(folder), "--format", "png", "--out", str(tmp_path / "file")]) == 2
    out, err = capsys.readouterr()
    assert err == f"{tmp_path / 'file'}: cannot be written: File exists; give another folder with --out\n"
    assert out == ""


def test_every_command_that_may_hint_at_debug_has_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> str:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr("wirelessfsl.catalogue.listing", fail)
    assert main(["list"]) == 1
    assert capsys.readouterr().err == "the command failed: unforeseen\n--debug shows where in the code\n"
    assert main(["list", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["compare", "x", "--target-accuracy", "x"], "got 'x', must be a number from 0 to 1"),
        (["compare", "x", "--target-accuracy", "1.5"], "got '1.5', must be a number from 0 to 1"),
        (["run", QUICK, "--seed", "x"], "got 'x', must be a whole number"),
        (["plot", "x", "--round", "x"], "got 'x', must be a whole number"),
        (["plot", "x", "--seconds", "0"], "got '0', must be a number > 0"),
    ],
)
def test_an_option_that_is_no_number_is_told_in_words(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(argv)
    assert end.value.code == 2
    assert capsys.readouterr().err.endswith(f"{argv[2]}: {message}\n")


@pytest.mark.parametrize(
    "argv",
    [
        ["plot", "nowhere"],
        ["compare", "nowhere"],
        ["describe", "rayleih"],
        ["list", "nothing"],
        ["new", "nothing"],
        ["check", "nowhere.yaml"],
    ],
)
def test_wrong_arguments_give_one_message_and_exit_status_2(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 2
    err = capsys.readouterr().err
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["describe", "rayleih"], "describe: got 'rayleih' (did you mean rayleigh?), allowed: a100, "),
        (["describe", "xyzzy"], "describe: got 'xyzzy', allowed: a100, "),
        (["list", "medium"], "list: got 'medium' (did you mean media?), allowed: algorithms, "),
        (["list", "fading"], "list: got 'fading' (did you mean channels?), allowed: algorithms, "),
    ],
)
def test_the_nearest_name_comes_before_the_long_list(
    argv: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 2
    assert capsys.readouterr().err.startswith(says)


def test_a_mistake_of_a_scenario_is_told_once_for_all_its_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plot", QUICK, "--set", "data.clients=-3", "--out", str(tmp_path / "plots")]) == 2
    assert capsys.readouterr().err.count("must be >= 1") == 1


def test_everything_that_list_names_can_be_described(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    listed = capsys.readouterr().out
    for members in CATALOGUE.values():
        for name in members:
            assert name in listed
            assert main(["describe", name]) == 0
            assert len(capsys.readouterr().out) > 60


def test_new_prints_scenarios_that_check_accepts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for template in ("full", "minimal"):
        assert main(["new", template]) == 0
        path = tmp_path / f"{template}.yaml"
        path.write_text(capsys.readouterr().out)
        assert main(["check", str(path)]) == 0
        assert capsys.readouterr().out.startswith(f"{path}: ok\n  memory: about 0.")


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Scenario"


def test_interrupting_a_run_leaves_a_readable_folder_and_exit_status_130(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(_: ProgressLine, at: Progress) -> None:
        if at.round == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(ProgressLine, "__call__", press)
    out = tmp_path / "x"
    assert main(["run", QUICK, *SHORT, "--set", "algorithm.rounds=3", "--out", str(out)]) == 130
    assert json.loads((out / "manifest.json").read_text())["status"] == "interrupted"
    assert open_run(out).summary["rounds"] >= 1


def test_describe_leaves_no_word_of_a_text_out() -> None:
    for members in CATALOGUE.values():
        for name, thing in members.items():
            text = (getdoc(thing) or "").partition("\n>>>")[0] if isinstance(thing, type) else ""
            shown = set(describe(name).replace(":", " ").split())
            missing = [word for word in text.replace(":", " ").split() if word not in shown]
            assert not missing, f"{name}: {missing}"


def test_timelines_of_folders_with_one_name_are_kept_apart(folder: Path, tmp_path: Path) -> None:
    runs = [copytree(folder, tmp_path / place / "x") for place in ("a", "b")]
    manifest = json.loads((runs[1] / "manifest.json").read_text())
    manifest["scenario"]["seed"] = 99
    (runs[1] / "manifest.json").write_text(json.dumps(manifest))
    assert main(["plot", *map(str, runs), "--kind", "timeline", "--format", "png", "--out", str(tmp_path / "out")]) == 0
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["timeline-a-x.png", "timeline-b-x.png"]


def test_before_the_first_evaluation_no_accuracy_is_made_up(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["run", QUICK, *SHORT, "--set", "evaluation.every_rounds=2", "--out", str(tmp_path / "r")]) == 0
    captured = capsys.readouterr()
    first = (captured.out + captured.err).splitlines()
    assert any("accuracy not known yet" in line for line in first)
    assert not any("nan" in line for line in first)


def test_a_run_is_cited_where_its_data_are_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert closing(capsys, tmp_path / "x", "algorithm.rounds=1")
    manifest = tmp_path / "x" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"digits"', '"mnist"'))
    assert main(["cite", str(tmp_path / "x")]) == 0
    assert "lecun1998gradient" in capsys.readouterr().out


def test_messages_that_did_not_arrive_are_counted_also_where_nobody_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = "network.transport={timeout_s: 0.008, outage: {activations: skip, gradients: skip}}"
    lines = closing(capsys, tmp_path / "x", "algorithm.rounds=2", lost)
    told = [line for line in lines if line.startswith("  not delivered")]
    events = open_run(tmp_path / "x").events.to_pylist()
    sent = [row for row in events if row["activity"] == "transfer"]
    gone = sum(not row["delivered"] for row in sent)
    assert told == [f"  not delivered   {gone} of {len(sent)} messages"]
    assert gone > 20
    assert not any("not a number" in line for line in lines)


def test_all_that_a_network_is_made_of_can_be_described() -> None:
    """Also what stands in no slot of its own, such as a wire."""
    known = {thing for members in CATALOGUE.values() for thing in members.values() if isinstance(thing, type)}
    assert not {cls.__name__ for path, cls in sections() if path[:1] == ("network",) and cls not in known}


def test_a_section_that_is_a_default_is_not_written_out_again() -> None:
    assert "handover: Handover, default Handover()\n" in describe("hexagonal")


def test_sections_can_be_described(capsys: pytest.CaptureFixture[str]) -> None:
    for name, word in (("participation", "deadline_s"), ("transport", "timeout_s"), ("outage", "gradients_up")):
        assert main(["describe", name]) == 0
        assert f"  {word}: " in capsys.readouterr().out
