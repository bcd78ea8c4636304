"""Clustering: sizes of FedLite's paper, Lloyd's algorithm, and the gradient correction."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from sklearn.cluster import KMeans

from wirelessfsl.codecs.chain import Chain
from wirelessfsl.codecs.clustering import Clustering, lloyd, random_start, spread_start
from wirelessfsl.codecs.wire import frame_bytes
from wirelessfsl.learning.kernels import forward
from wirelessfsl.learning.models import ModelSpec
from wirelessfsl.learning.stage import initial_parts, split

POINTS = [
    # (q, L, R), ratio at d = 9216, B = 20 and 64 bits a number: the paper's 490x and other points by its formula.
    ((1152, 2, 1), 490.21),
    ((288, 2, 1), 1196.9),
    ((576, 2, 1), 869.4),
    ((1152, 4, 1), 245.1),
    ((1152, 8, 1), 161.1),
    ((1152, 32, 1), 89.65),
    ((4608, 2, 1), 127.7),
    ((4608, 8, 1), 42.51),
    ((9216, 2, 1), 63.96),
    ((1152, 2, 8), 377.7),
    ((1152, 2, 1152), 9.81),
    ((1, 10, 1), 2.00),
]


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def through(codec: Clustering, x: torch.Tensor) -> torch.Tensor:
    return Chain((codec,)).decode(Chain((codec,)).encode((x,), 1)[0])[0]


@pytest.mark.parametrize(("point", "ratio"), POINTS)
def test_the_ratios_of_the_paper(point: tuple[int, int, int], ratio: float) -> None:
    q, centroids, groups = point
    codec = Clustering(subvectors=q, centroids=centroids, groups=groups, codebook="float64", iterations=1)
    payload, _ = Chain((codec,)).encode((normal(20, 9216).double(),), 1)
    bits = 8 * (len(payload) - frame_bytes([(20, 9216)]))
    index_bits = (centroids - 1).bit_length()
    assert bits == 64 * 9216 * groups * centroids // q + 20 * q * index_bits
    assert 64 * 20 * 9216 / bits == pytest.approx(ratio, rel=6e-4)


@pytest.mark.parametrize(("codebook", "bits", "ratio"), [("float64", 24_064, 490.21), ("float32", 23_552, 250.43)])
def test_490_needs_64_bits_a_number(codebook: str, bits: int, ratio: float) -> None:
    codec = Clustering(subvectors=1152, centroids=2, codebook=codebook)  # type: ignore[arg-type]
    x = normal(20, 64, 12, 12).to(getattr(torch, codebook))
    payload, _ = Chain((codec,)).encode((x,), 1)
    assert 8 * (len(payload) - frame_bytes([tuple(x.shape)])) == bits
    assert 8 * x.nbytes / bits == pytest.approx(ratio, abs=0.005)


def test_channels_as_neighbours_are_channels_stored_last() -> None:
    x = normal(4, 8, 3, 5)
    rows, channels = (Clustering(subvectors=15, correction=1.0, neighbours=n) for n in ("positions", "channels"))
    last = x.movedim(1, -1).contiguous()
    seen = through(channels, x)
    assert len(seen.movedim(1, -1).reshape(-1, 8).unique(dim=0)) == 2
    assert torch.equal(seen, through(rows, last).movedim(-1, 1))
    way = Chain((channels,)).send((x,), 1)[2]
    assert way is not None
    assert torch.allclose(way((torch.zeros_like(x),))[0], (x - seen) / 4)


def distortion(points: torch.Tensor, centroids: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    chosen = centroids.gather(1, index[..., None].expand(-1, -1, points.shape[2]))
    return (points - chosen).square().sum((1, 2))


@pytest.mark.parametrize("start", [spread_start, random_start])
def test_lloyd_lowers_the_distortion_and_leaves_no_residual_in_any_cluster(start: object) -> None:
    points = normal(3, 400, 4).double()
    first = start(points, torch.rand(9, 3, generator=torch.Generator().manual_seed(1)))  # type: ignore[operator]
    before = torch.full((3,), torch.inf).double()
    for iterations in range(1, 30):
        centroids, index = lloyd(points, first, iterations)
        now = distortion(points, centroids, index)
        assert (now <= before * (1 + 1e-12)).all()
        before = now
        for group in range(3):
            residual = points[group] - centroids[group][index[group]]
            sums = torch.zeros(9, 4).double().index_add_(0, index[group], residual)
            assert sums.abs().max() < 1e-10


def test_every_group_is_clustered_as_if_it_were_alone() -> None:
    points, first = normal(5, 200, 3).double(), normal(5, 7, 3, seed=1).double()
    together = lloyd(points, first, 12)
    for group in range(5):
        alone = lloyd(points[group : group + 1], first[group : group + 1], 12)
        assert torch.allclose(together[0][group], alone[0][0])
        assert torch.equal(together[1][group], alone[1][0])


@pytest.mark.parametrize("count", [2, 5, 32])
def test_it_is_the_k_means_of_scikit_learn_at_equal_starts(count: int) -> None:
    points = normal(1, 3000, 8).double()
    first = spread_start(points, torch.rand(count, 1, generator=torch.Generator().manual_seed(2)))
    theirs = KMeans(count, init=first[0].numpy(), n_init=1, max_iter=300, tol=0).fit(points[0].numpy())
    ours = distortion(points, *lloyd(points, first, 300))
    assert float(ours) == pytest.approx(theirs.inertia_, rel=1e-6)
    # With ten steps and starts of its own, within a few per cent.
    rough = Clustering(subvectors=1, centroids=count)
    lost = (through(rough, points[0]) - points[0]).square().sum()
    assert float(lost) == pytest.approx(theirs.inertia_, rel=0.05)


def test_one_codebook_for_all_positions_or_one_for_each() -> None:
    # Positions with different values: with R = q every position has centroids of its own and loses nothing.
    x = torch.arange(8.0).repeat(6, 1) * 10 + torch.randint(2, (6, 8), generator=torch.Generator().manual_seed(0))
    assert torch.equal(through(Clustering(subvectors=8, groups=8, centroids=2), x), x)
    assert not torch.equal(through(Clustering(subvectors=8, groups=1, centroids=2), x), x)
    assert torch.equal(through(Clustering(subvectors=8, groups=1, centroids=16), x), x)


def test_q_of_1_is_k_means_of_whole_samples() -> None:
    x = torch.cat((normal(5, 6) + 10, normal(5, 6) - 10))
    y = through(Clustering(subvectors=1, centroids=2), x)
    assert torch.allclose(y[:5], x[:5].mean(0))
    assert torch.allclose(y[5:], x[5:].mean(0))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_no_error_with_as_many_centroids_as_different_sub_vectors(dtype: torch.dtype) -> None:
    palette = normal(6, 5).to(dtype)
    x = palette[torch.randint(6, (40,), generator=torch.Generator().manual_seed(0))].reshape(10, 20)
    name = str(dtype).removeprefix("torch.")
    assert torch.equal(through(Clustering(subvectors=4, centroids=6, codebook=name), x), x)  # type: ignore[arg-type]
    assert not torch.equal(through(Clustering(subvectors=4, centroids=5, codebook=name), x), x)  # type: ignore[arg-type]


def test_k_means_by_hand() -> None:
    x = torch.tensor([[0.0, 1.0, 10.0, 12.0]])
    assert through(Clustering(subvectors=4, centroids=2), x).tolist() == [[0.5, 0.5, 11.0, 11.0]]


def test_an_empty_cluster_moves_to_the_point_that_is_worst_off() -> None:
    points = torch.tensor([[[0.0], [0.0], [0.0], [5.0], [6.0]]]).double()
    centroids, index = lloyd(points, torch.zeros(1, 2, 1).double(), 10)
    assert sorted(centroids.flatten().tolist()) == [0.0, 5.5]
    assert index[0, 3] == index[0, 4] != index[0, 0]


def test_sub_vectors_that_do_not_come_out_even() -> None:
    x = normal(3, 10)
    y = through(Clustering(subvectors=4, centroids=64), x)  # 3 numbers each, two zeros behind the last: 12 sub-vectors
    assert torch.allclose(y, x, atol=1e-6)
    assert torch.allclose(through(Clustering(subvectors=1152, groups=8, centroids=32), normal(2, 6)), normal(2, 6))


def test_a_codebook_for_each_stays_one_for_each_where_there_are_fewer_sub_vectors() -> None:
    # d = 21 in 10 sub-vectors are 7 of 3 numbers: 7 codebooks if R = q, else as many as the greatest common divisor.
    each, some = (Clustering(subvectors=10, groups=r, centroids=2) for r in (10, 5))
    assert each.layout(torch.float32, (4, 21)).head_bytes == 7 * 2 * 3 * 4
    assert some.layout(torch.float32, (4, 21)).head_bytes == 1 * 2 * 3 * 4


def test_groups_must_divide_the_sub_vectors() -> None:
    with pytest.raises(ValueError, match="groups: got 5, must divide subvectors = 12"):
        Clustering(subvectors=12, groups=5)


def test_a_centroid_beyond_the_codebook_is_refused() -> None:
    with pytest.raises(ValueError, match="too large for a codebook of float16"):
        through(Clustering(codebook="float16"), torch.full((2, 3), 1e6))


def test_flops_are_those_of_distances_sums_and_start() -> None:
    # J (2 L + 1) and 3 (L - 1) a number; O(L J B d) as the literature has it.
    n = 20 * 9216
    assert Clustering(centroids=2, iterations=10).encode_flops((20, 9216)) == n * (10 * 5 + 3)
    assert Clustering(centroids=8, iterations=3, start="random").encode_flops((20, 9216)) == n * 3 * 17


def client_gradient(correction: float, x: torch.Tensor, w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradient of a linear client z = W x, mean loss h(z') = sum z'^2 / (2 B), and z - z'."""
    chain = Chain((Clustering(subvectors=4, centroids=3, correction=correction),))
    z = x @ w.T
    payload, _, way = chain.send((z,), 1)
    (seen,) = chain.decode(payload)
    (gradient,) = way((seen / len(x),)) if way else (seen / len(x),)
    return gradient.T @ x, z - seen


def test_the_correction_is_lambda_over_b_times_the_residual() -> None:
    x, w = normal(20, 7).double(), normal(12, 7, seed=1).double()
    plain, residual = client_gradient(0.0, x, w)
    for correction in 0.1, 2.0:
        corrected, _ = client_gradient(correction, x, w)
        assert torch.allclose(corrected - plain, correction / 20 * residual.T @ x, atol=1e-12)
    # Its sign: a step against the correction alone brings activations nearer to what the server sees.
    step = w - 0.01 * residual.T @ x
    assert (x @ step.T - (x @ w.T - residual)).square().sum() < residual.square().sum()


def test_without_correction_the_gradient_passes_straight_through() -> None:
    _, _, way = Chain((Clustering(),)).send((normal(4, 8),), 1)
    assert not way
    _, _, way = Chain((Clustering(correction=0.1),)).send((normal(4, 8),), 1)
    assert way.flops == 3 * 32


def test_codebooks_are_learnt_anew_from_every_batch() -> None:
    chain = Chain((Clustering(subvectors=2, centroids=2),))
    first, memory = chain.encode((normal(4, 8),), 1)
    second, _ = chain.encode((normal(4, 8) + 100,), memory)
    assert (chain.decode(second)[0] > 90).all()
    assert (chain.decode(first)[0] < 10).all()


def test_a_codebook_for_everything_loses_nothing_and_may_be_longer_than_the_tensor() -> None:
    x = normal(4, 8)
    codec = Clustering(subvectors=8, centroids=64)
    payload, _ = Chain((codec,)).encode((x,), 1)
    assert torch.equal(through(codec, x), x)
    assert len(payload) - frame_bytes([(4, 8)]) == 64 * 4 + 4 * 8 * 6 // 8 > x.nbytes


def test_the_best_of_several_starts_loses_the_less_the_more_centroids_there_are() -> None:
    points = normal(1, 300, 4).double()
    draws = [torch.rand(32, 1, generator=torch.Generator().manual_seed(seed)) for seed in range(6)]
    best = [
        min(float(distortion(points, *lloyd(points, spread_start(points, each[:count]), 50))) for each in draws)
        for count in (1, 2, 4, 8, 16, 32)
    ]
    assert all(more < 0.9 * fewer for fewer, more in pairwise(best))


def test_of_activations_behind_a_relu_one_codebook_for_all_loses_less_than_one_each_and_is_no_longer() -> None:
    # Empirical: images of random strokes through a convolution, its ReLU and its pooling.
    stages = split(ModelSpec("small_cnn", (1, 8, 8), 10), ("block1",))
    images = (normal(64, 1, 8, 8) > 1).float()
    with torch.inference_mode():
        z = forward(stages[0], initial_parts(stages, 1)[0], images)[1]
    assert (z >= 0).all()
    common, each = (Clustering(subvectors=64, groups=r, centroids=n, iterations=20) for r, n in ((1, 16), (64, 2)))
    sizes = [len(Chain((codec,)).encode((z,), 1)[0]) for codec in (common, each)]
    lost = [float((through(codec, z) - z).square().sum()) for codec in (common, each)]
    assert sizes[0] <= sizes[1]
    assert lost[0] < 0.75 * lost[1]
