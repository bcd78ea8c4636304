"""A timing-only run is the training run without its values: the same facts wherever sizes do not depend on values."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.golden.golden import FOLDER, NAMES
from tests.worlds import DEVICE, ListLog, tiny
from wirelessfsl.algorithms.fedsl import FedSL
from wirelessfsl.cli import main
from wirelessfsl.codecs.c3_sl import C3SL
from wirelessfsl.codecs.cast import Cast
from wirelessfsl.codecs.chain import chain
from wirelessfsl.codecs.dropout import Dropout
from wirelessfsl.codecs.power_sgd import PowerSGD
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.codecs.sparse import RandomK, RandTopK, Threshold, TopK
from wirelessfsl.codecs.stochastic import QSGD, Sign
from wirelessfsl.engine.access import ConstantLink, Tdma
from wirelessfsl.engine.band import Band
from wirelessfsl.engine.estimated import EstimatedCoding
from wirelessfsl.engine.flight import Flight
from wirelessfsl.learning import kernels
from wirelessfsl.learning.executors.shapes import ShapesOnly
from wirelessfsl.learning.kernels import Kernel
from wirelessfsl.learning.models import ModelSpec
from wirelessfsl.learning.optim import SGD
from wirelessfsl.learning.pruning import Cubic, FilterPruning, OneShot, WeightPruning
from wirelessfsl.learning.stage import blank_parts, initial_parts, split
from wirelessfsl.records import Event
from wirelessfsl.results.store import open_run
from wirelessfsl.scenario import Codecs, Data, Model, Scenario, load_scenario
from wirelessfsl.simulation import play

QUICK = Path(__file__).parents[1] / "scenarios" / "quickstart.yaml"


def events(scenario: Scenario, timing_only: bool) -> list[Event]:
    log = ListLog()
    play(scenario, log, timing_only=timing_only)
    return log.events


def assert_same_facts(scenario: Scenario) -> None:
    facts = events(scenario, False)
    assert facts
    assert events(scenario, True) == facts


@pytest.mark.parametrize("name", NAMES)
def test_every_scheme_takes_the_times_bytes_and_energies_of_its_training_run(name: str) -> None:
    scenario = load_scenario(FOLDER / f"{name}.yaml")
    fixed = {
        kind: tuple(codec for codec in codecs if not isinstance(codec, Dropout))
        for kind, codecs in vars(scenario.codecs).items()
    }
    assert_same_facts(replace(scenario, codecs=Codecs(**{kind: codecs for kind, codecs in fixed.items() if codecs})))


@pytest.mark.parametrize(
    "codec",
    [Cast(), Quantize(bits=4), QSGD(), Sign(), TopK(), TopK(gradient="full"), RandTopK(), RandomK(), C3SL(),
     PowerSGD()],
    ids=lambda codec: codec.kind,
)  # fmt: skip
def test_codecs_of_fixed_size_cost_what_they_cost_in_training_and_so_do_gradients_on_their_way_back(codec: Any) -> None:
    assert_same_facts(tiny(2, codecs=Codecs(activations=(codec,), gradients=(Quantize(),), model_upload=(Cast(),))))


def test_a_codec_that_drops_at_random_has_the_bytes_of_one_draw() -> None:
    scenario = tiny(2, rounds=10, codecs=Codecs(activations=(Dropout(p=0.5),)))
    trained, timed = (
        [row.bytes for row in events(scenario, only) if row.phase == "activations"] for only in (False, True)
    )
    assert len({*timed}) == 2  # a sender's row and a receiver's, which has none
    # Each message has about 512 of 1024 numbers, give or take 16: 3 % of its bytes, and less of those of 20 messages.
    assert abs(sum(timed) / sum(trained) - 1) < 4 * 0.03 * (1 + 1 / 20) ** 0.5


@pytest.mark.parametrize("pruning", [WeightPruning(schedule=OneShot()), FilterPruning(schedule=Cubic(steps=2))])
def test_pruned_models_have_the_sizes_that_they_have_in_training(pruning: Any) -> None:
    algorithm = FedSL(rounds=4, local_steps=1, pruning=pruning, optimizer=SGD(momentum=0.9))
    assert_same_facts(tiny(2, model=Model(name="small_cnn"), algorithm=algorithm))


def test_what_depends_on_values_is_the_size_of_standard_normal_numbers() -> None:
    codec, blank = chain([Threshold()]), torch.empty(16, 64, device="meta")
    coding = EstimatedCoding(1, {"activations": codec, "gradients": chain([])})
    sent, _ = coding.seal("client-0", "server", {"activations": (blank,)})
    draws = torch.randn(16, 64, generator=torch.Generator().manual_seed(3))
    another = len(codec.encode((draws,), 3)[0])
    assert abs(len(sent["activations"]) - another) < 0.2 * another  # shares of 1024 numbers above a threshold
    coding.unseal("client-0", "server", sent)
    back, _ = coding.seal("server", "client-0", {"gradients": (blank,)})
    assert len(back["gradients"]) < 16 * 64 * 4  # only those of the kept positions return
    received, _ = coding.unseal("server", "client-0", back)
    assert received["gradients"][0].shape == (16, 64)


def test_every_kernel_says_its_outline() -> None:
    found = [own for name, own in vars(kernels).items() if isinstance(own, Kernel) and not name.startswith("_")]
    assert len(found) >= 17
    assert all(each.outline for each in found)


def test_a_kernel_without_an_outline_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"kernel own has no outline.*give it one"):
        ShapesOnly().submit(Kernel("own", "client_step", lambda: None, lambda: 0.0)).result()


def test_only_kernels_that_train_are_counted() -> None:
    executor = ShapesOnly()
    for trains in (True, False, True):
        made = Kernel("k", "client_forward", lambda: None, lambda: 0.0, lambda: None, trains=trains)
        executor.submit(made).result()
    assert executor.kernels == 2


def test_blank_parts_have_the_shapes_of_real_ones_and_no_memory() -> None:
    stages = split(ModelSpec("small_cnn_bn", (1, 8, 8), 10), ("block1",))
    for blank, real in zip(blank_parts(stages), initial_parts(stages, 1), strict=True):
        assert [(t.shape, t.dtype) for t in blank.weights] == [(t.shape, t.dtype) for t in real.weights]
        assert all(t.is_meta for t in blank.weights)


def test_there_may_be_more_clients_than_samples(tmp_path: Path) -> None:
    scenario = tiny(devices=(replace(DEVICE, count=2000),), data=Data(name="digits", clients=2000))
    assert sum(row.phase == "client_forward" for row in events(scenario, True)) == 2000


def test_a_timing_only_run_says_so_and_has_no_accuracy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "x"
    options = ["--timing-only", "--set", "algorithm.rounds=1", "--set", "data.clients=1500"]
    assert main(["run", str(QUICK), *options, "--set", "devices.0.count=1500", "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert "none, for this run is timing-only" in captured.out
    assert "accuracy" not in captured.err
    summary = json.loads((out / "summary.json").read_text())
    assert summary["timing_only"] is True
    assert summary["final"] == {"accuracy": None, "loss": None}
    manifest = open_run(out).manifest
    assert manifest["timing_only"] is True
    assert manifest["executor"] == "shapes_only"
    assert manifest["executor_because"] == "timing only: no kernel runs, results are shapes"
    assert open_run(out).metrics["accuracy"].to_pylist() == [None]
    assert not (out / "model.safetensors").exists()
    assert main(["plot", str(out), "--kind", "convergence", "--format", "png"]) == 2
    assert "a timing-only run, which has no accuracy" in capsys.readouterr().err
    assert main(["plot", str(out), "--kind", "energy", "--format", "png"]) == 0
    assert main(["run", str(QUICK), *options[1:], "--set", "devices.0.count=1500"]) == 2  # to train is another matter


@pytest.mark.parametrize("host", ["device=cuda", "compile=true"])
def test_times_alone_need_neither_a_gpu_nor_a_compiler(
    host: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setenv("CXX", "no-such-compiler")
    options = ["--timing-only", "--set", "algorithm.rounds=1", "--set", f"host.{host}"]
    assert main(["run", str(QUICK), *options, "--out", str(tmp_path / "x")]) == 0
    assert "compiled" not in "".join(capsys.readouterr())
    assert "compiled" not in open_run(tmp_path / "x").manifest
    assert main(["check", str(QUICK), *options[1:]]) == 2
    assert main(["check", str(QUICK), *options]) == 0


def test_check_knows_of_runs_without_values(capsys: pytest.CaptureFixture[str]) -> None:
    many = ["--set", "data.clients=3000", "--set", "devices.0.count=3000"]
    assert main(["check", str(QUICK), *many]) == 2
    assert "; take fewer clients, or play times alone with --timing-only" in capsys.readouterr().err
    assert main(["check", str(QUICK), *many, "--timing-only"]) == 0
    assert capsys.readouterr().out.startswith(f"{QUICK}: ok\n  memory: about 0.")


@pytest.mark.parametrize("medium", [Tdma(), ConstantLink()], ids=lambda medium: medium.kind)
def test_a_long_line_is_not_looked_through_for_every_message(medium: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    lane = Band._lane

    def counted(band: Band, flight: Flight) -> int:
        nonlocal looks
        looks += 1
        return lane(band, flight)

    monkeypatch.setattr(Band, "_lane", counted)
    each = []
    for clients in 50, 200:
        looks = 0
        events(tiny(clients, medium=medium), True)
        each.append(looks / clients)
    assert each[1] <= 1.2 * each[0]
