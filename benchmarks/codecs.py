"""Host speed of the codecs: MB/s of the raw tensor through encode and decode, against copying the same tensor.

A chain is timed whole, with frame and checksum, on one torch thread. numpy.copy is timed in turn with it, and so are
the bare libraries: K-means of scikit-learn and of faiss (if it is installed) with as many steps on the same
sub-vectors, and Zstandard on the same bytes. A ratio is the median over the repeats of speed over that of the copy,
which stays in the cache if the tensor does.

    python benchmarks/codecs.py [--repeats 15] [--quick] [--only quantize] [--profile]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter
from typing import Any

import torch
from sklearn.cluster import KMeans  # before the number of threads is set
from threadpoolctl import threadpool_limits

from wirelessfsl.codecs.c3_sl import C3SL
from wirelessfsl.codecs.cast import Cast
from wirelessfsl.codecs.chain import Chain, Link, chain
from wirelessfsl.codecs.clustering import Clustering
from wirelessfsl.codecs.dropout import Dropout
from wirelessfsl.codecs.identity import Identity
from wirelessfsl.codecs.lossless import Deflate, RangeCoder, Zstd, zstd
from wirelessfsl.codecs.measure import sample
from wirelessfsl.codecs.power_sgd import PowerSGD
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.codecs.sparse import RandomK, RandTopK, Threshold, TopK
from wirelessfsl.codecs.stochastic import QSGD, Sign, Ternary
from wirelessfsl.learning.host import keep_freed_memory

SHAPES = {"activation": (20, 9216), "update": (1000, 1000)}
STEPS, SUBVECTORS = 10, 1152
WARM_UP = 3
CODECS: dict[str, list[Link]] = {
    "identity": [Identity()],
    "cast float16": [Cast()],
    "quantize 8": [Quantize(bits=8)],
    "quantize 4": [Quantize(bits=4)],
    "quantize 1": [Quantize(bits=1)],
    "quantize 8, per sample": [Quantize(bits=8, per="sample")],
    "qsgd 127": [QSGD(levels=127)],
    "sign": [Sign()],
    "ternary": [Ternary()],
    "top_k 10 %": [TopK(fraction=0.1)],
    "rand_top_k 10 %": [RandTopK(fraction=0.1)],
    "random_k 10 %": [RandomK(fraction=0.1)],
    "threshold 1.645": [Threshold(at_least=1.645)],  # a tenth of standard normal numbers
    "dropout 0.5": [Dropout(p=0.5)],
    "c3_sl R=4": [C3SL(ratio=4)],
    "power_sgd rank 2": [PowerSGD(rank=2)],
    "deflate": [Deflate()],
    "zstd": [Zstd()],
    "quantize 8, range_coder": [Quantize(bits=8), RangeCoder()],
    "top_k 10 %, quantize 8, deflate": [TopK(fraction=0.1), Quantize(bits=8), Deflate()],
    **{
        f"clustering q={SUBVECTORS} L={centroids}": [
            Clustering(subvectors=SUBVECTORS, centroids=centroids, iterations=STEPS)
        ]
        for centroids in (2, 32)
    },
}

Timed = Callable[[], object]


def in_turn(timed: Sequence[Timed], repeats: int) -> list[list[float]]:
    """Seconds of each function, called one after the other again and again."""
    seconds: list[list[float]] = [[] for _ in timed]
    for repeat in range(-WARM_UP, repeats):
        for each, kept in zip(timed, seconds, strict=True):
            begin = perf_counter()
            each()
            if repeat >= 0:
                kept.append(perf_counter() - begin)
    return seconds


def bare(name: str, x: torch.Tensor) -> dict[str, tuple[Timed, Timed | None]]:
    """What a library does without the package: its name, its way there and its way back."""
    if name == "zstd":
        body = x.numpy().tobytes()
        packed = zstd.compress(body, Zstd().level)
        return {"  bare zstd": (lambda: zstd.compress(body, Zstd().level), lambda: zstd.decompress(packed))}
    if not name.startswith("clustering"):
        return {}
    (codec,) = CODECS[name]
    assert isinstance(codec, Clustering)
    # The codec's own sub-vectors: 8 numbers of the activation, one number of the update, whose rows have but 1000.
    length = -(-x.shape[1] // codec.subvectors)
    points = x.numpy().reshape(-1, length)
    found: dict[str, tuple[Timed, Timed | None]] = {}

    def scikit_learn() -> Any:
        return KMeans(codec.centroids, n_init=1, max_iter=STEPS, tol=0.0, random_state=1).fit(points).labels_

    found["  scikit-learn KMeans"] = scikit_learn, None
    try:
        import faiss
    except ImportError:
        return found
    faiss.omp_set_num_threads(1)

    def faiss_kmeans() -> Any:
        kmeans = faiss.Kmeans(
            length,
            codec.centroids,
            niter=STEPS,
            nredo=1,
            seed=1,
            max_points_per_centroid=len(points),
            min_points_per_centroid=1,
        )
        kmeans.train(points)
        return kmeans.index.search(points, 1)

    found["  faiss.Kmeans"] = faiss_kmeans, None
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="three repeats")
    parser.add_argument("--only", default="", help="codecs whose name has this in it")
    parser.add_argument("--profile", action="store_true", help="print where the time of encoding goes")
    args = parser.parse_args()
    repeats = 3 if args.quick else args.repeats
    torch.set_num_threads(1)
    keep_freed_memory()  # as a run does
    print(f"MB/s of the raw float32 tensor, one thread, median of {repeats} in turn with numpy.copy")
    with threadpool_limits(1):
        _report_all(args.only, repeats, args.profile)


def _report_all(only: str, repeats: int, profile: bool) -> None:
    for what, shape in SHAPES.items():
        x = sample(shape, "float32", seed=0)
        raw_mb = x.numel() * x.element_size() / 1e6
        print(f"\n{f'{what}, ' + ' x '.join(map(str, shape)):34}  payload B  encode  of copy  decode  of copy    copy")
        for name, links in CODECS.items():
            if only in name:
                _report(name, chain(links), x, raw_mb, repeats)
                if profile:
                    _profile(chain(links), x)


def _report(name: str, coded: Chain, x: torch.Tensor, raw_mb: float, repeats: int) -> None:
    array = x.numpy()
    payload, _ = coded.encode((x,), 1)
    further = bare(name, x)
    ways: list[tuple[str, int | None, Timed, Timed | None]] = [
        (name, len(payload), lambda: coded.encode((x,), 1), lambda: coded.decode(payload)),
        *((other, None, there, back) for other, (there, back) in further.items()),
    ]
    functions: list[Timed] = [array.copy]
    functions += [way for _, _, there, back in ways for way in (there, back) if way is not None]
    copied, *others = in_turn(functions, repeats)
    seconds = iter(others)
    for label, size, _, back in ways:
        there_cell = _cell(next(seconds), copied, raw_mb)
        back_cell = _cell(next(seconds), copied, raw_mb) if back else " " * len(there_cell)
        print(f"{label:34}  {size or '':9}  {there_cell}  {back_cell}  {raw_mb / median(copied):6.0f}", flush=True)


def _cell(taken: list[float], copied: list[float], raw_mb: float) -> str:
    ratio = median(copy / own for copy, own in zip(copied, taken, strict=True))
    speed = raw_mb / median(taken)
    return f"{speed:6.{0 if speed >= 100 else 1}f}  {ratio:7.4f}"


def _profile(coded: Chain, x: torch.Tensor) -> None:
    import cProfile
    import pstats

    with cProfile.Profile() as profile:
        for _ in range(20):
            coded.encode((x,), 1)
    pstats.Stats(profile, stream=sys.stdout).sort_stats("tottime").print_stats(12)


if __name__ == "__main__":
    main()
