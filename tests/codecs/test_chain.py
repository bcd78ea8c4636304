"""Chains: order, entropy coding, and the memory of what was lost."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
import torch

from wirelessfsl.codecs.cast import Cast
from wirelessfsl.codecs.chain import Chain, Link, Misfit, chain
from wirelessfsl.codecs.clustering import Clustering
from wirelessfsl.codecs.dropout import Dropout
from wirelessfsl.codecs.identity import Identity
from wirelessfsl.codecs.lossless import Deflate, ErrorFeedback, RangeCoder, Zstd
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.codecs.sparse import RandomK, TopK
from wirelessfsl.codecs.stochastic import Sign
from wirelessfsl.codecs.wire import CorruptPayload, write


def test_top_k_then_8_bits_then_deflate_is_one_string_of_bytes() -> None:
    x = torch.zeros(10, 100)
    x[3, :50] = torch.linspace(1, 2, 50)
    steps: list[Link] = [TopK(fraction=0.05), Quantize(bits=8)]
    plain, packed = chain(steps), chain([*steps, Deflate()])
    payload, _ = plain.encode((x,))
    # 1,000 positions need 10 bits: 50 of them 63 bytes; a grid of 8 bytes, 50 codes.
    assert len(payload) == plain.size_bytes([(10, 100)], [torch.float32]) == 8 + 2 + 8 + 63 + 8 + 50
    squeezed, _ = packed.encode((x,))
    assert squeezed[18:] == zlib.compress(payload[18:], 6)
    assert packed.size_bytes([(10, 100)], [torch.float32]) is None
    assert torch.equal(packed.decode(squeezed)[0], plain.decode(payload)[0])
    assert (plain.decode(payload)[0] - x).abs().max() <= 0.5 / 255 + 1e-6


def test_deflate_shortens_what_repeats_and_labels_too() -> None:
    x, labels = torch.zeros(1000), torch.arange(10).repeat(100)
    payload, _ = Chain((), Deflate()).encode((x, labels))
    assert len(payload) < 300
    assert torch.equal(Chain((), Deflate()).decode(payload)[1], labels)


@pytest.mark.parametrize("body", [b"", b"no deflate", zlib.compress(bytes(17)), zlib.compress(bytes(16)) + b"more"])
def test_a_body_that_does_not_unpack_to_what_the_headers_say_is_refused(body: bytes) -> None:
    packing = Chain((), Deflate())
    with pytest.raises(CorruptPayload):
        packing.decode(write(packing.fingerprint, [(torch.float32, (4,))], [body]))


def test_a_bomb_is_not_unpacked() -> None:
    packing = Chain((), Deflate())
    with pytest.raises(CorruptPayload, match="too many"):
        packing.decode(write(packing.fingerprint, [(torch.float32, (4,))], [zlib.compress(bytes(10**8))]))


@pytest.mark.parametrize(
    ("kinds", "at", "reason"),
    [
        ([Quantize(), TopK()], 1, "top_k takes numbers, and quantize before it leaves packed bits"),
        (
            [TopK(gradient="full"), RandomK()],
            1,
            "random_k cannot follow top_k with gradient: full; set gradient: kept of top_k",
        ),
        ([Deflate(), Cast()], 0, "deflate must be the last"),
        ([Zstd(), Deflate()], 0, "zstd must be the last"),
        ([RangeCoder(), Cast()], 0, "range_coder must be the last"),
        ([Cast(), ErrorFeedback()], 1, "error_feedback must be the first"),
        ([TopK(), Clustering(correction=0.1)], 1, "with a correction must be the first"),
        ([ErrorFeedback()], 0, "error_feedback needs a codec that loses something"),
        ([ErrorFeedback(), Identity(), Deflate()], 0, "error_feedback needs a codec that loses something"),
    ],
)
def test_codecs_that_do_not_fit_are_named_with_their_place(kinds: list[Link], at: int, reason: str) -> None:
    with pytest.raises(Misfit, match=reason) as caught:
        chain(kinds)
    assert caught.value.at == at


def test_error_feedback_sends_sooner_or_later_what_it_lost() -> None:
    x = torch.tensor([1.0, 0.1, -0.2, 0.0])
    with_memory, without = Chain((TopK(fraction=0.25),), feedback=True), Chain((TopK(fraction=0.25),))
    memory, total, forgetful = None, torch.zeros(4), torch.zeros(4)
    for _ in range(200):
        payload, memory = with_memory.encode((x,), memory)  # type: ignore[assignment]
        total += with_memory.decode(payload)[0]
        forgetful += without.decode(without.encode((x,))[0])[0]
    # e_t = e_0 + sum x - sum sent: the mean of what was sent is off by the last residual over the number of messages.
    residual = memory[1][0]  # type: ignore[index]
    assert torch.allclose(total + residual, 200 * x, atol=1e-3)
    assert (total / 200 - x).abs().max() < 0.01
    assert (forgetful / 200).tolist() == [1.0, 0.0, 0.0, 0.0]


def test_by_hand_the_second_message_carries_what_the_first_lost() -> None:
    feedback = Chain((Sign(),), feedback=True)
    first, memory = feedback.encode((torch.tensor([1.0, 3.0]),))
    assert feedback.decode(first)[0].tolist() == [2.0, 2.0]  # lost: -1, 1
    second, _ = feedback.encode((torch.tensor([1.0, 3.0]),), memory)  # 0, 4
    assert feedback.decode(second)[0].tolist() == [2.0, 2.0]


def test_every_tensor_of_a_message_has_its_own_memory() -> None:
    both = Chain((TopK(fraction=0.5), Dropout(p=0.5)), feedback=True)
    x, y, labels = torch.tensor([3.0, 1.0]), torch.tensor([5.0, 7.0]), torch.tensor([1])
    _, memory = both.encode((x, labels, y), 5)
    assert isinstance(memory, tuple)
    assert memory[0] == 5
    assert memory[2] is None
    assert not torch.equal(memory[1][0], memory[3][0])  # type: ignore[index, arg-type]


def test_costs_add_up_over_what_each_codec_sees() -> None:
    # top-k 2 FLOPs on 1,000, 8-bit quantisation 6 on the 100 that are left, error feedback 2 on 1,000.
    steps = (TopK(fraction=0.1), Quantize())
    shapes, dtypes = [(10, 100), (7,)], [torch.float32, torch.int64]
    assert Chain(steps).encode_flops(shapes, dtypes) == 2000 + 600
    assert Chain(steps, feedback=True).encode_flops(shapes, dtypes) == 2000 + 600 + 2000
    assert Chain(steps).decode_flops(shapes, dtypes) == 300
    body = 125 + 8 + 100 + 7 * 8  # a bitmap of 1,000, which is as long as 100 numbers of 10 bits
    assert Chain(steps, Deflate(flops_per_byte=10)).encode_flops(shapes, dtypes) == 2600 + 10 * body
    assert Chain(steps, Deflate(flops_per_byte=10)).decode_flops(shapes, dtypes) == 300 + 2.5 * body


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_the_range_coder_comes_within_a_hundredth_of_the_entropy(bits: int) -> None:
    x = torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    plain = Chain((Quantize(bits=bits),)).encode((x,))[0]
    values = np.frombuffer(plain[-100_000 * bits // 8 :], np.uint8)
    share = np.bincount(values, minlength=256) / len(values)
    entropy = -float(np.sum(share[share > 0] * np.log2(share[share > 0]))) * len(values) / 8
    packed = {
        kind: len(chain([Quantize(bits=bits), kind]).encode((x,))[0]) for kind in (RangeCoder(), Deflate(), Zstd())
    }
    table = 36 + 2 * int((share > 0).sum())
    assert entropy <= packed[RangeCoder()] - 14 - table <= entropy * 1.01 + 12
    assert packed[RangeCoder()] < min(packed[Deflate()], packed[Zstd()])


@pytest.mark.parametrize(
    "kind", [Deflate(), Deflate(huffman_only=True), Zstd(), RangeCoder()], ids=lambda kind: kind.kind
)
def test_what_repeats_gets_shorter_and_comes_back(kind: Deflate | Zstd | RangeCoder) -> None:
    x = torch.arange(4.0).repeat(2000)
    payload = chain([kind]).encode((x,))[0]
    assert len(payload) < x.nbytes / 4
    assert torch.equal(chain([kind]).decode(payload)[0], x)
    constant = chain([kind]).encode((torch.zeros(5000),))[0]
    assert len(constant) < 3000
    assert torch.equal(chain([kind]).decode(constant)[0], torch.zeros(5000))
    assert kind.unpack(memoryview(kind.pack(b"")), 0) == b""
