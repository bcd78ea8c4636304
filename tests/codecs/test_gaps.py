"""What is left of a message some of whose bytes were lost."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
import xxhash
from numpy.typing import NDArray

from wirelessfsl.codecs.c3_sl import C3SL
from wirelessfsl.codecs.cast import Cast
from wirelessfsl.codecs.chain import Chain
from wirelessfsl.codecs.clustering import Clustering
from wirelessfsl.codecs.dropout import Dropout
from wirelessfsl.codecs.lossless import Deflate, RangeCoder, Zstd
from wirelessfsl.codecs.power_sgd import PowerSGD
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.codecs.sparse import RandomK, RandTopK, Threshold, TopK
from wirelessfsl.codecs.stochastic import QSGD, Sign, Ternary
from wirelessfsl.codecs.wire import frame_bytes

X = torch.randn(6, 5, 8, generator=torch.Generator().manual_seed(3))
G = torch.randn(6, 5, 8, generator=torch.Generator().manual_seed(4))
OPEN = [
    Chain(),
    Chain((Cast(),)),
    Chain((Cast(dtype="bfloat16"),)),
    *(Chain((Quantize(bits=bits),)) for bits in (1, 3, 4, 8, 11, 15, 16)),
    Chain((Quantize(bits=5, per="channel"),)),
    Chain((Quantize(bits=5, per="sample"),)),
    Chain((QSGD(levels=7),)),
    Chain((Sign(),)),
    Chain((Ternary(),)),
    Chain((RandomK(fraction=0.5),)),
    Chain((Dropout(p=0.3), Quantize(bits=6))),
    Chain((Cast(), Quantize(bits=4)), feedback=True),
]
BRITTLE = [
    *(Chain((codec(),)) for codec in (TopK, RandTopK, Threshold, C3SL, PowerSGD, Clustering)),
    Chain((Dropout(mask="bitmap"),)),
    *(Chain((Cast(),), packing()) for packing in (Deflate, Zstd, RangeCoder)),
]


def overwritten(payload: bytes, lost: NDArray[np.bool_], with_byte: int) -> bytes:
    """The payload with another byte in place of the lost ones, and a checksum that fits."""
    data = np.frombuffer(payload, np.uint8).copy()
    data[lost] = with_byte
    rest = data[4:].tobytes()
    return (xxhash.xxh3_64_intdigest(rest) & 0xFFFFFFFF).to_bytes(4, "little") + rest


def body_of(chain: Chain, payload: bytes) -> int:
    """Where the values begin, behind the headers and heads."""
    head_bytes = sum(layout.head_bytes for _, layout in chain._layouts([tuple(X.shape)], [X.dtype]))
    return frame_bytes([tuple(X.shape)]) + head_bytes


def gaps(chain: Chain, payload: bytes) -> NDArray[np.bool_]:
    """About a third of the values' bytes, in runs of seven."""
    lost = np.zeros(len(payload), dtype=bool)
    drawn = np.random.default_rng(5).random(len(payload) // 7 + 1) < 0.3
    lost[:] = drawn.repeat(7)[: len(payload)]
    lost[: body_of(chain, payload)] = False
    return lost


@pytest.mark.parametrize("chain", OPEN, ids=str)
def test_lost_bytes_are_zeros_where_they_told_something_and_nothing_elsewhere(chain: Chain) -> None:
    payload, _ = chain.encode((X,), 1)
    lost = gaps(chain, payload)
    (whole,) = chain.decode(payload)
    ((left,), _) = chain.receive(payload, lost)
    gone = left != whole
    assert 0 < gone.sum() < X.numel()
    assert not left[gone].any()
    if not any(isinstance(codec, Ternary) for codec in chain.codecs):  # not every byte is five of its digits
        # The other way to know: other bytes there make other values of the same elements, and of no others.
        others = [chain.decode(overwritten(payload, lost, byte))[0] for byte in (0x00, 0xFF)]
        differ = ~torch.isclose(others[0], others[1], equal_nan=False)
        assert torch.equal(left == 0, differ | (whole == 0))


def test_of_five_ternary_digits_in_a_byte_all_are_lost() -> None:
    payload, _ = Chain((Ternary(),)).encode((torch.ones(12),), 1)
    lost = np.zeros(len(payload), dtype=bool)
    lost[-2] = True  # of bytes with elements 0-4, 5-9 and 10-11 the one in the middle
    ((left,), _) = Chain((Ternary(),)).receive(payload, lost)
    assert left.tolist() == [1.0] * 5 + [0.0] * 5 + [1.0] * 2


@pytest.mark.parametrize("chain", OPEN, ids=str)
def test_the_gradient_of_what_was_lost_is_zero_and_of_the_rest_as_without_loss(chain: Chain) -> None:
    payload, _, sender = chain.send((X,), 1)
    lost = gaps(chain, payload)
    ((whole,), plain), ((left,), gapped) = chain.receive(payload), chain.receive(payload, lost)
    gone = (left == 0) & (whole != 0)
    assert gone.any()
    for mine, theirs in ((sender(gapped((G,))), sender(plain((G,)))),) if sender else ((gapped((G,)), plain((G,))),):
        assert not mine[0][gone].any()
        there = left != 0
        assert torch.equal(mine[0][there], theirs[0][there])
    assert torch.equal(*(way((left,))[0] for way in (gapped, pickle.loads(pickle.dumps(gapped)))))


def test_headers_heads_and_integers_are_guarded() -> None:
    chain = Chain((Quantize(bits=8),))
    payload, _ = chain.encode((torch.arange(9), X), 1)
    everything = np.ones(len(payload), dtype=bool)
    (labels, values), _ = chain.receive(payload, everything)
    assert labels.tolist() == list(range(9))
    assert values.shape == X.shape
    assert not values.any()


def test_no_gap_is_no_change() -> None:
    payload, _ = Chain().encode((X,))
    received = Chain().receive(payload, np.zeros(len(payload), dtype=bool))
    assert torch.equal(received.tensors[0], X)
    assert not received.way_back


@pytest.mark.parametrize("chain", OPEN, ids=str)
def test_these_go_on_after_a_gap(chain: Chain) -> None:
    assert chain.brittle is None


@pytest.mark.parametrize("chain", BRITTLE, ids=str)
def test_these_can_make_nothing_of_a_message_with_gaps(chain: Chain) -> None:
    assert chain.brittle is (chain.lossless or chain.codecs[0])
