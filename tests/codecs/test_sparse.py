"""Sparsification: which elements fly, in how many bytes, and what becomes of the mean."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from wirelessfsl.codecs.bits import as_bitmap, pack_positions, positions_bytes, unpack_positions
from wirelessfsl.codecs.cast import Cast
from wirelessfsl.codecs.chain import Chain
from wirelessfsl.codecs.dropout import Dropout
from wirelessfsl.codecs.sparse import RandomK, RandTopK, Threshold, TopK
from wirelessfsl.codecs.wire import CorruptPayload, frame_bytes, raw

X = torch.tensor([[0.5, -3.0, 0.0], [2.0, -2.0, 1.0]])


def through(chain: Chain, x: torch.Tensor, key: int = 0) -> torch.Tensor:
    return chain.decode(chain.encode((x,), key)[0])[0]


@pytest.mark.parametrize(("fraction", "kept"), [(1 / 6, [-3.0]), (0.5, [-3.0, 2.0, -2.0]), (0.01, [-3.0])])
def test_top_k_keeps_the_greatest_magnitudes_and_of_equal_ones_the_first(fraction: float, kept: list[float]) -> None:
    y = through(Chain((TopK(fraction=fraction),)), X)
    assert y[y != 0].tolist() == kept
    assert torch.equal(y[y != 0], X[y != 0])


@pytest.mark.parametrize(("d", "k"), [(9216, 10), (9216, 92), (1000, 60), (1280, 9), (2, 1)])
def test_top_k_takes_32_bits_and_ceil_log2_d_for_each_of_few_elements(d: int, k: int) -> None:
    payload, _ = Chain((TopK(fraction=k / d),)).encode((torch.randn(d),))
    body_bits = 8 * (len(payload) - 8 - 2 - 4)
    assert body_bits - k * (32 + math.ceil(math.log2(d))) in range(8)  # rounded up to whole bytes


def test_many_positions_fly_as_a_bitmap() -> None:
    # 14 bits each of 9216 positions: beyond 658 the bitmap of 1,152 bytes is shorter.
    assert [as_bitmap(9216, k) for k in (657, 658, 659)] == [False, True, True]
    assert [positions_bytes(9216, k) for k in (10, 657, 658, 9216)] == [18, 1150, 1152, 1152]


@pytest.mark.parametrize("count", [1, 2, 3, 8, 9, 1000, 70_000])
def test_positions_come_back(count: int) -> None:
    rng = np.random.default_rng(count)
    for kept in {0, 1, count // 3, count}:
        positions = np.sort(rng.permutation(count)[:kept])
        packed = raw(pack_positions(torch.from_numpy(positions), count))
        assert len(packed) == positions_bytes(count, kept)
        assert unpack_positions(packed, count, kept).tolist() == positions.tolist()


def test_positions_that_repeat_or_run_out_are_refused() -> None:
    for positions in ([3, 3], [5, 2], [2, 1000]):
        packed = raw(pack_positions(torch.tensor(positions), 1001))
        with pytest.raises(CorruptPayload, match="positions that are not 2 different ones among 1000"):
            unpack_positions(packed, 1000, 2)


def test_random_k_needs_no_positions_and_is_unbiased() -> None:
    chain = Chain((RandomK(fraction=0.25),))
    x = torch.linspace(-1, 2, 40)
    memory, total, square = 7, torch.zeros(40).double(), 0.0
    for _ in range(4000):
        payload, memory = chain.encode((x,), memory)  # type: ignore[assignment]
        y = chain.decode(payload)[0].double()
        total += y
        square += float((y - x).pow(2).sum())
    assert len(payload) == 8 + 2 + 4 + 8 + 10 * 4
    # Each element is 4 x with probability 1/4: standard deviation sqrt(3) |x|; five of them of the mean.
    assert ((total / 4000 - x).abs() <= 5 * math.sqrt(3 / 4000) * x.abs() + 1e-6).all()
    assert square / 4000 == pytest.approx(3 * float(x.double().pow(2).sum()), rel=0.05)


def test_another_message_draws_other_positions_and_the_same_key_the_same() -> None:
    for codec in (RandomK(fraction=0.3), Dropout(p=0.5), RandTopK(fraction=0.3, alpha=0.5)):
        chain = Chain((codec,))
        x = torch.rand(200) + 0.5
        first, memory = chain.encode((x,), 3)
        second, _ = chain.encode((x,), memory)
        again, _ = chain.encode((x,), 3)
        other, _ = chain.encode((x,), 4)
        assert first == again
        assert len({first, second, other}) == 3


def test_two_tensors_of_a_message_draw_apart() -> None:
    x = torch.ones(100)
    a, b = Chain((Dropout(p=0.5),)).decode(Chain((Dropout(p=0.5),)).encode((x, x), 3)[0])
    assert not torch.equal(a, b)


@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.3])
def test_rand_top_k_draws_the_rest_with_probability_alpha(alpha: float) -> None:
    # One element of 101: the greatest with probability 1 - alpha, any of the others with alpha / 100.
    codec, x = RandTopK(fraction=0.0001, alpha=alpha), torch.linspace(0.1, 1.0, 101)
    drawn = [int(codec.encode(x, key).values.item() == x[-1]) for key in range(3000)]
    assert np.mean(drawn) == pytest.approx(1 - alpha, abs=4 * math.sqrt(0.25 / 3000) * (alpha > 0))


def test_rand_top_k_without_chance_is_top_k() -> None:
    x = torch.randn(500, generator=torch.Generator().manual_seed(0))
    assert torch.equal(through(Chain((RandTopK(alpha=0.0),)), x), through(Chain((TopK(),)), x))


def test_a_threshold_keeps_what_is_as_large() -> None:
    payload, _ = Chain((Threshold(at_least=2.0),)).encode((X,))
    assert Chain((Threshold(at_least=2.0),)).decode(payload)[0].tolist() == [[0.0, -3.0, 0.0], [2.0, -2.0, 0.0]]
    assert len(payload) == 8 + 2 + 8 + (4 + 1 + 3 * 4)
    assert Chain((Threshold(),)).size_bytes([(2, 3)], [torch.float32]) is None


@pytest.mark.parametrize("mask", ["seed", "bitmap"])
def test_dropout_is_unbiased_with_relative_variance_p_over_1_minus_p(mask: str) -> None:
    p, x = 0.3, torch.linspace(0.5, 2.0, 20_000)
    y = through(Chain((Dropout(p=p, mask=mask),)), x, key=5)  # type: ignore[arg-type]
    kept = y != 0
    assert torch.allclose(y[kept], x[kept] / (1 - p))
    assert float(kept.double().mean()) == pytest.approx(1 - p, abs=4 * math.sqrt(p * (1 - p) / 20_000))
    relative = float((y - x).double().pow(2).sum() / x.double().pow(2).sum())
    assert relative == pytest.approx(p / (1 - p), rel=0.03)


@pytest.mark.parametrize(("mask", "head"), [("seed", 12), ("bitmap", 125)])
def test_dropout_sends_what_it_keeps_and_its_mask(mask: str, head: int) -> None:
    chain, x = Chain((Dropout(p=0.4, mask=mask),)), torch.ones(1000)  # type: ignore[arg-type]
    payload, _ = chain.encode((x,), 9)
    kept = int((chain.decode(payload)[0] != 0).sum())
    assert len(payload) == 8 + 2 + 4 + head + 4 * kept
    assert 540 < kept < 660


@pytest.mark.parametrize("codec", [TopK(), RandTopK(), RandomK(), Threshold(), Dropout()], ids=lambda codec: codec.kind)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(codec: TopK, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{codec.kind}: got {value}, values must be finite"):
        Chain((codec,)).encode((torch.tensor([1.0, value]),))


def test_scaling_beyond_the_dtype_is_refused() -> None:
    for codec in (RandomK(fraction=0.1), Dropout(p=0.9)):
        with pytest.raises(ValueError, match=r"too large to be multiplied by 10 in torch\.float16"):
            Chain((codec,)).encode((torch.full((1000,), 60_000.0).half(),))


def test_kept_values_are_coded_on_by_the_next_codec() -> None:
    payload, _ = Chain((TopK(fraction=0.5), Cast())).encode((X,))
    assert len(payload) == 8 + 2 + 8 + 1 + 3 * 2
    assert through(Chain((TopK(fraction=0.5), Cast())), X).tolist() == [[0.0, -3.0, 0.0], [2.0, -2.0, 0.0]]


@pytest.mark.parametrize(("samples", "count", "kept"), [(20, 1280, 4), (20, 1280, 2), (64, 300, 9), (3, 9216, 92)])
def test_per_sample_sizes_are_those_of_the_paper(samples: int, count: int, kept: int) -> None:
    # k (32 + ceil(log2 d)) bits a sample (Zheng et al., IJCAI 2023, table 1), positions rounded up to whole bytes once.
    x = torch.randn(samples, count, generator=torch.Generator().manual_seed(1))
    bits = math.ceil(math.log2(count))
    for codec in TopK(fraction=kept / count, per="sample"), RandTopK(fraction=kept / count, per="sample"):
        payload, _ = Chain((codec,)).encode((x,), 1)
        size = samples * kept * 4 + math.ceil(samples * kept * bits / 8)
        assert len(payload) == frame_bytes([(samples, count)]) + size
        (decoded,) = Chain((codec,)).decode(payload)
        assert ((decoded != 0).sum(1) == kept).all()


def test_every_sample_keeps_its_own_greatest() -> None:
    x = torch.tensor([[1.0, -3.0, 2.0, 0.5], [10.0, 20.0, -40.0, 30.0]])
    assert through(Chain((TopK(fraction=0.5, per="sample"),)), x).tolist() == [[0, -3, 2, 0], [0, 0, -40, 30]]
    assert through(Chain((TopK(fraction=0.5),)), x).tolist() == [[0, 0, 0, 0], [10, 20, -40, 30]]
    assert TopK(per="sample").layout(torch.float32, (7,)) == TopK().layout(torch.float32, (7,))


def test_in_evaluation_rand_top_k_is_top_k_and_dropout_is_off() -> None:
    drawing = Chain((RandTopK(fraction=0.5, alpha=0.9), Dropout(p=0.5), Cast()))
    assert drawing.at_test() == Chain((TopK(fraction=0.5), Cast()))
