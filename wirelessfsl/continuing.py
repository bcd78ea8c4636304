"""A run between two rounds: what it takes to go on with it, of engine, scheme, evaluation and host together."""

from __future__ import annotations

from time import perf_counter
from typing import Any, ClassVar, NamedTuple, Protocol

from wirelessfsl.engine import checkpoint
from wirelessfsl.engine.kept import keep_on, kept
from wirelessfsl.engine.world import World
from wirelessfsl.learning.executors.contract import Executor
from wirelessfsl.learning.keeping import Tensors, pack, unpack

Packed = tuple[Any, Tensors]
"""A run between two rounds: a tree, and the tensors that it names (:mod:`wirelessfsl.learning.keeping`)."""


class Spent(NamedTuple):
    """What a run has cost the host: seconds, those of them in kernels and evaluation, and kernels."""

    wall_s: float = 0.0
    busy_s: float = 0.0
    kernels: int = 0


class Evaluating(Protocol):
    """What evaluates between rounds, in ``host_s`` seconds of the host so far."""

    KEPT: ClassVar[tuple[str, ...]]
    host_s: float


class Going:
    """A run that goes on from here."""

    def __init__(self, world: World, executor: Executor, evaluator: Evaluating) -> None:
        self.world, self.executor, self.evaluator = world, executor, evaluator
        self._before, self._begun = Spent(), self._clock()

    @property
    def here(self) -> Spent:
        """What it has cost the host since it began or went on."""
        begun, now = self._begun, self._clock()
        return Spent(now.wall_s - begun.wall_s, now.busy_s - begun.busy_s, now.kernels - begun.kernels)

    @property
    def spent(self) -> Spent:
        """What it has cost the host, also before it was interrupted."""
        before, here = self._before, self.here
        return Spent(before.wall_s + here.wall_s, before.busy_s + here.busy_s, before.kernels + here.kernels)

    def packed(self, state: Any) -> Packed:
        """All that it takes to go on from here. state: what the scheme carries into the next round."""
        whole = {
            "engine": checkpoint.save(self.world),
            "scheme": state,
            "evaluator": kept(self.evaluator),
            "spent": self.spent,
        }
        return pack(whole, self._nodes, _classes(state))

    def go_on(self, start: Packed, state: Any) -> Any:
        """Go on from what :meth:`packed` gave; returns the scheme's state. state: that of the beginning."""
        whole = unpack(*start, self._nodes, _classes(state))
        checkpoint.restore(self.world, whole["engine"])
        keep_on(self.evaluator, whole["evaluator"])
        self._before = whole["spent"]
        return whole["scheme"]

    @property
    def _nodes(self) -> dict[str, Any]:
        return {node.name: node for node in self.world.nodes}

    def _clock(self) -> Spent:
        return Spent(perf_counter(), self.executor.busy_s + self.evaluator.host_s, self.executor.kernels)


def _classes(state: Any) -> set[type]:
    """The classes of a scheme's state: its own, and where there are edge servers that of the scheme at each."""
    return {Spent, type(state), *map(type, getattr(state, "edges", {}).values())}
