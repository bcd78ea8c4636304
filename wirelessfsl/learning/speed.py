"""How quick this machine is: the kernels of a model's pieces timed as they run in training.

A client's piece is timed forward and backward (with the step of plain SGD), a server's in the one pass that it makes.
Inputs are standard normal numbers, or whole numbers for text. Each kernel runs a few times first; of the runs that
follow the median counts, and the spread between quartiles is told. Left out: loading of data, coding, and other loads
on the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median, quantiles
from time import perf_counter
from typing import Any, NamedTuple

from wirelessfsl.lazy import torch
from wirelessfsl.learning.host import keep_freed_memory, torch_threads
from wirelessfsl.learning.kernels import Kernel, backward, forward, serve, train
from wirelessfsl.learning.models import ModelSpec
from wirelessfsl.learning.optim import SGD
from wirelessfsl.learning.stage import initial_parts, split

WARM_UP = 3
"""Runs that do not count."""

Clock = Callable[[], float]


class Timed(NamedTuple):
    """One pass of one piece of a model, on one batch.

    cut: module that the model is cut after; empty for the whole model. side: ``client`` or ``server``. what:
    ``forward``, ``backward``, or ``step`` for both in one. flops: of the pass. seconds: median. spread_s: between the
    first and the third quartile.
    """

    cut: str
    side: str
    what: str
    flops: float
    seconds: float
    spread_s: float

    @property
    def flops_per_s(self) -> float:
        """Sustained speed."""
        return self.flops / self.seconds


def threads_of_torch() -> int:
    """Threads that one torch operation takes if nobody says otherwise."""
    return int(torch.get_num_threads())


def time_cuts(
    model: ModelSpec,
    cuts: tuple[str, ...],
    batch_size: int,
    repeats: int,
    threads: int,
    clock: Clock = perf_counter,
) -> list[Timed]:
    """Times of the whole model's training step, and of both pieces at every cut.

    model: what is timed. cuts: modules after which it is cut, one at a time. batch_size: samples of a batch.
    repeats: runs that count, >= 2. threads: of one torch operation. clock: seconds; the machine's.

    Raises ValueError for a cut that does not exist; the message lists those that do.
    """
    keep_freed_memory()
    with torch_threads(threads):
        return [
            Timed(cut, side, what, kernel.flops(*args), *_quartiles(kernel, args, repeats, clock))
            for cut in ("", *cuts)
            for side, what, kernel, args in passes(model, cut, batch_size)
        ]


def passes(
    model: ModelSpec, cut: str, batch_size: int, compiled: bool = False
) -> Iterator[tuple[str, str, Kernel, tuple[Any, ...]]]:
    """Side, name, kernel and arguments of each pass of a model; of the whole model if the cut is empty.

    compiled: whether they are (:mod:`wirelessfsl.learning.compiling`).
    """
    random, rule = torch.Generator().manual_seed(0), SGD()
    stages = split(model, (cut,) if cut else (), compiled)
    parts = [part.begin(rule, 0) for part in initial_parts(stages, 0)]
    if model.tokens:
        x = torch.randint(model.classes, (batch_size, *model.shape), generator=random)
    else:
        x = torch.randn(batch_size, *model.shape, generator=random)
    y = torch.randint(model.classes, (batch_size,), generator=random)
    if not cut:
        yield "client", "step", train, (stages[0], rule, parts[0], x, y)
        return
    yield "client", "forward", forward, (stages[0], parts[0], x)
    part, smashed, tape = _run(forward, stages[0], parts[0], x)
    yield "server", "step", serve, (stages[1], rule, parts[1], smashed, y)
    _, gradient, _ = _run(serve, stages[1], rule, parts[1], smashed, y)
    yield "client", "backward", backward, (stages[0], rule, part, tape, x, gradient)


def _quartiles(kernel: Kernel, args: tuple[Any, ...], repeats: int, clock: Clock) -> tuple[float, float]:
    """Median seconds, and seconds between the quartiles."""
    for _ in range(WARM_UP):
        _run(kernel, *args)
    seconds = []
    for _ in range(repeats):
        begin = clock()
        _run(kernel, *args)
        seconds.append(clock() - begin)
    first, _, third = quantiles(seconds, method="inclusive")
    return median(seconds), third - first


def _run(kernel: Kernel, *args: Any) -> Any:
    with torch.inference_mode():
        return kernel(*args)
