"""What every codec promises, whichever it is. A new codec is one more line in ``CODECS``."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import pytest
import torch
import xxhash
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wirelessfsl.codecs.c3_sl import C3SL
from wirelessfsl.codecs.cast import Cast
from wirelessfsl.codecs.chain import Answer, Chain, Misfit, chain
from wirelessfsl.codecs.clustering import Clustering
from wirelessfsl.codecs.codec import Memory
from wirelessfsl.codecs.dropout import Dropout
from wirelessfsl.codecs.lossless import Deflate, RangeCoder, Zstd
from wirelessfsl.codecs.power_sgd import PowerSGD
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.codecs.sparse import RandomK, RandTopK, Threshold, TopK
from wirelessfsl.codecs.stochastic import QSGD, Sign, Ternary
from wirelessfsl.codecs.wire import CorruptPayload
from wirelessfsl.scenario.settings import CodecKind


class Contract(NamedTuple):
    """A chain, the error |x - x'| that it documents, and the greatest magnitude that it carries."""

    codec: Chain
    bound: Callable[[torch.Tensor], torch.Tensor]
    greatest: float = torch.finfo(torch.float64).max


def exact(x: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(x, dtype=torch.float64)


def rounded_to(dtype: torch.dtype) -> Callable[[torch.Tensor], torch.Tensor]:
    def bound(x: torch.Tensor) -> torch.Tensor:
        info = torch.finfo(dtype)
        by_way_of_float32 = 2.0**-24 * x.double().abs() + 2.0**-150
        return info.eps / 2 * x.double().abs() + info.smallest_normal * info.eps / 2 + 2 * by_way_of_float32

    return bound


def half_a_step(bits: int) -> Callable[[torch.Tensor], torch.Tensor]:
    def bound(x: torch.Tensor) -> torch.Tensor:
        info, values = torch.finfo(x.dtype), x.double()
        lo, hi = values.aminmax() if x.numel() else (torch.zeros(()).double(),) * 2
        step = (hi - lo) / (2**bits - 1)
        error = step / 2 + 8 * info.eps * torch.maximum(lo.abs(), hi.abs()) + info.smallest_normal * info.eps
        return error.expand(x.shape)

    return bound


def anything(x: torch.Tensor) -> torch.Tensor:
    return torch.full_like(x, torch.inf, dtype=torch.float64)


def magnitude(x: torch.Tensor) -> torch.Tensor:
    return x.double().abs()


def greatest_magnitude(x: torch.Tensor) -> torch.Tensor:
    most = x.double().abs().max() if x.numel() else torch.zeros(()).double()
    info = torch.finfo(x.dtype)
    return (most * (1 + 2 * info.eps + 2.0**-22) + info.smallest_normal + 2.0**-140).expand(x.shape)


def sign_and_mean(x: torch.Tensor) -> torch.Tensor:
    return x.double().abs() + greatest_magnitude(x)


def over_the_norm(levels: int) -> Callable[[torch.Tensor], torch.Tensor]:
    def bound(x: torch.Tensor) -> torch.Tensor:
        norm, info = x.double().norm(), torch.finfo(x.dtype)
        rounding = 4 * info.eps * norm + info.smallest_normal + 2.0**-22 * norm + 2.0**-140
        return (norm / levels + rounding).expand(x.shape)

    return bound


def the_range(x: torch.Tensor) -> torch.Tensor:
    lowest, highest = x.double().aminmax() if x.numel() else (torch.zeros(()).double(),) * 2
    rounding = (2.0**-10 + 2 * torch.finfo(x.dtype).eps) * torch.maximum(lowest.abs(), highest.abs()) + 2.0**-24
    return (torch.clamp(highest, min=0) - torch.clamp(lowest, max=0) + rounding).expand(x.shape)


def norm(x: torch.Tensor) -> torch.Tensor:
    return (x.double().norm() * (1 + 8 * torch.finfo(x.dtype).eps) + 2.0**-20).expand(x.shape)


def below(limit: float) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda x: torch.full_like(x, limit, dtype=torch.float64)


MASKS: tuple[Literal["seed", "bitmap"], ...] = ("seed", "bitmap")
CODECS = [
    Contract(Chain(), exact),
    Contract(Chain((Cast(dtype="float16"),)), rounded_to(torch.float16), greatest=65504.0),
    Contract(Chain((Cast(dtype="bfloat16"),)), rounded_to(torch.bfloat16), greatest=torch.finfo(torch.bfloat16).max),
    *(
        Contract(Chain((Quantize(bits=b),)), half_a_step(b), greatest=torch.finfo(torch.float64).max / 2)
        for b in (1, 3, 8, 13, 16)
    ),
    *(
        Contract(Chain((Quantize(bits=5, per=per),)), half_a_step(5), greatest=torch.finfo(torch.float64).max / 2)
        for per in ("channel", "sample")
    ),
    Contract(Chain((Cast(), Quantize(bits=16))), anything, greatest=65504.0 / 2),
    *(Contract(Chain((QSGD(levels=s),)), over_the_norm(s), greatest=2.0**60) for s in (1, 7, 127, 32767)),
    Contract(Chain((Sign(),)), sign_and_mean, greatest=2.0**120),
    Contract(Chain((Ternary(),)), greatest_magnitude, greatest=torch.finfo(torch.float32).max),
    *(Contract(Chain((TopK(fraction=f),)), magnitude) for f in (0.01, 0.5, 1.0)),
    Contract(Chain((RandTopK(fraction=0.3),)), magnitude),
    Contract(Chain((RandomK(fraction=0.5, scaled=False),)), magnitude),
    Contract(Chain((RandomK(fraction=0.5),)), anything, greatest=1000.0),
    Contract(Chain((Threshold(at_least=0.5),)), below(0.5)),
    *(Contract(Chain((Dropout(p=0.3, mask=mask),)), anything, greatest=1000.0) for mask in MASKS),
    Contract(Chain((Dropout(p=0.0),)), exact),
    Contract(Chain((Clustering(subvectors=4, groups=2, centroids=3, codebook="float64"),)), the_range),
    Contract(Chain((Clustering(centroids=2, start="random"),)), the_range, greatest=torch.finfo(torch.float32).max),
    Contract(Chain((Clustering(subvectors=2, codebook="float16", correction=0.1),)), the_range, greatest=60000.0),
    *(Contract(Chain((C3SL(ratio=r),)), anything, greatest=1000.0) for r in (1, 2, 3)),
    Contract(Chain((C3SL(ratio=2), Quantize(bits=8))), anything, greatest=1000.0),
    Contract(Chain((PowerSGD(rank=1),)), norm, greatest=1000.0),
    Contract(Chain((PowerSGD(rank=2),), feedback=True), norm, greatest=1000.0),
    Contract(Chain((), Deflate()), exact),
    Contract(Chain((), Deflate(huffman_only=True)), exact),
    Contract(Chain((), Zstd()), exact),
    Contract(Chain((), RangeCoder()), exact),
    Contract(Chain((Quantize(bits=8),), RangeCoder()), half_a_step(8), greatest=torch.finfo(torch.float64).max / 2),
    Contract(Chain((TopK(fraction=0.2), Quantize(bits=8)), Deflate()), anything, greatest=2.0**100),
    Contract(Chain((TopK(fraction=0.2), Cast()), feedback=True), anything, greatest=1000.0),
    Contract(Chain((Sign(),), Deflate(level=9), feedback=True), anything, greatest=1000.0),
    Contract(
        Chain((TopK(fraction=0.5), Dropout(p=0.2), Quantize(bits=8)), Zstd(), feedback=True), anything, greatest=100.0
    ),
    Contract(Chain((Clustering(subvectors=2, centroids=3),), RangeCoder()), the_range, greatest=2.0**100),
    Contract(Chain((PowerSGD(rank=1), Cast()), Zstd()), anything, greatest=1000.0),
]
every_codec = pytest.mark.parametrize("contract", CODECS, ids=lambda contract: str(contract.codec))
sampled = settings(deadline=None, derandomize=True, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
few = settings(sampled, max_examples=10)

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)


@st.composite
def float_tensors(draw: st.DrawFn, greatest: float) -> torch.Tensor:
    """Any shape (0-d, empty), zeros, constants and subnormals among the values, at most ``greatest`` large."""
    dtype = draw(st.sampled_from(FLOATS))
    width = {torch.float16: 16, torch.float64: 64}.get(dtype, 32)
    largest = min(greatest, torch.finfo(dtype).max)
    elements = st.floats(-largest, largest, width=width, allow_nan=False)
    values = draw(hnp.arrays(f"f{width // 8}", draw(SHAPES), elements=elements, fill=elements))
    return torch.from_numpy(values).to(dtype)


@st.composite
def messages(draw: st.DrawFn, greatest: float) -> tuple[torch.Tensor, ...]:
    """Several tensors, integers and bools among them, some of them strided."""
    integers = st.builds(
        lambda dtype, shape, seed: (torch.from_numpy(np.random.default_rng(seed).integers(-128, 127, shape))).to(dtype),
        st.sampled_from(INTEGERS),
        SHAPES,
        st.integers(0, 99),
    )
    tensors = draw(st.lists(st.one_of(float_tensors(greatest), integers), max_size=4))
    return tuple(tensor.T if tensor.ndim == 2 and draw(st.booleans()) else tensor for tensor in tensors)


def same_memory(left: Memory, right: Memory) -> bool:
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(same_memory, left, right))
    if isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor):
        return torch.equal(left, right)
    return left == right


@every_codec
@sampled
@given(data=st.data())
def test_decoding_restores_shape_dtype_and_values_within_the_bound_from_a_payload_as_long_as_the_closed_form(
    contract: Contract, data: st.DataObject
) -> None:
    sent = data.draw(messages(contract.greatest))
    payload, memory = contract.codec.encode(sent, None)
    assert isinstance(payload, bytes)
    size = contract.codec.size_bytes([tuple(x.shape) for x in sent], [x.dtype for x in sent])
    assert size is None or len(payload) == size
    again, memory_again = contract.codec.encode(tuple(x.clone() for x in sent), None)
    assert again == payload
    assert same_memory(memory, memory_again)
    received = contract.codec.decode(payload)
    assert [(x.shape, x.dtype) for x in received] == [(x.shape, x.dtype) for x in sent]
    for x, y in zip(sent, received, strict=True):
        assert y.is_contiguous()
        if x.is_floating_point():
            assert ((y.double() - x.double()).abs() <= contract.bound(x)).all()
        else:
            assert torch.equal(x, y)


@every_codec
@few
@given(data=st.data())
def test_a_link_goes_on_with_its_memory_whatever_comes_next(contract: Contract, data: st.DataObject) -> None:
    memory: Memory = 7
    for _ in range(3):
        sent = data.draw(messages(min(contract.greatest, 1000.0)))
        payload, after = contract.codec.encode(sent, memory)
        assert contract.codec.encode(sent, memory)[0] == payload
        received = contract.codec.decode(payload)
        assert [(x.shape, x.dtype) for x in received] == [(x.shape, x.dtype) for x in sent]
        memory = after


@every_codec
@few
@given(data=st.data(), flip=st.integers(1, 255))
def test_a_payload_cut_short_anywhere_or_with_any_byte_changed_is_refused(
    contract: Contract, data: st.DataObject, flip: int
) -> None:
    payload, _ = contract.codec.encode(data.draw(messages(contract.greatest)), None)
    for index in range(len(payload)):
        with pytest.raises(CorruptPayload):
            contract.codec.decode(payload[:index])
        damaged = bytearray(payload)
        damaged[index] ^= flip
        with pytest.raises(CorruptPayload):
            contract.codec.decode(bytes(damaged))


@every_codec
@few
@given(data=st.data(), byte=st.integers(0, 255))
def test_damage_that_the_checksum_misses_is_refused_or_decoded_but_never_crashes(
    contract: Contract, data: st.DataObject, byte: int
) -> None:
    payload, _ = contract.codec.encode(data.draw(messages(contract.greatest)), None)
    for index in range(4, len(payload)):
        damaged = payload[4:index] + bytes([byte]) + payload[index + 1 :]
        checksum = xxhash.xxh3_64_intdigest(damaged) & 0xFFFFFFFF
        with suppress(CorruptPayload):
            contract.codec.decode(checksum.to_bytes(4, "little") + damaged)


@every_codec
@few
@given(noise=st.binary(max_size=200))
def test_noise_is_refused(contract: Contract, noise: bytes) -> None:
    with pytest.raises(CorruptPayload):
        contract.codec.decode(noise)


@every_codec
@pytest.mark.parametrize("wrong", [torch.nan, torch.inf, -torch.inf])
def test_what_is_no_number_is_refused_by_name_or_flies_bit_by_bit(contract: Contract, wrong: float) -> None:
    x = torch.tensor([[1.0, wrong, 2.0], [0.0, 1.0, 3.0]])
    if contract.codec.codecs:
        with pytest.raises(ValueError, match=r"nan|inf"):
            contract.codec.encode((x,), None)
    else:  # nothing is computed with the numbers
        assert contract.codec.decode(contract.codec.encode((x,), None)[0])[0].equal(x) or wrong != wrong


@every_codec
def test_the_payload_of_another_codec_is_refused(contract: Contract) -> None:
    for other in CODECS:
        if other.codec != contract.codec:
            payload, _ = other.codec.encode((torch.ones(4),), None)
            with pytest.raises(CorruptPayload, match="other codecs"):
                contract.codec.decode(payload)


@every_codec
def test_received_tensors_are_writable_values_of_their_own(contract: Contract) -> None:
    sent = (torch.linspace(0, 1, 7), torch.linspace(0, 1, 7).double(), torch.arange(5))
    payload, _ = contract.codec.encode(sent, None)
    for x in contract.codec.decode(payload):
        assert not x.requires_grad
        assert x.data_ptr() % 16 == 0
        x.zero_()
    assert contract.codec.encode(sent, None)[0] == payload
    assert not torch.equal(contract.codec.decode(payload)[2], torch.zeros(5))


@every_codec
def test_memory_layout_and_gradients_of_the_sent_tensor_do_not_show(contract: Contract) -> None:
    x = torch.arange(24.0).reshape(2, 3, 4)
    strided = x.permute(2, 0, 1).contiguous().permute(1, 2, 0).requires_grad_()
    assert not strided.is_contiguous()
    assert contract.codec.encode((strided,), None)[0] == contract.codec.encode((x,), None)[0]


@every_codec
def test_what_is_done_to_gradients_is_the_same_in_another_process(contract: Contract) -> None:
    x = torch.linspace(-1, 1, 60).reshape(5, 12)
    payload, _, sender = contract.codec.send((x,), 1)
    _, receiver = contract.codec.receive(payload)
    gradient = x.sin()
    for way in receiver, sender:
        there = pickle.loads(pickle.dumps(way))
        assert there.flops == way.flops
        (gradient,), (expected,) = (each((gradient,)) if each else (gradient,) for each in (there, way))
        assert torch.equal(gradient, expected)


@every_codec
def test_a_dtype_that_cannot_fly_is_refused_by_name(contract: Contract) -> None:
    with pytest.raises(ValueError, match="complex64 cannot be sent: allowed are float16"):
        contract.codec.encode((torch.zeros(2, dtype=torch.complex64),), None)


@every_codec
def test_cost_is_proportional_to_the_elements_unless_a_transform_or_product_costs_more(contract: Contract) -> None:
    shaped = any(isinstance(codec, C3SL | PowerSGD) for codec in contract.codec.codecs)
    for flops in (contract.codec.encode_flops, contract.codec.decode_flops):
        assert flops([(1000,)], [torch.int64]) >= 0.0
        if shaped:
            assert flops([(20, 200)], [torch.float32]) > 2 * flops([(10, 100)], [torch.float32]) > 0.0
        elif len(contract.codec.codecs) <= 1 and contract.codec.lossless is None:
            assert flops([(10, 100)], [torch.float32]) == 1000 * flops([(1,)], [torch.float32]) >= 0.0


@every_codec
def test_a_chain_says_whether_gradients_pass_straight_through_at_both_ends(contract: Contract) -> None:
    random = torch.Generator().manual_seed(0)
    for shape in (16, 64), (8, 4, 6, 6), (5,):
        sent = contract.codec.send((torch.randn(shape, generator=random),), 1)
        received = contract.codec.receive(sent.payload)
        assert contract.codec.straight == (not sent.way_back and not received.way_back)


REGISTERED: list[Any] = [
    *(kind() for kind in get_args(get_args(CodecKind)[0])),
    *(TopK(fraction=0.3, per="sample", gradient=gradient) for gradient in ("kept", "full")),
    RandTopK(gradient="full"),
    RandomK(fraction=1.0),
    *(RandomK(fraction=0.4, scaled=scaled, gradient="full") for scaled in (True, False)),
    *(Dropout(p=p, gradient=gradient) for p in (0.0, 0.5) for gradient in ("kept", "full")),
    Threshold(at_least=0.5, gradient="full"),
    Clustering(subvectors=6, correction=0.1),
    C3SL(ratio=3),
]
VARY = "threshold", "dropout"
"""Codecs that keep as many elements as the values or draws have it."""


@pytest.mark.parametrize("first", REGISTERED, ids=str)
def test_what_gradients_are_on_their_way_back_is_known_in_closed_form_alone_and_in_chains_of_two(first: Any) -> None:
    random = torch.Generator().manual_seed(2)
    message = (
        torch.randn(5, 4, 3, 2, generator=random),
        torch.arange(7),
        torch.randn(7, generator=random).double(),
        torch.zeros(3, 0),
    )
    spec = [tuple(x.shape) for x in message], [x.dtype for x in message]
    for second in (None, *REGISTERED):
        kinds = [first] if second is None else [first, second]
        try:
            codec = chain(kinds)
        except Misfit:
            continue
        if isinstance(first, PowerSGD) and not codec.straight:
            continue  # for updates, whose gradients do not return: they would pass power_sgd in another shape
        sent = codec.send(message, 1)
        received = codec.receive(sent.payload)
        flown = received.way_back(message) if received.way_back else message
        back = sent.way_back(flown) if sent.way_back else flown
        assert [x.shape for x in back] == [x.shape for x in message]
        made = Answer(tuple(tuple(x.shape) for x in flown), sent.way_back.flops, received.way_back.flops)
        varies = any(each.kind in VARY and getattr(each, "p", 1.0) for each in kinds)
        assert codec.answer(*spec) == (None if varies else made), kinds
