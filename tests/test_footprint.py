"""The memory that a run takes: by hand where a model is small, by limits elsewhere; and who is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.algorithms.test_state import RUNS, scene
from tests.worlds import BATCH, CLIENT_PARAMETERS, SERVER_PARAMETERS, dataset, tiny
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.api import fitting, simulate
from wirelessfsl.cli import main
from wirelessfsl.codecs.lossless import ErrorFeedback
from wirelessfsl.codecs.sparse import TopK
from wirelessfsl.executing import Wish
from wirelessfsl.footprint import Footprint, footprint
from wirelessfsl.learning.models import ModelSpec
from wirelessfsl.learning.optim import SGD, Adam
from wirelessfsl.learning.sizes import state_bytes, tape_bytes, weights_bytes
from wirelessfsl.learning.stage import initial_parts, split
from wirelessfsl.learning.trace import halves
from wirelessfsl.ram import VARIABLE
from wirelessfsl.scenario import Codecs, Model, Scenario, load_scenario

MODEL = 4 * (CLIENT_PARAMETERS + SERVER_PARAMETERS)


def of(scenario: Scenario, **how: Any) -> Footprint:
    return footprint(scenario, dataset(scenario), **how)


def v1(clients: int, **changes: Any) -> Scenario:
    return tiny(clients, algorithm=SplitFedV1(rounds=1, local_steps=1, batch_size=BATCH, **changes))


def test_every_client_and_replica_has_a_state_of_adam_and_none_of_sgd() -> None:
    steps, tensors = 4 * 2, 2 * MODEL  # a counter for either half
    assert of(v1(7, optimizer=Adam())).optimisers == 7 * (tensors + steps)
    assert of(v1(7, optimizer=SGD(momentum=0.9))).optimisers == 7 * MODEL
    assert of(v1(7)).optimisers == 0


def test_what_an_average_replaces_is_not_there_for_every_client() -> None:
    few, many = of(v1(2)), of(v1(200))
    assert many.models == few.models == 3 * MODEL
    assert (many.clients, many.in_flight) == (few.clients, few.in_flight)


def test_who_keeps_parts_of_its_own_has_them() -> None:
    name = "splitfed_v3"
    scenario = scene(name)
    assert of(scenario).clients == 4 * weights_bytes(split(ModelSpec("mlp", (1, 8, 8), 10), ("fc1",))[0])


def test_clients_in_step_are_all_there_at_a_time() -> None:
    algorithm, model = RUNS["parallel_sl"]
    few, many = (of(tiny(n, algorithm=algorithm, model=model)).in_flight for n in (10, 100))
    assert 8 < many / few < 10


def test_stacked_kernels_have_the_parts_of_all_that_run_at_once() -> None:
    alone, few, many = (of(v1(200), width=width).in_flight for width in (1, 16, 32))
    assert few == 16 * alone
    assert many == 32 * alone
    assert of(v1(8), width=32).in_flight == 8 * alone
    in_step = tiny(10, algorithm=RUNS["parallel_sl"][0], model=RUNS["parallel_sl"][1])
    assert of(in_step, width=8).in_flight < 2 * of(in_step).in_flight


def test_a_run_on_stacked_kernels_is_told_with_their_width(tmp_path: Path) -> None:
    sizes = {}
    for name in "sequential", "stacked":
        run = simulate(v1(4), tmp_path / name, Wish(name))
        sizes[name] = run.manifest["memory"]["in_flight_bytes"]
    assert sizes["stacked"] == pytest.approx(4 * sizes["sequential"], abs=4)


def test_error_feedback_keeps_a_message_of_every_client() -> None:
    feedback = Codecs(model_upload=(ErrorFeedback(), TopK(fraction=0.1)))
    whole = tiny(5, algorithm=FedAvg(rounds=1, upload="update"), model=Model(name="mlp"))
    assert of(whole).codecs == 0
    assert of(replace(whole, codecs=feedback)).codecs == 5 * MODEL


def test_workers_cost_an_interpreter_each_and_copies_of_what_a_checkpoint_keeps() -> None:
    alone, several = (of(v1(40, optimizer=Adam()), workers=count) for count in (0, 3))
    assert several.workers > 3 * 100e6
    assert several.between_rounds > alone.between_rounds
    assert several._replace(workers=0.0, between_rounds=alone.between_rounds) == alone


@pytest.mark.parametrize("name", RUNS)
def test_a_run_without_values_takes_less(name: str) -> None:
    scenario = scene(name)
    assert of(scenario, timing_only=True).total < of(scenario).total


@pytest.mark.parametrize("cut", ["block1", "block2"])
def test_a_tape_is_what_the_traced_pass_returns(cut: str) -> None:
    stages = split(ModelSpec("small_cnn_bn", (1, 8, 8), 10), (cut,))
    for stage, part in zip(stages, initial_parts(stages, 1), strict=True):
        shape = (4, 1, 8, 8) if stage.takes_data else (4, *stages[0].output_shape())
        x = torch.ones(shape)
        with torch.inference_mode():
            _, *rest = halves(stage, x.shape, x.dtype)[0](0, *part.params, *part.buffers, x)
        own = {tensor.data_ptr() for tensor in part.weights}
        tape = {t.data_ptr(): t.nbytes for t in rest[len(part.buffers) :] if t.data_ptr() not in own}
        assert tape_bytes(stage, 4) == pytest.approx(sum(tape.values()), rel=0.02)


def test_states_are_counted_by_the_rule_itself() -> None:
    (stage,) = split(ModelSpec("mlp", (1, 8, 8), 10), ())
    assert [state_bytes(stage, rule) for rule in (SGD(), SGD(momentum=0.5), Adam())] == [0, MODEL, 2 * MODEL + 4]


SMALL = """
name: small
data: {name: blobs, clients: 2, partition: {kind: iid}}
model: {name: mlp, cuts: [fc1]}
algorithm: {kind: splitfed_v1, rounds: 1, local_steps: 1, optimizer: {kind: adam}}
network: {medium: {kind: constant}}
"""


def test_a_run_that_does_not_fit_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, "1e8")
    assert main(["run", "small.yaml", "--out", "out"]) == 2
    told = capsys.readouterr().err
    assert "small: the run takes about 0." in told
    assert "and this host can give 0.1 GB; it needs a host with more; if" in told
    assert VARIABLE in told
    assert [file.name for file in tmp_path.iterdir()] == ["small.yaml"]
    assert main(["check", "small.yaml"]) == 2
    assert "small.yaml: the run takes about 0." in capsys.readouterr().err


def test_check_tells_what_a_run_on_this_host_would_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "small.yaml"
    file.write_text(SMALL)
    monkeypatch.setenv(VARIABLE, "8e9")
    monkeypatch.setattr("wirelessfsl.executing.cores", lambda: 2)
    for enough, executor in (1e30, "sequential"), (1.0, "processes"):
        monkeypatch.setattr("wirelessfsl.executing.ENOUGH_FLOPS", enough)
        wish, _, told = fitting(Wish(), load_scenario(file), timing_only=False)
        assert isinstance(wish, Wish)
        assert main(["check", str(file)]) == 0
        said = [f"{file}: ok", f"  {told}", f"  executor: {executor} ({wish.because})"]
        if executor == "processes":
            alone = fitting(None, load_scenario(file), timing_only=False)[2].partition(";")[0]
            assert alone not in told
            said.append(f"  with --executor sequential, {alone}")
        assert capsys.readouterr().out.splitlines() == said


def test_a_run_tells_its_peak_before_it_begins_and_in_the_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "64e9")
    lines: list[str] = []
    run = simulate(v1(2), tmp_path / "out", notice=lines.append)
    assert lines[0].startswith("memory: about 0.")
    assert lines[0].endswith("; this host can give 64 GB")
    memory = json.loads((run.path / "manifest.json").read_text())["memory"]
    assert memory["available_bytes"] == 64 * 10**9
    parts = sum(size for name, size in memory.items() if name not in ("available_bytes", "peak_bytes"))
    assert memory["peak_bytes"] == pytest.approx(parts, abs=10)


OPTIMISER = "another optimiser (algorithm.optimizer: sgd without momentum keeps nothing)"
CLIENTS = "fewer clients (data.clients)"


@pytest.mark.parametrize(
    ("available", "remedy"),
    [
        (12e9, f"take {OPTIMISER}, or {CLIENTS}, or --timing-only"),
        (9e9, f"take {OPTIMISER}, or --timing-only"),
        (1e9, f"take {OPTIMISER}, together with {CLIENTS}, or --timing-only"),
        (4.6e8, f"take {OPTIMISER}, together with {CLIENTS}, together with a smaller model, or --timing-only"),
        (4.4e8, "it needs a host with more"),
        (4e6, "it needs a host with more"),
    ],
)
def test_a_refusal_names_what_helps_and_nothing_else(available: float, remedy: str) -> None:
    needs = Footprint(python=4e8, models=1e8, clients=3e9, optimisers=9e9, simulation=5e7)
    needs.check(13 * 10**9, "fits")
    with pytest.raises(ValueError, match="adam: the run takes") as told:
        needs.check(int(available), "adam")
    assert str(told.value) == (
        "adam: the run takes about 12.6 GB of memory at its peak (optimisers 9 GB, clients 3 GB, python 0.4 GB), and"
        f" this host can give {available / 1e9:.3g} GB; {remedy}; if it can give more, say how much with the"
        f" environment variable {VARIABLE}"
    )


def test_rows_that_always_wait_are_no_reason_for_fewer_clients() -> None:
    needs = of(v1(2))
    with pytest.raises(ValueError, match="simulation") as told:
        needs.check(int(needs.total - 2e7), "few")
    assert CLIENTS not in str(told.value)


def test_where_more_kernels_would_wait_than_may_the_parts_of_all_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wirelessfsl.footprint.MOST", 100_000)
    few, many = (of(tiny(1500, algorithm=SplitFedV1(rounds=1, local_steps=n, batch_size=BATCH))) for n in (5, 10))
    assert few.in_flight < 10 * MODEL
    assert many.in_flight > 1500 * 3 * MODEL


def test_nobody_is_refused_where_nobody_knows_what_the_host_has() -> None:
    Footprint(python=1e18).check(None, "huge")
    with pytest.raises(ValueError, match="about 1e\\+09 GB of memory"):
        Footprint(python=1e18).check(10**9, "huge")
