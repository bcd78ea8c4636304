"""C3-SL: the ratio is exactly R both ways, and what comes back is the sample and noise."""

from __future__ import annotations

import math

import pytest
import torch

from wirelessfsl.codecs.bits import numbers
from wirelessfsl.codecs.c3_sl import C3SL
from wirelessfsl.codecs.chain import Chain
from wirelessfsl.codecs.wire import frame_bytes


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("samples", "ratio", "flown"), [(32, 1, 32), (32, 2, 16), (32, 16, 2), (20, 8, 3), (3, 8, 1)])
def test_the_ratio_is_exactly_r(samples: int, ratio: int, flown: int) -> None:
    x = normal(samples, 6, 5)
    payload, _ = Chain((C3SL(ratio=ratio),)).encode((x,))
    assert len(payload) - frame_bytes([tuple(x.shape)]) == 4 * flown * 30


def by_definition(x: torch.Tensor, ratio: int, seed: int) -> torch.Tensor:
    """S_n = sum over i and m of k_i[m] z_i[n - m], and z'_i[n] = sum over m of k_i[m] S[n + m], indices modulo D."""
    count = x.shape[1]
    keys = torch.from_numpy(numbers(seed).standard_normal((ratio, count)))
    keys /= keys.norm(dim=1, keepdim=True)
    out = torch.zeros_like(x)
    for first in range(0, len(x), ratio):
        group = x[first : first + ratio]
        bound = torch.zeros(count, dtype=x.dtype)
        for key, z in zip(keys, group, strict=False):
            for n in range(count):
                bound[n] += sum(key[m] * z[(n - m) % count] for m in range(count))  # type: ignore[index]
        for i, key in enumerate(keys[: len(group)]):
            for n in range(count):
                out[first + i, n] = sum(key[m] * bound[(n + m) % count] for m in range(count))  # type: ignore[index]
    return out


def test_it_is_circular_convolution_and_correlation() -> None:
    x = normal(5, 7).double()
    chain = Chain((C3SL(ratio=3, seed=4),))
    assert torch.allclose(chain.decode(chain.encode((x,))[0])[0], by_definition(x, 3, 4))


@pytest.mark.parametrize("ratio", [1, 2, 4, 8])
def test_correlation_is_one_over_the_root_of_one_plus_r(ratio: int) -> None:
    x = normal(64, 4096)
    chain = Chain((C3SL(ratio=ratio),))
    (y,) = chain.decode(chain.encode((x,))[0])
    correlation = torch.nn.functional.cosine_similarity(x, y).mean()
    assert float(correlation) == pytest.approx(1 / math.sqrt(1 + ratio), rel=0.03)
    assert float((y - x).square().sum() / x.square().sum()) == pytest.approx(ratio, rel=0.06)


def test_the_gradient_is_exact_and_flies_r_times_smaller() -> None:
    # The whole is linear: x -> K^T K x with K the binding, whose gradient for g is K^T K g.
    x, gradient = normal(7, 10).double(), normal(7, 10, seed=1).double()
    chain = Chain((C3SL(ratio=3),))
    payload, _, sender = chain.send((x,))
    (y,), receiver = chain.receive(payload)
    (returned,) = receiver((gradient,))
    (back,) = sender((returned,))
    assert tuple(returned.shape) == (3, 10)
    assert back.shape == x.shape
    for i, j in (0, 0), (4, 7), (6, 9):
        moved = x.clone()
        moved[i, j] += 1.0
        (z,) = chain.decode(chain.encode((moved,))[0])
        assert float((gradient * (z - y)).sum()) == pytest.approx(float(back[i, j]))
    assert receiver.flops == sender.flops == C3SL(ratio=3).encode_flops((7, 10))


def test_keys_are_made_from_the_seed() -> None:
    x = normal(4, 16)
    payloads = {seed: Chain((C3SL(seed=seed),)).encode((x,))[0] for seed in (1, 2)}
    assert payloads[1][20:] != payloads[2][20:]
    assert payloads[1] == Chain((C3SL(seed=1),)).encode((x,))[0]


def test_flops_by_hand() -> None:
    # 32 transforms of samples and 8 of sums, 2.5 D log2 D each; 4 more FLOPs a number for products and sums.
    assert C3SL(ratio=4).encode_flops((32, 1024)) == 40 * 2.5 * 1024 * 10 + 4 * 32 * 1024
