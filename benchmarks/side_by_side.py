"""How benchmarks compare: loops in turn in one run, and the ratios of what was measured together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from multiprocessing import get_context
from statistics import median
from time import perf_counter

import torch

from wirelessfsl.learning.kernels import Kernel, blank

Loop = Callable[[], float]
"""Does its work and returns client-steps per second."""


def spin(x: torch.Tensor, busy_s: float) -> torch.Tensor:
    """A small tensor after so many seconds of work."""
    end = perf_counter() + busy_s
    while perf_counter() < end:
        pass
    return x + 1.0


SPIN = Kernel("spin", "client_forward", spin, lambda *_: 0.0, lambda *_: blank((1,), torch.float32))
"""A kernel that keeps a core busy; here, so that other processes find it."""


def in_turn(loops: Mapping[str, Loop], repeats: int) -> dict[str, list[float]]:
    """Speeds of each loop, one after the other and all of them again, so that a busy moment hits them alike."""
    speeds: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(repeats):
        for name, loop in loops.items():
            speeds[name].append(loop())
    return speeds


def ratio(speeds: Sequence[float], others: Sequence[float]) -> str:
    """Median of the ratios within a turn, and the smallest and the largest."""
    ratios = [a / b for a, b in zip(speeds, others, strict=True)]
    return f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def forked(copies: int, loop: Loop) -> float:
    """Speed of copies of a loop at once, each a process on one torch thread: so many times that of the slowest.

    What so many cores can do at best: the copies do not talk to each other.
    """
    context = get_context("fork")
    start, speeds = context.Barrier(copies), context.SimpleQueue()

    def copy() -> None:
        torch.set_num_threads(1)
        start.wait()
        speeds.put(loop())

    processes = [context.Process(target=copy, daemon=True) for _ in range(copies)]
    for process in processes:
        process.start()
    slowest = min(speeds.get() for _ in processes)
    for process in processes:
        process.join()
    return copies * slowest
