"""Which executor a run gets: by name, or by what there is to compute and what the host has.

Results do not depend on the choice (stacked kernels round otherwise), so it is about the host's time alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from wirelessfsl.footprint import Footprint, footprint
from wirelessfsl.learning.executors.contract import Executor
from wirelessfsl.learning.executors.names import EXECUTORS
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.executors.shapes import ShapesOnly
from wirelessfsl.learning.executors.stacked import WIDTH, Stacked
from wirelessfsl.learning.stage import Stage
from wirelessfsl.learning.threads import cores
from wirelessfsl.scenario import Scenario, dataset_of, model_of
from wirelessfsl.scenario.problems import near

ENOUGH_FLOPS = 3e11
"""Of a run's training for worker processes to pay: some ten seconds of a core, where starting them takes two."""


class Wish(NamedTuple):
    """What a user wants of the executor.

    name: one of wirelessfsl.learning.executors.names. workers: how many; None for as many as there are cores. address:
    of a Ray cluster; None for a Ray of this machine. because: why, as the manifest tells it.
    """

    name: str = "auto"
    workers: int | None = None
    address: str | None = None
    because: str = "asked for"


@contextmanager
def at_work(wish: Wish | Executor | None, scenario: Scenario, timing_only: bool) -> Iterator[tuple[Executor, str]]:
    """The executor of a run, and why it is this one; closed at the end, unless it was given. None is sequential.

    Raises ValueError for a name that there is not, for workers where there are none, for what is not installed or has
    no effect, TypeError for a name that is in no Wish.
    """
    if isinstance(wish, str):
        raise TypeError(f"executor: got {wish!r}, give wirelessfsl.executing.Wish({wish!r})")
    executor: Executor
    if timing_only:
        if wish not in (None, Wish()):
            raise ValueError("executor: no kernel runs where only times are played; leave it out")
        executor, why = ShapesOnly(), "timing only: no kernel runs, results are shapes"
    elif wish is None or isinstance(wish, Wish):
        executor, why = _made(wish, scenario)
    else:
        yield wish, "given"
        return
    try:
        yield executor, why
    finally:
        executor.close()


def _made(wish: Wish | None, scenario: Scenario) -> tuple[Executor, str]:
    wish = settled(wish or Wish("sequential", because="the default"), scenario)
    name, why, device = wish.name, wish.because, scenario.host.device
    if name not in EXECUTORS:
        raise ValueError(f"executor: got {name!r}{near(name, EXECUTORS)}, allowed: {', '.join(EXECUTORS)}")
    if wish.address is not None and name != "ray":
        raise ValueError(f"executor: {name} runs on this machine; take ray, or leave the address out")
    if name in ("processes", "ray"):
        if device != "cpu":
            raise ValueError(f"executor: {name} is for processors; on {device} take stacked, or leave host.device out")
        if name == "ray":
            from wirelessfsl.learning.executors.cluster import Ray

            return Ray(wish.address, wish.workers), why
        from wirelessfsl.learning.executors.processes import Processes

        return Processes(wish.workers), why
    if wish.workers is not None:
        raise ValueError(f"executor: {name} has no workers; leave their number out")
    if name == "stacked":
        if scenario.host.compile:
            raise ValueError(
                "host.compile: has no effect on kernels that are stacked; leave it out, or take sequential"
            )
        return Stacked(device), why
    if device == "cpu":
        return Sequential(), why
    return Stacked(device, width=1), f"{why}: sequential, which on {device} is stacks of one kernel"


def settled(wish: Wish, scenario: Scenario, available: int | None = None) -> Wish:
    """A wish that leaves nothing open: for auto what suits, with as many workers as there is memory for.

    available: bytes of memory that the host can give; None if nobody knows.

    Raises ValueError for less than one worker.
    """
    if wish.workers is not None and wish.workers < 1:
        raise ValueError(f"executor: got {wish.workers} workers, must be at least 1")
    if wish.name != "auto":
        return wish
    name, why = chosen(scenario, wish.workers)
    if name != "processes":
        return wish._replace(name=name, workers=None, because=why)
    if available is not None:
        counts = range(1, (wish.workers or cores()) + 1)
        fit = bisect_right(counts, float(available), key=lambda count: needs(Wish(name, count), scenario).total)
        if fit < 2:
            return wish._replace(name="sequential", workers=None, because=f"{why}, but no memory for 2 workers")
        if fit < len(counts):
            return wish._replace(name=name, workers=fit, because=f"{why}, memory for {fit} workers")
    return wish._replace(name=name, because=why)


def needs(wish: Wish | Executor | None, scenario: Scenario, timing_only: bool = False) -> Footprint:
    """What a run takes of the host's memory."""
    how = wish, scenario, timing_only
    return footprint(scenario, dataset_of(scenario), timing_only, workers_of(*how), width_of(*how))


def name_of(executor: Executor) -> str:
    """What an executor is called in manifests and to users."""
    return "shapes_only" if isinstance(executor, ShapesOnly) else type(executor).__name__.lower()


def workers_of(wish: Wish | Executor | None, scenario: Scenario, timing_only: bool) -> int:
    """Worker processes that the executor of a run will have, unless it was given."""
    if timing_only or not isinstance(wish, Wish):
        return 0
    wish = settled(wish, scenario)
    return wish.workers or cores() if wish.name in ("processes", "ray") and wish.address is None else 0


def width_of(wish: Wish | Executor | None, scenario: Scenario, timing_only: bool) -> int:
    """Clients whose kernels the executor of a run computes at once in the host's memory, unless it was given."""
    asked = isinstance(wish, Wish) and wish.name == "stacked" and scenario.host.device == "cpu"
    return WIDTH if asked and not timing_only else 1


def chosen(scenario: Scenario, workers: int | None = None) -> tuple[str, str]:
    """The executor that suits a scenario on this host, and why.

    workers: that may be used; by default as many as there are cores.
    """
    s, several = scenario, workers or cores()
    host = f"{several} {'worker' if workers else 'core'}{'s' * (several > 1)}"
    if s.host.device != "cpu":
        return "stacked", f"the model is computed on {s.host.device}"
    if not s.has_clients or getattr(s.algorithm, "pace", "") == "in_turn":
        return "sequential", "nothing is trained side by side"
    if several == 1 or s.data.clients == 1:
        return "sequential", f"{host}, {s.data.clients} client{'s' * (s.data.clients > 1)}"
    flops = training_flops(s)
    told = f"{flops:.1e} FLOPs of training, {host}"
    return ("processes", told) if flops >= ENOUGH_FLOPS else ("sequential", f"only {told}")


def training_flops(s: Scenario) -> float:
    """FLOPs of a run's training: whole passes of the model for every batch of every client that takes part."""
    each = Stage(model_of(s, dataset_of(s))).flops(getattr(s.algorithm, "batch_size", 16))
    taking = getattr(s.participation.choice, "fraction", 1.0) * s.data.clients
    batches = s.algorithm.rounds * getattr(s.algorithm, "local_steps", 1) * taking
    return batches * (each.forward + each.backward)
