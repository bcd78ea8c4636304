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
LOSS = {"serve", "finish", "train", "train_there", "train_near", "train_mixture"}
LOSSES = {"serve_all", "serve_aggregated"}
"""Kernels whose last result is a loss, or one for each client."""


class Calls(Sequential):
    """Remembers what kernels were given and what came out, in the order in which nodes began to compute them."""

    def __init__(self) -> None:
        super().__init__()
        self._begun: list[list[tuple[str, tuple[Any, ...], Any]]] = []

    def submit(self, kernel: Kernel, *args: Any, **how: Any) -> Work:
        self._begun.append(call := [])

        def run(*args: Any) -> Any:
            value = kernel.run(*args)
            call.append((kernel.name, args, value))
            return value

        return super().submit(replace(kernel, run=run, steps=None), *args, **how)

    @property
    def all(self) -> list[tuple[str, tuple[Any, ...], Any]]:
        """Names, arguments and results of kernels whose results somebody wanted."""
        return [call for calls in self._begun for call in calls]

    def of(self, name: str) -> list[tuple[tuple[Any, ...], Any]]:
        return [(args, value) for own, args, value in self.all if own == name]

    @property
    def inputs(self) -> list[Tensor]:
        """What models were fed with."""
        return [args[INPUT[name]] for name, args, _ in self.all if name in INPUT]

    @property
    def losses(self) -> list[float]:
        found = [(name, value[-1]) for name, _, value in self.all if name in LOSS | LOSSES]
        return [float(loss) for name, own in found for loss in (own if name in LOSSES else [own])]


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
    log, calls = ListLog(), Calls()
    outcome = play(scenario, log, calls)
    return Played(log, outcome, calls.inputs, calls.losses)


def apart(left: tuple[Tensor, ...], right: tuple[Tensor, ...]) -> float:
    """Greatest difference between two models' values."""
    return max(float((a.double() - b.double()).abs().max()) for a, b in zip(left, right, strict=True))
