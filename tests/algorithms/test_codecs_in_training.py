"""What a codec loses reaches the training, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from tests.algorithms.ideal import Played, ideal
from tests.learning.plain import same
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.learning.optim import SGD
from wirelessfsl.records import ACTIVATIONS, GRADIENTS, LABELS, MODEL_DOWNLOAD, MODEL_UPLOAD
from wirelessfsl.scenario import Codecs

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
