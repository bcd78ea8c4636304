"""QSGD, sign and ternary: bytes by hand, and the mean and variance that their papers state."""

from __future__ import annotations

import math
import struct

import pytest
import torch

from wirelessfsl.codecs.chain import Chain
from wirelessfsl.codecs.codec import Codec
from wirelessfsl.codecs.stochastic import QSGD, Sign, Ternary

MESSAGES = 4000


def draws(codec: Codec, x: torch.Tensor) -> torch.Tensor:
    """Decoded values of many messages of one link, shape (messages, n)."""
    chain, memory, decoded = Chain((codec,)), 11, []
    for _ in range(MESSAGES):
        payload, memory = chain.encode((x,), memory)  # type: ignore[assignment]
        decoded.append(chain.decode(payload)[0].double())
    return torch.stack(decoded)


def body(codec: Codec, x: torch.Tensor) -> bytes:
    return Chain((codec,)).encode((x,), 3)[0][8 + 2 + 4 * x.ndim :]


def test_qsgd_of_whole_levels_byte_by_byte() -> None:
    # |x| = 5, s = 5: levels 3, 4 and 0 without chance; sign in the lowest of 1 + 3 bits.
    assert body(QSGD(levels=5), torch.tensor([3.0, -4.0, 0.0])) == struct.pack("<f", 5.0) + bytes([0x96, 0x00])


@pytest.mark.parametrize("levels", [1, 2, 3, 4, 7, 8, 127, 128, 32767])
def test_qsgd_takes_a_sign_and_a_level_of_fixed_width_an_element(levels: int) -> None:
    for n in (0, 1, 50, 1001):
        size = Chain((QSGD(levels=levels),)).size_bytes([(n,)], [torch.float32])
        assert size == 8 + 2 + 4 + 4 + math.ceil(n * (1 + math.ceil(math.log2(levels + 1))) / 8)


@pytest.mark.parametrize(("levels", "bound"), [(1, 7.07), (4, 1.77), (16, 0.195), (255, 0.00077)])
def test_qsgd_is_unbiased_with_its_variance_below_the_papers_bound(levels: int, bound: float) -> None:
    # min(n / s^2, sqrt(n) / s) |x|^2 for n = 50: Alistarh et al. 2017, lemma 3.1.
    n = 50
    assert min(n / levels**2, math.sqrt(n) / levels) == pytest.approx(bound, rel=0.01)
    x = torch.randn(n, generator=torch.Generator().manual_seed(1))
    y = draws(QSGD(levels=levels), x)
    relative = float((y - x).pow(2).sum(1).mean() / x.double().pow(2).sum())
    assert 0 < relative < bound
    # By hand: a level's fraction f has the variance f (1 - f) (|x| / s)^2.
    scaled = x.double().abs() / x.double().norm() * levels
    f = scaled - scaled.floor()
    expected = float((f * (1 - f)).sum() / levels**2)
    assert relative == pytest.approx(expected, rel=0.05)
    deviation = (f * (1 - f)).sqrt() * x.double().norm() / levels
    assert ((y.mean(0) - x).abs() <= 5 * deviation / math.sqrt(MESSAGES) + 1e-6 * x.abs()).all()


def test_sign_is_one_bit_and_the_mean_magnitude() -> None:
    x = torch.tensor([1.0, -3.0, 0.0, -2.0])
    assert body(Sign(), x) == struct.pack("<f", 1.5) + bytes([0b0101])
    chain = Chain((Sign(),))
    assert chain.decode(chain.encode((x,))[0])[0].tolist() == [1.5, -1.5, 1.5, -1.5]
    assert chain.size_bytes([(20, 9216)], [torch.float32]) == 8 + 2 + 8 + 4 + 20 * 9216 // 8


def test_ternary_is_five_elements_a_byte_and_unbiased() -> None:
    assert Chain((Ternary(),)).size_bytes([(1001,)], [torch.float32]) == 8 + 2 + 4 + 4 + 201
    # The greatest magnitudes are certain, zeros too: digits 1, 2, 0, 0, 1 are 1 + 2 x 3 + 81.
    x = torch.tensor([2.0, -2.0, 0.0, 0.0, 2.0])
    assert body(Ternary(), x) == struct.pack("<f", 2.0) + bytes([1 + 6 + 81])
    x = torch.linspace(-1, 1, 21)
    y = draws(Ternary(), x)
    assert set(y.unique().tolist()) == {-1.0, 0.0, 1.0}
    p = x.double().abs()
    assert ((y.mean(0) - x).abs() <= 5 * (p * (1 - p) / MESSAGES).sqrt() + 1e-9).all()


@pytest.mark.parametrize("codec", [QSGD(), Sign(), Ternary()], ids=lambda codec: codec.kind)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(codec: Codec, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{codec.kind}: got {value}, values must be finite"):
        Chain((codec,)).encode((torch.tensor([1.0, value]),))


def test_a_scale_beyond_float32_is_refused() -> None:
    x = torch.full((4,), 3e38)
    with pytest.raises(ValueError, match="qsgd: values whose scale is 6e\\+38 are too large"):
        Chain((QSGD(),)).encode((x,))
    assert Chain((QSGD(),)).decode(Chain((QSGD(),)).encode((x.double(),))[0])[0].dtype == torch.float64


def test_the_greatest_half_precision_numbers_do_not_become_infinite() -> None:
    x = torch.tensor([65504.0, 65504.0]).half()
    for key in range(20):
        payload, _ = Chain((QSGD(levels=3),)).encode((x,), key)
        assert Chain((QSGD(levels=3),)).decode(payload)[0].isfinite().all()
