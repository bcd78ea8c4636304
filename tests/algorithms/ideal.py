"""Schemes on an ideal network (10 Tbit/s, no latency), with every batch and its loss written down."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import Tensor

from tests.worlds import ListLog
from wirelessfsl.engine.access import ConstantLink
from wirelessfsl.learning.executors.contract import Work
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.kernels import Kernel
from wirelessfsl.learning.partition import Iid
from wirelessfsl.scenario import Algorithm, Codecs, Data, Model, Network, Scenario
from wirelessfsl.simulation import Outcome, play

IDEAL = Network(medium=ConstantLink(uplink_bit_s=1e13, downlink_bit_s=1e13, latency_s=0.0))


INPUT = {"forward": -1, "infer": -1, "train": -2, "train_there": -2, "train_near": -2, "train_mixture": -3}
"""Where the inputs of a model stand among a kernel's arguments."""


class Watching(Sequential):
    """Runs kernels as :class:`Sequential` does; remembers the inputs that models were fed with, and all losses."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs: list[Tensor] = []
        self.losses: list[float] = []

    def submit(self, kernel: Kernel, *args: Any, **how: Any) -> Work:
        def run(*args: Any) -> Any:
            value = kernel.run(*args)
            if kernel.name in INPUT:
                self.inputs.append(args[INPUT[kernel.name]])
            if kernel.name in ("serve", "finish", "train", "train_there", "train_near", "train_mixture"):
                self.losses.append(float(value[-1]))
            if kernel.name in ("serve_all", "serve_aggregated"):
                self.losses.extend(map(float, value[-1]))
            return value

        return super().submit(replace(kernel, run=run), *args, **how)


class Calls(Sequential):
    """Remembers what kernels were given and what came out, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.of: dict[str, list[tuple[tuple[Any, ...], Any]]] = {}

    def submit(self, kernel: Kernel, *args: Any, **how: Any) -> Work:
        def run(*args: Any) -> Any:
            value = kernel.run(*args)
            self.of.setdefault(kernel.name, []).append((args, value))
            return value

        return super().submit(replace(kernel, run=run), *args, **how)


@dataclass(frozen=True)
class Played:
    log: ListLog
    outcome: Outcome
    inputs: list[Tensor]
    losses: list[float]

    @property
    def weights(self) -> tuple[Tensor, ...]:
        """Parameters and buffers of the whole model in order, at the end."""
        parts = self.outcome.parts
        return tuple(w for part in parts for w in part.params) + tuple(w for part in parts for w in part.buffers)

    @property
    def accuracy(self) -> float:
        """Test accuracy at the end."""
        found = [m.accuracy for m in self.log.metrics if m.split == "test" and m.client is None]
        assert found[-1] is not None
        return found[-1]

    def bytes_by_kind(self) -> dict[str, int]:
        kinds = {e.phase for e in self.log.rows(activity="transfer")}
        return {kind: sum(e.bytes for e in self.log.rows(activity="transfer", phase=kind)) for kind in kinds}


def ideal(
    algorithm: Algorithm,
    *,
    clients: int = 1,
    data: Literal["blobs", "digits"] = "digits",
    model: str = "small_cnn",
    cuts: tuple[str, ...] | None = None,
    arguments: dict[str, bool | int | float | str] | None = None,
    codecs: Codecs = Codecs(),  # noqa: B008 (a frozen value)
) -> Played:
    """Play a scheme over an ideal network."""
    scenario = Scenario(
        data=Data(name=data, clients=clients, partition=Iid()),
        model=Model(name=model, cuts=cuts, arguments=arguments),
        algorithm=algorithm,
        codecs=codecs,
        network=IDEAL,
    )
    log, watching = ListLog(), Watching()
    outcome = play(scenario, log, watching)
    return Played(log, outcome, watching.inputs, watching.losses)


def apart(left: tuple[Tensor, ...], right: tuple[Tensor, ...]) -> float:
    """Greatest difference between two models' values."""
    return max(float((a.double() - b.double()).abs().max()) for a, b in zip(left, right, strict=True))
