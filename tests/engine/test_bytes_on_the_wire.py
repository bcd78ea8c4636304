"""Bytes on the wire against the closed form, exactly, per message kind and direction.

A message is 40 bytes of transport, 8 of frame header, and per tensor 2 + 4 ndim bytes of header and the codec's body.
Labels fly in the message of the activations, whose kind bears the 40 bytes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import NamedTuple

import pytest

from tests.worlds import BATCH, CLIENT_PARAMETERS, SERVER_PARAMETERS, ListLog, run, tiny
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.codecs.cast import Cast
from wirelessfsl.codecs.identity import Identity
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.engine.access import Fdma
from wirelessfsl.engine.transport import Transport
from wirelessfsl.records import MESSAGE_KINDS
from wirelessfsl.scenario import Codecs

CLIENTS, ROUNDS, STEPS = 3, 2, 2
HEADER, MATRIX, VECTOR = 8, 2 + 2 * 4, 2 + 4


class Wire(NamedTuple):
    """A codec and what one of its bodies of n floats takes: ``per_tensor`` bytes and ceil(bits n / 8)."""

    codec: Identity | Cast | Quantize
    bits: int
    per_tensor: int

    def body(self, elements: int) -> int:
        return self.per_tensor + -(-elements * self.bits // 8)


WIRES = [
    Wire(Identity(), 32, 0),
    Wire(Cast(dtype="float16"), 16, 0),
    Wire(Quantize(bits=8), 8, 2 * 4),
    Wire(Quantize(bits=3), 3, 2 * 4),
]


def codecs(wire: Wire) -> Codecs:
    return Codecs(**dict.fromkeys(MESSAGE_KINDS, (wire.codec,)))


def flown(log: ListLog) -> Counter[tuple[str, str]]:
    """Bytes per kind and direction."""
    total: Counter[tuple[str, str]] = Counter()
    for row in log.rows(activity="transfer"):
        total["down" if row.node == "server" else "up", row.phase] += row.bytes
    return total


@pytest.mark.parametrize("overhead", [40, 0, 66])
@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: f"{wire.codec.kind}-{wire.bits}")
def test_splitfed_bytes_are_the_closed_form(wire: Wire, overhead: int) -> None:
    scenario = tiny(
        CLIENTS,
        algorithm=SplitFedV1(rounds=ROUNDS, local_steps=STEPS, batch_size=BATCH),
        codecs=codecs(wire),
        transport=Transport(overhead_bytes=overhead),
    )
    log, _ = run(scenario)
    smashed = overhead + HEADER + MATRIX + wire.body(BATCH * 64)
    labels = HEADER + VECTOR + 8 * BATCH  # integers fly as they are, whatever the codec
    model = overhead + HEADER + MATRIX + wire.body(64 * 64) + VECTOR + wire.body(64)
    rounds, steps = CLIENTS * ROUNDS, CLIENTS * ROUNDS * STEPS
    assert flown(log) == {
        ("up", "activations"): steps * smashed,
        ("up", "labels"): steps * labels,
        ("up", "model_upload"): rounds * model,
        ("down", "gradients"): steps * smashed,
        ("down", "model_download"): rounds * model,
    }


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: f"{wire.codec.kind}-{wire.bits}")
def test_fedavg_bytes_are_the_closed_form(wire: Wire) -> None:
    scheme = FedAvg(rounds=ROUNDS, local_steps=STEPS, batch_size=BATCH)
    log, _ = run(tiny(CLIENTS, algorithm=scheme, codecs=codecs(wire), medium=Fdma()))
    tensors = (64 * 64, 64, 64 * 64, 64, 10 * 64, 10)
    assert sum(tensors) == CLIENT_PARAMETERS + SERVER_PARAMETERS
    model = 40 + HEADER + 3 * MATRIX + 3 * VECTOR + sum(wire.body(n) for n in tensors)
    total = CLIENTS * ROUNDS * model
    assert flown(log) == {("up", "model_upload"): total, ("down", "model_download"): total}


def test_the_closed_form_in_figures() -> None:
    # One step of one client: identity 4154 + 142, 8 bits 1090 + 142, 3 bits 450 + 142, each way 40 + 8 + 10 + body.
    sizes = {wire.bits: 58 + wire.body(BATCH * 64) for wire in WIRES}
    assert sizes == {32: 4154, 16: 2106, 8: 1090, 3: 450}


def test_each_kind_has_its_own_codec() -> None:
    mixed = replace(Codecs(), activations=(Quantize(bits=3),), model_upload=(Cast(),))
    log, _ = run(tiny(codecs=mixed))
    assert flown(log) == {
        ("up", "activations"): 450,
        ("up", "labels"): 142,
        ("up", "model_upload"): 40 + 8 + 10 + 6 + 2 * 4160,
        ("down", "gradients"): 4154,
        ("down", "model_download"): 40 + 8 + 10 + 6 + 4 * 4160,
    }


def test_metrics_count_the_same_bytes_as_the_rows() -> None:
    log, _ = run(tiny(CLIENTS, rounds=ROUNDS))
    up, down = (sum(n for (way, _), n in flown(log).items() if way == wanted) for wanted in ("up", "down"))
    last = [m for m in log.metrics if m.round == ROUNDS]
    whole = [m for m in last if m.client is None]
    each = [m for m in last if m.client is not None]
    assert {(m.uplink_bytes, m.downlink_bytes) for m in whole} == {(up, down)}
    assert sum(m.uplink_bytes for m in each) == up
    assert sum(m.downlink_bytes for m in each) == down


def test_encoding_and_decoding_are_paid_by_the_node_that_does_them() -> None:
    # 8 bits on the activations: 6 FLOPs an element at the client, 3 at the server.
    log, _ = run(tiny(codecs=replace(Codecs(), activations=(Quantize(bits=8),))))
    encode, decode = log.rows(phase="encode"), log.rows(phase="decode")
    assert [(e.node, e.peer, e.activity) for e in encode + decode] == [
        ("client-0", "", "compute"),
        ("server", "client-0", "compute"),
    ]
    assert [e.flops for e in encode + decode] == pytest.approx([6 * BATCH * 64, 3 * BATCH * 64])
    assert encode[0].end_s - encode[0].start_s == pytest.approx(6 * 1024 / 131_072, abs=1e-12)
    assert decode[0].end_s - decode[0].start_s == pytest.approx(3 * 1024 / 454_656, abs=1e-12)
    assert encode[0].energy_j == pytest.approx(3.0 * 6 * 1024 / 131_072)
