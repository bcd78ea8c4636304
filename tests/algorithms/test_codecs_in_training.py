"""What a codec loses reaches the training, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from tests.algorithms.ideal import Played, ideal
from tests.learning.plain import same
from tests.worlds import ListLog
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.codecs.c3_sl import C3SL
from wirelessfsl.codecs.cast import Cast
from wirelessfsl.codecs.chain import Link
from wirelessfsl.codecs.clustering import Clustering
from wirelessfsl.codecs.dropout import Dropout
from wirelessfsl.codecs.lossless import Deflate, ErrorFeedback, RangeCoder, Zstd
from wirelessfsl.codecs.power_sgd import PowerSGD
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.codecs.sparse import RandomK, RandTopK, Threshold, TopK
from wirelessfsl.codecs.stochastic import QSGD, Sign, Ternary
from wirelessfsl.codecs.wire import frame_bytes
from wirelessfsl.learning.optim import SGD
from wirelessfsl.learning.partition import Iid
from wirelessfsl.records import ACTIVATIONS, GRADIENTS, LABELS, MODEL_DOWNLOAD, MODEL_UPLOAD
from wirelessfsl.scenario import Codecs, Data, Model, Scenario
from wirelessfsl.scenario.settings import EvaluationSettings
from wirelessfsl.simulation import Outcome, play

BUDGET: dict[str, Any] = {"rounds": 2, "local_steps": 3, "batch_size": 16, "optimizer": SGD(lr=0.1)}
TWO_BITS, FINE = Quantize(bits=2), Quantize(bits=16)
LOSSY = (ACTIVATIONS, GRADIENTS, MODEL_UPLOAD, MODEL_DOWNLOAD)
FIRST_CHANGED = {
    # One client: the batch from which on the loss must differ, and not before.
    MODEL_DOWNLOAD: 0,  # the client begins with other weights
    ACTIVATIONS: 0,
    GRADIENTS: 1,  # the client's first step differs
    MODEL_UPLOAD: 3,  # the second round begins with another average
}


def only(kind: str | None) -> Codecs:
    """Two bits for one kind of message, nothing lost in the others."""
    return Codecs() if kind is None else replace(Codecs(), **{kind: (TWO_BITS,)})


@cache
def played(kind: str | None) -> Played:
    return ideal(SplitFedV1(**BUDGET), codecs=only(kind))


@pytest.mark.parametrize("kind", LOSSY)
def test_two_bits_change_the_loss_from_the_first_batch_that_they_can(kind: str) -> None:
    first = FIRST_CHANGED[kind]
    lossy, exact = played(kind).losses, played(None).losses
    assert lossy[:first] == exact[:first]
    assert all(a != b for a, b in zip(lossy[first:], exact[first:], strict=True))


@pytest.mark.parametrize("kind", LOSSY)
def test_the_batches_stay_the_same_under_another_codec(kind: str) -> None:
    assert same(played(kind).inputs, played(None).inputs)


@pytest.mark.parametrize("kind", [*LOSSY, LABELS])
def test_a_codec_changes_the_bytes_of_its_own_messages_alone(kind: str) -> None:
    own, exact = played(kind).bytes_by_kind(), played(None).bytes_by_kind()
    assert set(own) == {ACTIVATIONS, GRADIENTS, LABELS, MODEL_UPLOAD, MODEL_DOWNLOAD}
    assert {k: n for k, n in own.items() if k != kind} == {k: n for k, n in exact.items() if k != kind}
    if kind == LABELS:  # integers fly raw
        assert own[kind] == exact[kind]
    else:  # 2 of 32 bits a value; the headers of a small model's parts are most of its message
        assert own[kind] < exact[kind] / 4


@pytest.mark.parametrize("bits", [4, 8])
def test_b_bits_are_b_of_32_forward_only_or_both_ways(bits: int) -> None:
    values, headers = 4 * 16 * 256, 40 + frame_bytes([(16, 16, 4, 4)])
    codec = (Quantize(bits=bits),)
    for codecs, share in (
        (Codecs(activations=codec), (bits / 32 + 1) / 2),
        (Codecs(activations=codec, gradients=codec), bits / 32),
    ):
        sent = ideal(SplitFedV1(**BUDGET), codecs=codecs).bytes_by_kind()
        both = (sent[ACTIVATIONS] + sent[GRADIENTS]) / 6 - 2 * headers
        assert both == pytest.approx(2 * values * share, abs=2 * 16)  # what tells the range


def test_sixteen_bits_stay_close_to_no_compression() -> None:
    fine = ideal(SplitFedV1(**BUDGET), codecs=Codecs(activations=(FINE,), gradients=(FINE,)))
    assert fine.losses == pytest.approx(played(None).losses, abs=1e-3)
    assert fine.losses != played(None).losses


@pytest.mark.parametrize("kind", [MODEL_UPLOAD, MODEL_DOWNLOAD])
def test_the_models_codec_reaches_fedavg(kind: str) -> None:
    lossy, exact = ideal(FedAvg(**BUDGET), codecs=only(kind)), ideal(FedAvg(**BUDGET))
    first = FIRST_CHANGED[kind]
    assert lossy.losses[:first] == exact.losses[:first]
    assert lossy.losses[first:] != exact.losses[first:]
    assert same(lossy.inputs, exact.inputs)


CHAINS: list[tuple[Link, ...]] = [
    (Cast(),),
    (Quantize(bits=4),),
    (Quantize(bits=4, per="sample"),),
    (QSGD(levels=15),),
    (Sign(),),
    (Ternary(),),
    (TopK(fraction=0.1),),
    (RandTopK(fraction=0.1),),
    (RandomK(fraction=0.1),),
    (Threshold(at_least=0.05),),
    (Dropout(p=0.5),),
    (Clustering(subvectors=32, centroids=4),),
    (C3SL(ratio=4),),
    (PowerSGD(rank=2),),
    (TopK(fraction=0.2), Quantize(bits=8), Deflate()),
    (Quantize(bits=8), RangeCoder()),
    (Quantize(bits=4), Zstd()),
]


def on_air(codecs: Codecs) -> tuple[ListLog, Outcome]:
    """Two rounds of three clients on digits over a fading channel."""
    scenario = Scenario(
        data=Data(name="digits", clients=3, partition=Iid()),
        model=Model(name="small_cnn"),
        algorithm=SplitFedV1(rounds=2, local_steps=2, batch_size=16, optimizer=SGD(lr=0.1)),
        codecs=codecs,
    )
    log = ListLog()
    return log, play(scenario, log)


@cache
def uncompressed() -> tuple[ListLog, Outcome]:
    return on_air(Codecs())


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: "-".join(codec.kind for codec in chain))
@pytest.mark.parametrize("kind", [ACTIVATIONS, GRADIENTS])
def test_one_knob_has_its_effects_on_bytes_airtime_energy_and_loss(kind: str, chain: tuple[Link, ...]) -> None:
    log, _ = on_air(replace(Codecs(), **{kind: chain}))
    plain, _ = uncompressed()

    def of(log: ListLog, attribute: str, *phases: str) -> float:
        rows = [row for phase in phases for row in log.rows(activity="transfer", phase=phase)]
        return sum(row.end_s - row.start_s if attribute == "airtime" else getattr(row, attribute) for row in rows)

    for attribute in ("bytes", "airtime", "energy_j"):
        assert of(log, attribute, kind) < of(plain, attribute, kind)
    returns_less = kind == ACTIVATIONS and any(hasattr(codec, "gradient") or isinstance(codec, C3SL) for codec in chain)
    for other in {ACTIVATIONS, GRADIENTS, LABELS, MODEL_UPLOAD, MODEL_DOWNLOAD} - {kind}:
        if other == GRADIENTS and returns_less:
            assert of(log, "bytes", other) < of(plain, "bytes", other)
        else:
            assert of(log, "bytes", other) == of(plain, "bytes", other)
    costs = [row for phase in ("encode", "decode") for row in log.rows(activity="compute", phase=phase)]
    assert costs
    assert all(row.flops > 0 and row.end_s > row.start_s for row in costs)
    assert [m.loss for m in log.metrics] != [m.loss for m in plain.metrics]


def test_the_gradient_correction_reaches_the_training() -> None:
    losses = []
    for correction in 0.0, 0.5:
        codec = Clustering(subvectors=32, centroids=2, correction=correction)
        log, _ = on_air(Codecs(activations=(codec,)))
        losses.append([m.loss for m in log.metrics])
    assert losses[0] != losses[1]


@pytest.mark.parametrize("scheme", [SplitFedV1, FedAvg])
def test_updates_instead_of_weights_change_nothing_but_rounding_and_one_flop_a_number(scheme: type) -> None:
    whole, change = (ideal(scheme(**BUDGET, upload=upload), clients=2) for upload in ("weights", "update"))
    assert change.losses == pytest.approx(whole.losses, rel=1e-4)
    assert change.bytes_by_kind() == whole.bytes_by_kind()
    more = [sum(row.flops for row in each.log.rows(phase="aggregation", node="client-0")) for each in (whole, change)]
    assert more == [0.0, 2 * sum(w.numel() for w in whole.outcome.parts[0].weights)]


@pytest.mark.parametrize("chain", [(TopK(fraction=0.05),), (PowerSGD(rank=1),)], ids=lambda chain: chain[0].kind)
def test_a_tenth_of_an_update_says_more_than_a_tenth_of_the_weights(chain: tuple[Link, ...]) -> None:
    budget = BUDGET | {"rounds": 8}
    codecs = Codecs(model_upload=(ErrorFeedback(), *chain))
    change, whole = (
        ideal(FedAvg(**budget, upload=upload), clients=2, codecs=codecs) for upload in ("update", "weights")
    )
    plain = ideal(FedAvg(**budget), clients=2)
    assert change.bytes_by_kind()[MODEL_UPLOAD] < plain.bytes_by_kind()[MODEL_UPLOAD] / 3
    assert abs(change.losses[-1] - plain.losses[-1]) < abs(whole.losses[-1] - plain.losses[-1])
    assert change.accuracy > whole.accuracy


def test_error_feedback_changes_what_is_learnt_and_not_what_flies() -> None:
    chain = (TopK(fraction=0.05),)
    with_memory, _ = on_air(replace(Codecs(), gradients=(ErrorFeedback(), *chain)))
    without, _ = on_air(replace(Codecs(), gradients=chain))
    sizes = [[row.bytes for row in log.rows(phase=GRADIENTS)] for log in (with_memory, without)]
    assert sorted(sizes[0]) == sorted(sizes[1])
    assert [m.loss for m in with_memory.metrics] != [m.loss for m in without.metrics]


def test_codecs_that_draw_give_the_same_run_twice() -> None:
    codecs = Codecs(activations=(Dropout(p=0.3, gradient="full"),), gradients=(ErrorFeedback(), QSGD(levels=3)))
    (first, _), (second, _) = on_air(codecs), on_air(codecs)
    assert first.events == second.events
    assert first.metrics == second.metrics


def test_evaluation_goes_through_the_codecs_if_it_is_asked_to() -> None:
    def accuracy(through: bool, *chain: Link) -> list[float | None]:
        scenario = Scenario(
            data=Data(name="digits", clients=2, partition=Iid()),
            model=Model(name="small_cnn"),
            algorithm=SplitFedV1(rounds=3, local_steps=20, batch_size=16, optimizer=SGD(lr=0.1)),
            codecs=Codecs(activations=chain),
            evaluation=EvaluationSettings(through_codecs=through),
        )
        log = ListLog()
        play(scenario, log)
        return [m.loss for m in log.metrics if m.split == "test" and m.client is None]

    rough = (Quantize(bits=1),)
    assert accuracy(True, *rough) != accuracy(False, *rough)
    assert accuracy(True, *rough) == accuracy(True, *rough)
    assert accuracy(True, Dropout(p=0.5)) == accuracy(False, Dropout(p=0.5))
    assert accuracy(True, RandTopK(fraction=0.2, alpha=0.3)) != accuracy(False, RandTopK(fraction=0.2, alpha=0.3))
