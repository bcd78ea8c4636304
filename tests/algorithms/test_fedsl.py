"""Lightweight FedSL: without its means SplitFed V1 step for step; with each of them the effects that it is for."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch

from tests.worlds import ListLog
from wirelessfsl.algorithms.fedsl import FedSL
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.codecs.cast import Cast
from wirelessfsl.codecs.chain import Link
from wirelessfsl.codecs.clustering import Clustering
from wirelessfsl.codecs.dropout import Dropout
from wirelessfsl.codecs.lossless import ErrorFeedback, Zstd
from wirelessfsl.codecs.power_sgd import PowerSGD
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.codecs.sparse import RandomK, TopK
from wirelessfsl.codecs.stochastic import QSGD
from wirelessfsl.devices.failures import FailAt
from wirelessfsl.engine.access import ConstantLink
from wirelessfsl.engine.coding import Coding
from wirelessfsl.learning.executors.contract import Work
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.kernels import Kernel
from wirelessfsl.learning.optim import SGD, Adam
from wirelessfsl.learning.partition import Iid
from wirelessfsl.learning.pruning import Cubic, FilterPruning, NoPruning, OneShot, Pruning, WeightPruning
from wirelessfsl.learning.stage import Part
from wirelessfsl.records import ACTIVATIONS, GRADIENTS, MODEL_DOWNLOAD, MODEL_UPLOAD
from wirelessfsl.scenario import Codecs, Data, Devices, Model, Network, Scenario
from wirelessfsl.scenario.settings import EvaluationSettings
from wirelessfsl.simulation import Outcome, play

BUDGET: dict[str, Any] = {"rounds": 6, "local_steps": 2, "batch_size": 16, "optimizer": SGD(lr=0.1, momentum=0.5)}
FRAME, TENSOR, DIM = 8, 2, 4
CLIENTS, STEPS = 3, 2
HALF = Codecs(activations=(Dropout(p=0.5),))
EVEN = Network(medium=ConstantLink(uplink_bit_s=1e6, downlink_bit_s=1e6, latency_s=0.0))


def scenario(algorithm: FedSL | SplitFedV1, **changes: Any) -> Scenario:
    return Scenario(
        data=Data(name="digits", clients=CLIENTS, partition=Iid()),
        model=Model(name="small_cnn", cuts=("block2",)),
        algorithm=algorithm,
        **changes,
    )


def run(algorithm: FedSL | SplitFedV1, **changes: Any) -> tuple[ListLog, Outcome]:
    log = ListLog()
    return log, play(scenario(algorithm, **changes), log)


@cache
def trained(pruning: Pruning, interval: int = 1) -> tuple[ListLog, Outcome]:
    return run(FedSL(**BUDGET, interval=interval, pruning=pruning))


@cache
def plain() -> tuple[ListLog, Outcome]:
    return run(SplitFedV1(**BUDGET))


def bytes_by_round(log: ListLog, kind: str) -> list[int]:
    rows = log.rows(activity="transfer", phase=kind)
    return [sum(row.bytes for row in rows if row.round == t) for t in range(1, 7)]


@pytest.mark.parametrize("rule", [SGD(lr=0.1, momentum=0.5), Adam()], ids=lambda rule: rule.kind)
def test_without_its_means_it_is_splitfed_v1_to_the_last_bit(rule: SGD | Adam) -> None:
    budget = BUDGET | {"optimizer": rule}
    (log, outcome), (other, expected) = run(FedSL(**budget)), run(SplitFedV1(**budget))
    assert log.events == other.events
    assert log.metrics == other.metrics
    for part, same in zip(outcome.parts, expected.parts, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(part.weights, same.weights, strict=True))


def test_client_parts_travel_every_so_many_rounds_only() -> None:
    log, _ = trained(NoPruning(), interval=3)
    up, down = bytes_by_round(log, MODEL_UPLOAD), bytes_by_round(log, MODEL_DOWNLOAD)
    model = sum(bytes_by_round(plain()[0], MODEL_UPLOAD)) // 6
    assert up == [0, 0, model, 0, 0, model]
    assert down == [model, 0, 0, model, 0, 0]


BY_WEIGHTS = WeightPruning(sparsity=0.5, schedule=Cubic(steps=3), sparse_speedup=1.0)
BY_FILTERS = FilterPruning(sparsity=0.5, schedule=Cubic(steps=3))


@pytest.mark.parametrize("pruning", [BY_WEIGHTS, BY_FILTERS], ids=lambda pruning: pruning.kind)
def test_pruning_has_its_effects_on_flops_time_energy_bytes_and_loss(pruning: Pruning) -> None:
    (log, _), (other, _) = trained(pruning), plain()

    def of(log: ListLog, attribute: str, phase: str) -> float:
        rows = [row for row in log.rows(activity="compute", phase=phase) if row.round == 6]
        return sum(row.end_s - row.start_s if attribute == "time" else getattr(row, attribute) for row in rows)

    for phase in "client_forward", "client_backward":
        for attribute in "flops", "time", "energy_j":
            assert of(log, attribute, phase) < 0.8 * of(other, attribute, phase)
    for kind in MODEL_UPLOAD, MODEL_DOWNLOAD:
        assert bytes_by_round(log, kind)[-1] < 0.6 * bytes_by_round(other, kind)[-1]
    for kind in ACTIVATIONS, GRADIENTS:
        fewer = bytes_by_round(log, kind)[-1] < 0.6 * bytes_by_round(other, kind)[-1]
        assert fewer == (pruning.kind == "filters")
    assert [m.loss for m in log.metrics] != [m.loss for m in other.metrics]


def test_without_a_sparse_speed_up_zeros_cost_what_numbers_cost() -> None:
    log, _ = trained(replace(BY_WEIGHTS, sparse_speedup=0.0))
    flops = [row.flops for row in log.rows(activity="compute", phase="client_forward")]
    assert flops == [row.flops for row in plain()[0].rows(activity="compute", phase="client_forward")]


def test_bytes_of_a_model_are_flags_and_kept_weights_in_closed_form() -> None:
    log, _ = trained(BY_WEIGHTS)
    # Two convolutions of 3x3: 1 -> 16 and 16 -> 32 channels; 16 and 32 biases.
    weights, biases = 144 + 4608, 16 + 32
    sparsity = [0.0, 0.5 * 19 / 27, 0.5 * 26 / 27, 0.5, 0.5, 0.5]
    headers = 2 * (TENSOR + 4 * DIM) + 2 * (TENSOR + DIM)
    thin = 4 * (TENSOR + DIM)  # rows of numbers
    for t, share in enumerate(sparsity):
        kept = weights - round(share * weights)
        up = FRAME + (thin if share else headers) + 4 * (kept + biases)
        flags = TENSOR + DIM + -(-weights // 8) if share else 0
        assert bytes_by_round(log, MODEL_UPLOAD)[t] == CLIENTS * (up + 40)
        assert bytes_by_round(log, MODEL_DOWNLOAD)[t] == CLIENTS * (up + flags + 40)


def test_importance_of_first_order_taylor_flies_when_it_is_needed() -> None:
    log, outcome = trained(replace(BY_WEIGHTS, importance="taylor"))
    up, magnitude = bytes_by_round(log, MODEL_UPLOAD), bytes_by_round(trained(BY_WEIGHTS)[0], MODEL_UPLOAD)
    more = [a > 1.5 * b for a, b in zip(up, magnitude, strict=True)]
    assert more == [True, True, True, False, False, False]  # sparsity rises after rounds 1, 2 and 3
    other = trained(BY_WEIGHTS)[1]
    assert not torch.equal(outcome.parts[0].params[0] == 0, other.parts[0].params[0] == 0)


@pytest.mark.parametrize("importance", ["magnitude", "taylor"])
@pytest.mark.parametrize("kind", [WeightPruning, FilterPruning])
def test_at_the_end_the_target_is_reached_and_masks_have_held(kind: type, importance: str) -> None:
    _, outcome = trained(kind(sparsity=0.5, importance=importance, schedule=Cubic(steps=3)))
    part = outcome.parts[0]
    convolutions = [p for p in part.params if p.ndim == 4]
    if kind is WeightPruning:
        assert sum(int((p == 0).sum()) for p in convolutions) == round(0.5 * (144 + 4608))
    else:
        gone = [[int(i) for i in (p.flatten(1) == 0).all(1).nonzero()] for p in convolutions]
        assert [len(each) for each in gone] == [8, 16]
        assert not convolutions[1][:, gone[0]].any()


def test_one_shot_pruning_begins_with_its_round() -> None:
    log, _ = trained(FilterPruning(sparsity=0.5, schedule=OneShot(round=4)))
    down = bytes_by_round(log, MODEL_DOWNLOAD)
    assert down[0] == down[1] == down[2] > 1.8 * down[3]
    at_once = bytes_by_round(trained(FilterPruning(sparsity=0.5, schedule=OneShot()))[0], MODEL_DOWNLOAD)
    assert at_once[0] == down[3]


def test_rounded_gradients_change_the_loss_and_cost_flops_but_no_bytes() -> None:
    (log, _), (other, _) = run(FedSL(**BUDGET, gradient_bits=4)), plain()
    assert [bytes_by_round(log, k) for k in (ACTIVATIONS, GRADIENTS, MODEL_UPLOAD)] == [
        bytes_by_round(other, k) for k in (ACTIVATIONS, GRADIENTS, MODEL_UPLOAD)
    ]
    rows = [each.rows(activity="compute", phase="client_backward")[0] for each in (log, other)]
    assert rows[0].flops - rows[1].flops == 7 * (144 + 4608 + 48)
    assert [m.loss for m in log.metrics] != [m.loss for m in other.metrics]


MODEL_CODECS: dict[str, tuple[Link, ...]] = {
    "qsgd": (QSGD(),),
    "random_k": (RandomK(fraction=0.5),),
    "error feedback": (ErrorFeedback(), TopK(fraction=0.5), Cast()),
    "power_sgd": (ErrorFeedback(), PowerSGD(rank=1)),
    "clustering": (Clustering(subvectors=8, centroids=4),),
    "zstd": (Quantize(), Zstd()),
}


@pytest.mark.parametrize("chain", MODEL_CODECS)
@pytest.mark.parametrize("kind", [MODEL_UPLOAD, MODEL_DOWNLOAD])
def test_codecs_go_on_when_pruning_changes_what_is_sent(kind: str, chain: str) -> None:
    # Every codec goes both ways and meets both prunings.
    even = [*MODEL_CODECS].index(chain) % 2 == 0
    pruning = replace(BY_WEIGHTS if even == (kind == MODEL_UPLOAD) else BY_FILTERS, importance="taylor")
    log, outcome = run(FedSL(**BUDGET, pruning=pruning), codecs=replace(Codecs(), **{kind: MODEL_CODECS[chain]}))
    assert outcome.status == "completed"
    assert sum(bytes_by_round(log, kind)) < sum(bytes_by_round(trained(pruning)[0], kind))
    assert all(torch.isfinite(p).all() for part in outcome.parts for p in part.params)


@pytest.mark.parametrize("kind", [ACTIVATIONS, GRADIENTS])
def test_memory_begins_anew_when_channels_go(kind: str) -> None:
    for chain in ((ErrorFeedback(), TopK(fraction=0.2, gradient="full")), (PowerSGD(rank=1),)):
        _, outcome = run(FedSL(**BUDGET, pruning=BY_FILTERS), codecs=replace(Codecs(), **{kind: chain}))
        assert outcome.status == "completed"


def test_between_aggregations_a_late_client_gets_what_the_server_has() -> None:
    # client-2 is down at first; no upload comes before round 6, so all downloads are of the model of the beginning.
    devices = (Devices(count=2), Devices(count=1, failures=FailAt(times_s=(0.0005,), repair_s=plain()[0].end_s / 3)))
    received: list[Part] = []

    class Watching(Sequential):
        def submit(self, kernel: Kernel, *args: Any, **how: Any) -> Work:
            if kernel.name == "forward":
                received.append(args[1])
            return super().submit(kernel, *args, **how)

    log = ListLog()
    play(scenario(FedSL(**BUDGET, interval=6), devices=devices), log, Watching())
    late = [row.round for row in log.rows(activity="transfer", phase=MODEL_DOWNLOAD) if row.peer == "client-2"]
    assert max(late) > 1
    beginnings = [part for part in received if not any(part.optimizer[i].any() for i in range(len(part.optimizer)))]
    assert len(beginnings) >= 3
    assert all(torch.equal(part.params[0], beginnings[0].params[0]) for part in beginnings)


def test_evaluation_through_codecs_codes_the_channels_that_are_left() -> None:
    pruning = FilterPruning(sparsity=0.5, schedule=OneShot())
    seen: list[tuple[int, ...]] = []

    class Seen(Coding):
        def evaluated(self, activations: torch.Tensor, kind: str = "activations") -> torch.Tensor:
            seen.append(tuple(activations.shape[1:]))
            return super().evaluated(activations)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wirelessfsl.build.Coding", Seen)
        run(
            FedSL(**BUDGET | {"rounds": 1}, pruning=pruning),
            codecs=Codecs(activations=(TopK(),)),
            evaluation=EvaluationSettings(through_codecs=True),
        )
    assert set(seen) == {(16, 2, 2)}


def test_all_means_together_with_codecs_and_clients_that_fail() -> None:
    codecs = Codecs(activations=(Dropout(p=0.3), Quantize()), model_upload=(Quantize(bits=8),))
    algorithm = FedSL(**BUDGET, interval=2, pruning=replace(BY_FILTERS, importance="taylor"), gradient_bits=8)
    devices = (Devices(count=2), Devices(count=1, failures=FailAt(times_s=(0.05, 0.3), repair_s=0.1)))
    (log, outcome), (again, _) = (run(algorithm, codecs=codecs, devices=devices) for _ in range(2))
    assert log.events == again.events
    assert log.metrics == again.metrics
    assert outcome.status == "completed"
    assert log.rows(activity="drop")
    late = [row for row in log.rows(activity="transfer", phase=MODEL_DOWNLOAD) if row.peer == "client-2"]
    assert late
    accuracy = [m.accuracy for m in log.metrics if m.client is None and m.split == "test"]
    assert accuracy[-1] is not None
    assert all(torch.isfinite(p).all() for part in outcome.parts for p in part.params)


def test_a_round_in_which_everybody_drops_out_changes_nothing_that_is_measured() -> None:
    fifth = trained(NoPruning(), interval=6)[0].rows(round=5)
    middle_s = (min(row.start_s for row in fifth) + max(row.end_s for row in fifth)) / 2
    devices = (Devices(count=3, failures=FailAt(times_s=(middle_s,))),)
    log, outcome = run(FedSL(**BUDGET, interval=6), devices=devices)
    last = [m for m in log.metrics if m.client is None and m.split == "test"][-2:]
    assert (outcome.status, outcome.rounds) == ("exhausted", 5)
    assert last[0].loss == last[1].loss


# What its means are worth in simulated seconds


def seconds(log: ListLog, phase: str) -> float:
    return sum(row.end_s - row.start_s for row in log.rows(phase=phase, node="client-0"))


def test_dropout_takes_its_share_off_the_uplink() -> None:
    half, full = (run(FedSL(**BUDGET), codecs=each, network=EVEN)[0] for each in (HALF, Codecs()))
    assert seconds(half, ACTIVATIONS) == pytest.approx(0.5 * seconds(full, ACTIVATIONS), rel=0.05)
    assert seconds(half, MODEL_UPLOAD) == pytest.approx(seconds(full, MODEL_UPLOAD))


def test_aggregation_every_three_rounds_takes_a_third_of_the_seconds_on_the_air() -> None:
    rare, often = (run(FedSL(**BUDGET, interval=each), network=EVEN)[0] for each in (3, 1))
    assert seconds(rare, MODEL_UPLOAD) == pytest.approx(seconds(often, MODEL_UPLOAD) / 3)


def test_dropout_speeds_a_shallow_split_up_the_more_and_pruning_of_weights_a_deep_one() -> None:
    # Twice the activations fly at the first cut (256 numbers against 128), and at the second 30 times the weights.
    def speed_up(cut: str, pruning: Pruning, codecs: Codecs) -> float:
        ends = []
        for algorithm, chains in (FedSL(**BUDGET), Codecs()), (FedSL(**BUDGET, pruning=pruning), codecs):
            log = ListLog()
            model = Model(name="small_cnn", cuts=(cut,))
            play(replace(scenario(algorithm, codecs=chains, network=EVEN), model=model), log)
            ends.append(log.end_s)
        return ends[0] / ends[1]

    assert speed_up("block1", NoPruning(), HALF) > 1.3 * speed_up("block2", NoPruning(), HALF) > 1.3
    at_once = WeightPruning(sparsity=0.5, schedule=OneShot())
    assert 1.0 < 1.2 * speed_up("block1", at_once, Codecs()) < speed_up("block2", at_once, Codecs())
