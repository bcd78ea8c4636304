"""Passes of training one by one: compiled against as they are, and on all threads against one.

A model is cut after its first block; timed are the client's passes forward and backward and the server's, on random
batches. The two sides run in turn and the medians are compared. With --compile also: seconds to compile the three, and
the number of steps after which they are won back. Compiling a second time, from the cache, takes another run of this.

    python benchmarks/passes.py --compile [--models lenet ...] [--batches 32] [--threads 1]
    python benchmarks/passes.py [--models lenet ...] [--batches 8 32 128 512] [--threads 4]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import torch

from wirelessfsl.learning.compiling import Compiled, told
from wirelessfsl.learning.host import keep_freed_memory, torch_threads
from wirelessfsl.learning.models import OF_TEXT, ModelSpec
from wirelessfsl.learning.speed import passes
from wirelessfsl.learning.stage import cut_points_of, outermost

Call = Callable[[], Any]


def spec(name: str) -> ModelSpec:
    text = name in OF_TEXT
    shape = (80,) if text else (1, 28, 28) if name == "lenet" else (3, 32, 32)
    return ModelSpec(name, shape, 80 if text else 10, (), text)


def calls(model: ModelSpec, size: int, compiled: bool = False) -> dict[str, tuple[float, Call]]:
    """FLOPs and call of each pass, after a first call."""
    cut = outermost(cut_points_of(model))[0]
    found: dict[str, tuple[float, Call]] = {}
    for side, what, kernel, args in passes(model, cut, size, compiled):
        call = torch.inference_mode()(partial(kernel, *args))
        call()
        found[f"{side} {what}"] = kernel.flops(*args), call
    return found


def in_turn(one: Call, other: Call, seconds: float) -> tuple[float, float]:
    """Median seconds of both, called in turn for about so long."""
    times: tuple[list[float], list[float]] = [], []
    begin = perf_counter()
    while perf_counter() < begin + seconds or len(times[0]) < 7:
        for call, taken in zip((one, other), times, strict=True):
            start = perf_counter()
            call()
            taken.append(perf_counter() - start)
    return median(times[0]), median(times[1])


def told_of(name: str, size: int, what: str, flops: float, one: float, other: float) -> None:
    print(
        f"{name:17} {size:5} {what:16} {flops:9.2e} {one * 1e3:9.3f} {other * 1e3:9.3f} {one / other:6.2f}", flush=True
    )


def compiling(name: str, size: int, threads: int, seconds: float) -> None:
    with torch_threads(threads):
        plain, compiled = calls(spec(name), size), calls(spec(name), size, compiled=True)
        made, won = told() or Compiled(), 0.0
        for what, (flops, call) in plain.items():
            as_it_is, then = in_turn(call, compiled[what][1], seconds)
            won += as_it_is - then
            told_of(name, size, what, flops, as_it_is, then)
    back = f"won back after {made.seconds / won:,.0f} steps" if won > 0 else "never won back"
    print(f"{name:17} {size:5} compiled {made.passes} in {made.seconds:.1f} s, {made.cached} from the cache; {back}")


def threading(name: str, size: int, threads: int, seconds: float) -> None:
    def on(count: int, call: Call) -> Call:
        def run() -> None:
            with torch_threads(count):
                call()

        return run

    with torch_threads(1):
        for what, (flops, call) in calls(spec(name), size).items():
            one, all_ = in_turn(on(1, call), on(threads, call), seconds)
            told_of(name, size, what, flops, one, all_)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--models", nargs="+", default=["lenet", "resnet8", "resnet18"])
    parser.add_argument("--batches", nargs="+", type=int, default=[32])
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each pass (default 2)")
    args = parser.parse_args()
    keep_freed_memory()
    sides = ("as it is", "compiled") if args.compile else ("one", "all")
    print(f"{'model':17} {'batch':>5} {'pass':16} {'FLOPs':>9} {sides[0]:>9} {sides[1]:>9}  ratio (ms, medians)")
    for name in args.models:
        for size in args.batches:
            if args.compile:
                compiling(name, size, args.threads or 1, args.seconds)
            else:
                threading(name, size, args.threads or 4, args.seconds)


if __name__ == "__main__":
    main()
