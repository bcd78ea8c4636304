"""What a round costs, in closed form and before anything is run: seconds and joules from FLOPs, bytes and mean rates.

It counts with what the simulator counts with: FLOPs of the real stages, payloads of a first batch and of the initial
weights after the scenario's codecs, processors, radios, path loss, shadowing and medium. How clients go together is the
scheme's ``pace``: ``free``, each as quick as it can, which is the default; ``in_step``, all wait for each other
whenever the server computes, which it does for all of them at once; ``in_turn``, one after the other. Where a scheme
has a ``cluster_size``, one cluster goes after the other.

A *leg* is what a client receives, computes and sends between two computations of the server. Of H steps a round takes

    free      max_k (D_k + U_k + C_k + max_i (p_i - s_ik) + max((H - 1) C_k, max_i q_i))
    in_step   max_k D_k + max_k U_k + H (sum_r max_k leg_rk + server)

and the server's aggregation, with the model's download D and upload U, the cycle C of a client that is alone, and
queues i (the server with its slots, the bands of TDMA) that serve client k for s_ik seconds, everybody once in p_i and
H - 1 times more in q_i. That is a flow shop of equal jobs: with equal clients and constant rates nothing is missing but
how the shares of an FDMA band change while some clients wait for the server.

Left out: overlap and waiting of clients that are unequal; the order of fading (rates are means over the first
:data:`BLOCKS` coherence blocks of the scenario's own channel); jitter, failures, batteries, deadlines and lost
messages; who takes part (everybody does); radios that sleep; pruning; freezing of more than the front; that a step with
two cuts stands in the line of a TDMA band twice; how messages change in training. Clients that drift apart share an
FDMA band with fewer than all of them, so free rounds under fading are shorter than predicted (by a quarter on
scenarios/quickstart.yaml), and of cuts that are near each other the wrong one may come out best; in_step and in_turn
rounds come within 7 % there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, inf
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wirelessfsl.build import airs, equipment, messages
from wirelessfsl.codecs.chain import chain
from wirelessfsl.devices.compute import Processor
from wirelessfsl.devices.radio_power import RadioPower
from wirelessfsl.engine.coding import Coding
from wirelessfsl.engine.medium import ConstantLink, RadioAir, Tdma
from wirelessfsl.learning.data import Dataset
from wirelessfsl.learning.stage import split
from wirelessfsl.records import (
    ACTIVATIONS,
    ACTIVATIONS_DOWN,
    GRADIENTS,
    GRADIENTS_UP,
    LABELS,
    MESSAGE_KINDS,
    MODEL_DOWNLOAD,
    MODEL_UPLOAD,
    SERVER,
)
from wirelessfsl.scenario import Scenario, cuts_of, model_of
from wirelessfsl.streams import Floats
from wirelessfsl.units import BITS_PER_BYTE

if TYPE_CHECKING:
    from torch import Tensor

_NOTHING = np.zeros(3)

BLOCKS = 256
"""Coherence blocks that a mean rate is taken over."""


class Prediction(NamedTuple):
    """What one round costs with the model cut at ``cuts``.

    client_flops, server_flops: passes over one batch, forward and backward.
    activation_bytes, gradient_bytes: payloads of one batch after their codecs.
    parameters: of the client's part.
    seconds: from the beginning of a round to its end.
    joules: of a client in a round, idle power included; mean over the clients.
    """

    cuts: tuple[str, ...]
    client_flops: float
    server_flops: float
    activation_bytes: int
    gradient_bytes: int
    parameters: int
    seconds: float
    joules: float


class _Load(NamedTuple):
    """What a step, or the transfer of models, costs for one client.

    down_bytes, flops, up_bytes, messages: received, computed and sent by the client, and how many messages that makes,
        shape (legs,).
    coding_flops, server_flops: of the server, for this client's messages and for its batch.
    """

    down_bytes: Floats
    flops: Floats
    up_bytes: Floats
    messages: Floats
    coding_flops: float
    server_flops: float


@dataclass(frozen=True)
class _Crew:
    """Clients that are at work at once; rates have shape (clients,), ``queued`` says that they send in turn (TDMA)."""

    processors: Sequence[Processor]
    radios: Sequence[RadioPower]
    server: Processor
    down_bit_s: Floats
    up_bit_s: Floats
    latency_s: float
    queued: bool

    def served_s(self, flops: float, times: int = 1) -> float:
        """Time in which the server's slots do this so many times for every client."""
        return ceil(times * len(self.processors) / self.server.slots) * self.server.seconds(flops)

    def air_s(self, load: _Load) -> tuple[Floats, Floats]:
        """Airtime down and up, shape (legs, clients)."""
        down = BITS_PER_BYTE * np.outer(load.down_bytes, 1.0 / self.down_bit_s)
        return down, BITS_PER_BYTE * np.outer(load.up_bytes, 1.0 / self.up_bit_s)

    def legs_s(self, load: _Load) -> Floats:
        """Duration of every leg of a client that is alone, shape (legs, clients)."""
        down, up = self.air_s(load)
        computing = np.array([[each.seconds(flops) for each in self.processors] for flops in load.flops])
        legs: Floats = down + computing + up + self.latency_s * load.messages[:, None]
        return legs

    def free_s(self, step: _Load, transfer: _Load, steps: int) -> float:
        """Duration of a round of clients that wait for nobody but in queues."""
        flops = step.server_flops + step.coding_flops
        cycle = self.legs_s(step).sum(axis=0) + self.server.seconds(flops)
        alone = self.legs_s(transfer).sum(axis=0) + self.server.seconds(transfer.coding_flops)
        waiting = [np.full_like(cycle, self.served_s(flops) - self.server.seconds(flops))]
        busy = [self.served_s(flops, steps) - self.served_s(flops)]
        if self.queued:
            own = [air.sum(axis=0) for load in (step, transfer) for air in self.air_s(load)]
            waiting += [each.sum() - each for each in own]
            busy += [(steps - 1) * float(each.sum()) for each in own[:2]]
        rest = np.maximum((steps - 1) * cycle, max(busy))
        return float((alone + cycle + np.max(waiting, axis=0) + rest).max())

    def in_step_s(self, step: _Load, transfer: _Load, steps: int) -> float:
        """Duration of a round of clients that wait for each other after every leg."""
        computing = self.server.seconds(len(self.processors) * step.server_flops)
        return self._together_s(transfer) + steps * (self._together_s(step) + computing)

    def active_j(self, load: _Load) -> Floats:
        """Energy of every client above its idle power, shape (clients,)."""
        down_s, up_s = (air.sum(axis=0) for air in self.air_s(load))
        flops = float(load.flops.sum())
        return np.array(
            [
                cpu.energy_j(flops) + (radio.receive_w - radio.idle_w) * down + (radio.transmit_w - radio.idle_w) * up
                for cpu, radio, down, up in zip(self.processors, self.radios, down_s, up_s, strict=True)
            ]
        )

    def _together_s(self, load: _Load) -> float:
        legs = self.legs_s(load)
        if self.queued:
            legs = legs + sum(air.sum(axis=1, keepdims=True) - air for air in self.air_s(load))
        return float(legs.max(axis=1).sum()) + self.served_s(load.coding_flops)


def predict(scenario: Scenario, dataset: Dataset) -> Prediction:
    """Cost of a round of a scheme whose clients use a network; where it cuts the model must be chosen."""
    s, scheme = scenario, scenario.algorithm
    stages = split(model_of(s, dataset), cuts_of(s, dataset))
    parameters = [sum(p.numel() for p in stage.module().parameters()) for stage in stages]
    held: dict[str, tuple[Tensor, ...]] = dict.fromkeys(MESSAGE_KINDS, ()) | messages(s, dataset)
    # Even stages are the client's, odd ones the server's. A batch goes through them and, as gradients, back; without a
    # message of gradients at the first cut the front is not trained.
    trained = not scheme.cuts or bool(held[GRADIENTS])
    stages = stages if trained else (stages[0], replace(stages[1], detached=True), *stages[2:])
    passes = [stage.flops(getattr(scheme, "batch_size", 16)) for stage in stages]
    flops = [*(each.forward for each in passes), *(each.backward for each in reversed(passes[1:]))]
    flops.append(passes[0].backward if trained else 0.0)
    last = slice(len(passes) - 1, len(passes) + 1)
    flops[last] = [sum(flops[last])]
    coding = Coding(s.seed, {kind: chain(getattr(s.codecs, kind)) for kind in scheme.messages})
    way = (ACTIVATIONS, ACTIVATIONS_DOWN, GRADIENTS_UP, GRADIENTS) if len(stages) > 2 else (ACTIVATIONS, GRADIENTS)
    hops = [_message(coding, kind, held[kind], up=at % 2 == 0) for at, kind in enumerate(way[: 2 * scheme.cuts])]
    sizes = [int(hop[0]) for hop in hops]
    download, upload = (
        _message(coding, kind, held[kind], up=kind == MODEL_UPLOAD) for kind in (MODEL_DOWNLOAD, MODEL_UPLOAD)
    )
    if held[LABELS]:
        hops[0] = hops[0] + _message(coding, LABELS, held[LABELS], up=True)
    overhead = s.network.transport.overhead_bytes
    step = _load([_NOTHING, *hops[1::2]], flops[::2], [*hops[::2], _NOTHING], overhead, sum(flops[1::2]))
    interval = getattr(scheme, "interval", 1)
    transfer = _load([download, _NOTHING], [0.0, 0.0], [_NOTHING, upload], overhead, interval=interval)
    steps, count = getattr(scheme, "local_steps", 1), s.data.clients
    seconds, active_j, idle_w = 0.0, [], []
    for crew in _crews(s):
        together = crew.in_step_s if _pace(s) == "in_step" else crew.free_s
        seconds += together(step, transfer, steps)
        active_j += [*(steps * crew.active_j(step) + crew.active_j(transfer))]
        idle_w += [cpu.idle_w + radio.idle_w for cpu, radio in zip(crew.processors, crew.radios, strict=True)]
    if _pace(s) != "in_turn":
        uploaded = sum(x.numel() for x in held[MODEL_UPLOAD]) / interval
        replicas = sum(parameters[1::2]) if _pace(s) == "free" else 0
        seconds += equipment(s.server)[0].seconds(2.0 * count * (uploaded + replicas))
    return Prediction(
        cuts=stages[0].cuts,
        client_flops=sum(flops[::2]),
        server_flops=sum(flops[1::2]),
        activation_bytes=sum(sizes[: scheme.cuts]),
        gradient_bytes=sum(sizes[scheme.cuts :]),
        parameters=sum(parameters[::2]),
        seconds=seconds,
        joules=float(np.mean(np.array(active_j) + seconds * np.array(idle_w))),
    )


def _pace(s: Scenario) -> str:
    return getattr(s.algorithm, "pace", "free")


def _message(coding: Coding, kind: str, tensors: tuple[Tensor, ...], up: bool) -> Floats:
    """Length of the payload in bytes, and FLOPs of coding it at the sender and at the receiver; 0 for no tensors."""
    if not tensors:
        return _NOTHING
    ends = ("client-0", SERVER) if up else (SERVER, "client-0")
    sealed = coding.seal(*ends, kind, tensors)
    return np.array([len(sealed.payload), sealed.flops, coding.unseal(*ends, kind, sealed.payload).flops])


def _load(
    downs: Sequence[Floats],
    flops: Sequence[float],
    ups: Sequence[Floats],
    overhead_bytes: int,
    server_flops: float = 0.0,
    interval: int = 1,
) -> _Load:
    """Of what a client receives, computes and sends, leg by leg; the mean if that is once in an interval."""
    (received, encoded, decoding), (sent, encoding, decoded) = np.transpose(downs), np.transpose(ups)
    return _Load(
        down_bytes=(received + overhead_bytes * np.sign(received)) / interval,
        flops=(np.array(flops) + decoding + encoding) / interval,
        up_bytes=(sent + overhead_bytes * np.sign(sent)) / interval,
        messages=(np.sign(received) + np.sign(sent)) / interval,
        coding_flops=float(encoded.sum() + decoded.sum()) / interval,
        server_flops=server_flops,
    )


def _crews(s: Scenario) -> Iterator[_Crew]:
    """The clients that are at work at once, one crew after the other."""
    owners = [group for group in s.groups for _ in range(group.count)]
    processors, radios = zip(*(equipment(owner) for owner in owners), strict=True)
    server, station = equipment(s.server)
    medium = s.network.medium
    queued = isinstance(medium, Tdma)
    size = 1 if _pace(s) == "in_turn" else getattr(s.algorithm, "cluster_size", len(owners))
    for first in range(0, len(owners), size):
        own = slice(first, first + size)
        if isinstance(medium, ConstantLink):
            down, up = (np.full(len(processors[own]), rate) for rate in (medium.downlink_bit_s, medium.uplink_bit_s))
        else:
            sharing = 1 if queued else len(processors[own])
            up, down = (_mean_rate_bit_s(air, sharing)[own] for air in airs(s, medium, radios, station))
        yield _Crew(processors[own], radios[own], server, down, up, medium.latency_s, queued)


def _mean_rate_bit_s(air: RadioAir, sharing: int) -> Floats:
    """Rate of every link with an equal share of the band, mean over the first coherence blocks."""
    instants = [0.0]
    while len(instants) < BLOCKS and (later := air.next_change_s(instants[-1])) < inf:
        instants.append(later)
    rates: Floats = np.mean([air.rate_bit_s(air.quality(instant), sharing) for instant in instants], axis=0)
    return rates
