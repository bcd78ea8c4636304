"""Clustering of activations: FedLite's grouped product quantisation, with its gradient correction.

Each sample is cut into q sub-vectors, the q positions are put into R groups, and the sub-vectors of a group, over all
samples of the batch, are clustered by K-means. What flies are R codebooks of L centroids and an index of ceil(log2 L)
bits for every sub-vector. R = q is product quantisation, q = 1 is K-means of whole samples; FedLite's point is R = 1.
"""

from __future__ import annotations

from math import gcd, prod
from typing import Annotated, Literal, NamedTuple

from wirelessfsl.codecs.bits import as_key, index_bits, next_key, numbers
from wirelessfsl.codecs.codec import Backward, Coded, Layout, Memory, Opened, Shape, Take, doubt, head_of
from wirelessfsl.codecs.kept import finite, power_of_two, rows_of
from wirelessfsl.codecs.packing import packed, unpacked
from wirelessfsl.codecs.wire import CorruptPayload, restore
from wirelessfsl.lazy import torch
from wirelessfsl.settings import settings
from wirelessfsl.units import BITS_PER_BYTE, Count, Ge, Le, NonNegative

_AT_ONCE = 2**15
"""Distances between points and centroids that are computed at once on a CPU."""
_AT_ONCE_ELSEWHERE = 2**26
"""As many on a device, in half a gigabyte."""


class Grid(NamedTuple):
    """How a tensor is cut: samples, sub-vectors of a sample, numbers of a sub-vector, groups of positions."""

    samples: int
    subvectors: int
    numbers: int
    groups: int


@settings
class Clustering:
    """FedLite's clustering: every sub-vector becomes the nearest of L centroids, learnt from this very tensor.

    Size = codebook itemsize R L d / q + ceil(B q ceil(log2 L) / 8) bytes for B samples of d numbers. |x - x'| is at
    most the range of the values, and 0 if there are no more than L different sub-vectors (from k-means++). Cost n (J (2
    L + 1) + 3 (L - 1)) FLOPs to encode n numbers, the last term for k-means++; 0 to decode. Source: Wang, Qi, Rawat,
    Reddi, Waghmare, Yu, Joshi, FedLite: A Scalable Approach for Federated Learning on Resource-constrained Clients,
    arXiv:2201.11865, 2022; its 490x is d = 9216, B = 20, q = 1152, L = 2, R = 1, and counts 64 bits a number before and
    after.

    subvectors: q, sub-vectors of a sample. Where q does not divide d, numbers are filled up with zeros; where d < q,
        every number is a sub-vector.
    groups: R, groups of neighbouring positions with a codebook each; must divide q. Of a tensor with fewer sub-vectors
        than q the greatest common divisor, or one for each if R = q.
    centroids: L, entries of a codebook, 2-65536.
    iterations: J, steps of Lloyd's algorithm.
    neighbours: what lies side by side in a sub-vector: positions of one channel, as tensors are stored here, or the
        channels of one position, as where channels are stored last. Samples without positions have one order only.
    start: first centroids: k-means++ (Arthur and Vassilvitskii, SODA 2007), or sub-vectors at random.
    codebook: how its numbers fly.
    correction: lambda of the gradient correction. The client adds lambda (z - z') / B to the gradient of its
        activations z, of which the server saw z': the paper's lambda (z - z') for a sample, since the loss is the mean
        over B samples. 0 passes the gradient straight through.

    >>> clustering = Clustering(subvectors=1152, centroids=2, codebook="float64")
    >>> clustering.layout(torch.float64, (20, 9216))[:3], 20 * 9216 * 64 / 24064
    ((128, torch.uint8, (2880,)), 490.21276595744683)
    """

    kind: Literal["clustering"] = "clustering"
    subvectors: Count = 1152
    groups: Count = 1
    centroids: Annotated[int, Ge(2), Le(65536)] = 2
    iterations: Count = 10
    neighbours: Literal["positions", "channels"] = "positions"
    start: Literal["k-means++", "random"] = "k-means++"
    codebook: Literal["float16", "float32", "float64"] = "float32"
    correction: NonNegative = 0.0

    def __post_init__(self) -> None:
        if self.subvectors % self.groups:
            raise ValueError(f"groups: got {self.groups}, must divide subvectors = {self.subvectors}")

    def begin(self, key: int) -> Memory:
        return key

    def encode(self, x: torch.Tensor, memory: Memory) -> Coded:
        shape, key = tuple(x.shape), as_key(memory)
        grid = self._grid(shape)
        flat, doubts = finite("clustering", x.movedim(1, -1) if self._turns(shape) else x)
        if not len(flat):
            return Coded(b"", flat.new_empty(0, dtype=torch.uint8), next_key(key))
        scale = power_of_two(flat)
        points = _points(flat.double() / scale, grid)
        draws = torch.from_numpy(numbers(key).random((self.centroids, grid.groups))).to(x.device)
        first = (spread_start if self.start == "k-means++" else random_start)(points, draws)
        centroids, index = lloyd(points, first, self.iterations)
        codebook = (centroids * scale).to(self._entry)
        doubts += doubt(codebook.isfinite().all(), tuple, self._too_large)
        body = packed(_values(index.unsqueeze(-1), grid).reshape(-1).int(), self._bits)
        return Coded(head_of(codebook), body, next_key(key), self._backward(x, codebook, index, grid), doubts)

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        grid, layout = self._grid(shape), self.layout(dtype, shape)
        codebook = restore(take(layout.head_bytes), self._entry, (grid.groups, self.centroids, grid.numbers))
        if not codebook.isfinite().all():
            raise CorruptPayload("clustering: a codebook with infinite numbers")

        def codes(body: torch.Tensor) -> torch.Tensor:
            return unpacked(body, grid.samples * grid.subvectors, self._bits).long()

        def restored(body: torch.Tensor) -> torch.Tensor:
            if not grid.samples:
                return torch.empty(shape, dtype=dtype, device=body.device)
            index = _points(codes(body), grid._replace(numbers=1)).squeeze(-1)
            return self._looked_up(codebook.to(body.device), index, grid, shape).to(dtype)

        def check(body: torch.Tensor) -> None:
            if len(body) and int(codes(body).max()) >= self.centroids:
                raise CorruptPayload(f"clustering: an index beyond {self.centroids} centroids")

        full = self.centroids == 2**self._bits
        return Opened(torch.uint8, layout.shape, restored, check=None if full else check)

    def layout(self, dtype: torch.dtype, shape: Shape) -> Layout:
        grid = self._grid(shape)
        head = grid.groups * self.centroids * grid.numbers * self._entry.itemsize
        size = -(-grid.samples * grid.subvectors * self._bits // BITS_PER_BYTE)
        return Layout(head, torch.uint8, (size,), near_flops=3.0 * prod(shape) if self.correction else None)

    def encode_flops(self, shape: Shape) -> float:
        start = 3 * (self.centroids - 1) if self.start == "k-means++" else 0
        return float(prod(shape)) * (self.iterations * (2 * self.centroids + 1) + start)

    def decode_flops(self, shape: Shape) -> float:
        return 0.0

    def _too_large(self) -> ValueError:
        return ValueError(f"clustering: a centroid is too large for a codebook of {self.codebook}")

    @property
    def _bits(self) -> int:
        return index_bits(self.centroids)

    @property
    def _entry(self) -> torch.dtype:
        entry: torch.dtype = getattr(torch, self.codebook)
        return entry

    def _grid(self, shape: Shape) -> Grid:
        samples, count = rows_of("sample", shape)
        if not samples * count:
            return Grid(0, 0, 0, 0)
        length = -(-count // self.subvectors)
        subvectors = -(-count // length)
        each_its_own = self.groups == self.subvectors
        return Grid(samples, subvectors, length, subvectors if each_its_own else gcd(self.groups, subvectors))

    def _turns(self, shape: Shape) -> bool:
        """Whether channels have to be moved to the end before samples are cut."""
        return self.neighbours == "channels" and len(shape) > 2

    def _looked_up(self, codebook: torch.Tensor, index: torch.Tensor, grid: Grid, shape: Shape) -> torch.Tensor:
        rows = _values(_at(codebook, index), grid)[:, : rows_of("sample", shape)[1]]
        if self._turns(shape):
            return rows.reshape(shape[0], *shape[2:], shape[1]).movedim(-1, 1).contiguous()
        return rows.reshape(shape).contiguous()

    def _backward(self, x: torch.Tensor, codebook: torch.Tensor, index: torch.Tensor, grid: Grid) -> Backward | None:
        if not self.correction:
            return None
        pull = (self.correction / grid.samples) * (
            x.detach() - self._looked_up(codebook, index, grid, tuple(x.shape)).to(x.dtype)
        )
        return Backward(pull.add, 3.0 * x.numel())


def lloyd(points: torch.Tensor, centroids: torch.Tensor, iterations: int) -> tuple[torch.Tensor, torch.Tensor]:
    """K-means of every group at once: so many times assign each point to the nearest centroid, then take the means.

    A centroid without points moves to the point that is farthest from its own, if it is to be used again.

    points: shape (groups, points, numbers), float64. centroids: shape (groups, centroids, numbers).

    Returns centroids and the index of each point's, shape (groups, points): sums of residuals are zero over each
    cluster. Source: Lloyd, Least Squares Quantization in PCM, IEEE Trans. Inf. Theory 28(2), 1982.

    >>> points = torch.tensor([[[0.0], [1.0], [10.0]]], dtype=torch.float64)
    >>> centroids, index = lloyd(points, points[:, :2], iterations=3)
    >>> centroids.flatten().tolist(), index.tolist()
    ([0.5, 10.0], [[0, 0, 1]])
    """
    index = torch.full(points.shape[:2], -1, device=points.device)
    columns = points.mT.contiguous()
    for step in range(iterations):
        before, index = index, _nearest(columns, centroids)
        sums, sizes = _sums(points, index, centroids.shape[1])
        centroids = torch.where(sizes > 0, sums / sizes.clamp(min=1), centroids)
        changed = (index != before).any()
        if points.is_cpu and not changed:  # nobody looks elsewhere: what follows is the same again
            break
        if step < iterations - 1:
            centroids = _relocated(points, centroids, index, changed & (sizes[..., 0] == 0))
    return centroids, index


def spread_start(points: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """First centroids of k-means++: each is a point, with a probability as its squared distance to the nearest so far.

    points: shape (groups, points, numbers). draws: uniform in [0, 1), shape (centroids, groups).

    Returns shape (groups, centroids, numbers).
    """
    chosen = [random_start(points, draws[:1])]
    apart = points.new_full(points.shape[:2], torch.inf)
    for draw in draws[1:]:
        apart = torch.minimum(apart, (points - chosen[-1]).square_().sum(2))
        reached = apart.cumsum(1)
        at = torch.searchsorted(reached, (draw[:, None] * reached[:, -1:]), right=True)
        chosen.append(_at(points, at.clamp(max=points.shape[1] - 1)))
    return torch.cat(chosen, dim=1)


def random_start(points: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """First centroids that are points at random; as :func:`spread_start`."""
    return _at(points, (draws.mT * points.shape[1]).long())


def _nearest(columns: torch.Tensor, centroids: torch.Tensor) -> torch.Tensor:
    """Index of the nearest centroid of every point, a part of the points at a time so that distances stay in the cache.

    Of |p - c|^2 = |p|^2 - 2 (p c - |c|^2 / 2) only the bracket matters.

    columns: the points, shape (groups, numbers, points).
    """
    half = centroids.square().sum(2, keepdim=True) / 2
    at_once = max((_AT_ONCE if columns.is_cpu else _AT_ONCE_ELSEWHERE) // half.numel(), 1)
    count = columns.shape[2]
    parts = (columns[:, :, at : at + at_once] for at in range(0, count, at_once))
    return torch.cat([torch.baddbmm(half, centroids, part, beta=-1).max(1).indices for part in parts], dim=1)


def _sums(points: torch.Tensor, index: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Sums of the points with each index, shape (groups, count, numbers), and how many, shape (groups, count, 1)."""
    groups, _, numbers = points.shape
    cell = (index + count * torch.arange(groups, device=index.device)[:, None]).flatten()
    sums = points.new_zeros(groups * count, numbers).index_add_(0, cell, points.reshape(-1, numbers))
    sizes = points.new_zeros(groups * count).index_add_(0, cell, points.new_ones(1).expand(len(cell)))
    return sums.view(groups, count, numbers), sizes.view(groups, count, 1)


def _relocated(points: torch.Tensor, centroids: torch.Tensor, index: torch.Tensor, empty: torch.Tensor) -> torch.Tensor:
    """Centroids of which those without points are the points that are farthest from their own, if they are apart."""
    if empty.is_cpu and not empty.any():
        return centroids
    most = int(empty.sum(1).max()) if empty.is_cpu else empty.shape[1]
    apart = (points - _at(centroids, index)).square().sum(2)
    farthest = apart.topk(min(most, apart.shape[1]), dim=1)
    turn = empty.cumsum(1) - 1
    taken = turn.clamp(0, farthest.values.shape[1] - 1)
    worth = empty & (turn == taken) & (farthest.values.gather(1, taken) > 0)
    return torch.where(worth[..., None], _at(points, farthest.indices.gather(1, taken)), centroids)


def _at(points: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Of every group the points with these indices."""
    return points.gather(1, index[..., None].expand(-1, -1, points.shape[2]))


def _points(flat: torch.Tensor, grid: Grid) -> torch.Tensor:
    """Sub-vectors by groups, shape (groups, samples * subvectors / groups, numbers)."""
    samples, subvectors, numbers, groups = grid
    rows = flat.reshape(samples, -1)
    if missing := subvectors * numbers - rows.shape[1]:
        rows = torch.nn.functional.pad(rows, (0, missing))
    each = subvectors // groups
    return rows.reshape(samples, groups, each, numbers).movedim(1, 0).reshape(groups, samples * each, numbers)


def _values(points: torch.Tensor, grid: Grid) -> torch.Tensor:
    """The samples whose sub-vectors these are, one a row."""
    samples, subvectors, _, groups = grid
    each = subvectors // groups
    rows = points.reshape(groups, samples, each, points.shape[2]).movedim(0, 1)
    return rows.reshape(samples, subvectors * points.shape[2])
