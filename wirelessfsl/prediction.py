"""What a round costs, in closed form and before anything is run: seconds and joules from FLOPs, bytes and mean rates.

It counts with what the simulator counts with: FLOPs of the real stages, payloads of a first batch and of the initial
weights after the scenario's codecs, processors, radios, path loss, shadowing, fading and medium. How clients go
together is the scheme's ``pace``: ``free``, each as quick as it can, which is the default; ``in_step``, all wait for
each other whenever the server computes, which it does for all of them at once; ``in_turn``, one after the other. Where
a scheme has a ``cluster_size``, one cluster goes after the other. How long a round takes is :mod:`wirelessfsl.rounds`.

With equal clients and constant rates nothing is missing but how the shares of an FDMA band change while some clients
wait for the server. Over 20 rounds on the network of scenarios/quickstart.yaml, with either of its cuts, seconds and
joules of every scheme tried came within about 10 % of the simulator's; on TDMA, where a client in a deep fade holds up
all others, within 18 %; where all get through together (allocation min_makespan), to the last digit without fading and
within 14 % with it; with most of a round on the air and tenfold distances, within 26 %. Cuts within 4 % of each
other may change places.

Left out: jitter, failures, batteries, deadlines, lost messages and packets, links that are down; that participants may
be chosen by energy or channel (they are taken to be a random choice of as many); radios that sleep, and tails that end;
messages between clients; passes that epsl saves; pruning; freezing of more than the front; that a step with two cuts
stands in the line of a TDMA band twice; how messages change in training; lines in front of wires; relays; interference
by other messages (cells are predicted with their load alone, and clients spread over them as at the beginning); of a
channel that all contend for, that the server is one station beside those that send to it, and the airtime of
collisions: rounds on Wi-Fi came within 12 % where clients fade, and up to half too long where they are equal and little
but send. Of async_sl it is the round of clients that upload once each.
Of an OFDMA band it leaves out what a scheduler gains by its choice of who sends when, the wait for retransmissions, and
that power control may let devices draw less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from math import ceil, inf
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wirelessfsl.build import messages
from wirelessfsl.codecs.chain import chain
from wirelessfsl.contending import shared_channel
from wirelessfsl.devices.radio_power import RadioModel
from wirelessfsl.engine.access import ConstantLink, Pipes, TraceLinks
from wirelessfsl.engine.airs import ConstantAir, SharedAir
from wirelessfsl.engine.coding import Coding
from wirelessfsl.engine.contention import Channel, EqualsAir
from wirelessfsl.engine.ofdma import OfdmaAir
from wirelessfsl.learning.data import Dataset
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.stage import Stage, split
from wirelessfsl.network.tables import dealt
from wirelessfsl.networking import airs, duplexed, equipment, ways_of
from wirelessfsl.radio.aloha import SlottedAloha
from wirelessfsl.radio.wifi import Wifi
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
from wirelessfsl.rounds import BLOCKS, Cost, Crew, Link, Load, OutOfReach
from wirelessfsl.scenario import Flat, Model, Scenario, broadcasts, cuts_of, model_of
from wirelessfsl.streams import Floats
from wirelessfsl.units import BITS_PER_BYTE

if TYPE_CHECKING:
    from torch import Tensor

_NOTHING = np.zeros(3)

REPEATS = 3
"""How often a round is predicted, each time with the rates of as many coherence blocks as the one before met."""


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


class _Batch(NamedTuple):
    """What one client's step and transfer of models need.

    flops: of the passes, in turn at the client and at the server. sizes: of the payloads in bytes, in the order of the
        step. uploaded: numbers of the model that it sends.
    """

    stages: tuple[Stage, ...]
    flops: list[float]
    sizes: list[int]
    uploaded: int
    step: Load
    transfer: Load


class Turn(NamedTuple):
    """A crew's turn in a round: the number of its first client, its cost, and what each of its clients does.

    flops: that it computes. down_bytes, up_bytes: that it receives and sends.
    """

    first: int
    crew: Crew
    cost: Cost
    flops: Floats
    down_bytes: Floats
    up_bytes: Floats


class Duty(NamedTuple):
    """A client's part in a round.

    flops: that it computes. sending_s: airtime of what it sends, at each of the powers asked for. others_s: what else
    fills its turn. turns: how many crews have, one after the other. after_s: the server's time at the end of the round.
    """

    flops: float
    sending_s: Floats
    others_s: float
    turns: int
    after_s: float

    def left_s(self, round_s: float) -> float:
        """Time for computing and sending, if the round is to take so long."""
        return (round_s - self.after_s) / self.turns - self.others_s


def predict(scenario: Scenario, dataset: Dataset) -> Prediction:
    """Cost of a round of a scheme whose clients use a network; where it cuts the model must be chosen.

    Where groups of devices have models or cuts of their own, FLOPs, bytes and parameters are those of the scenario's.
    """
    s, scheme = scenario, scenario.algorithm
    batch = _batch(s, dataset, None)
    parameters = [sum(p.numel() for p in stage.module().parameters()) for stage in batch.stages]
    count, taking = s.data.clients, _taking(s)
    durations, active_j, idle_w = [], [], []
    for turn in _turns(s, dataset, batch):
        crew, cost = turn.crew, turn.cost
        durations.append(cost.seconds)
        airs = np.stack([cost.down_s, cost.up_s, turn.down_bytes, turn.up_bytes], axis=-1)
        for cpu, radio, done, air in zip(crew.processors, crew.radios, turn.flops, airs, strict=True):
            states, silent_w = radio.states, radio.states.silent[0].power_w
            bit_j = BITS_PER_BYTE * states.receive_j_per_bit, BITS_PER_BYTE * states.transmit_j_per_bit
            air_j = np.array([states.receive_w - silent_w, states.transmit_w - silent_w, *bit_j]) @ air
            active_j.append(cpu.energy_j(done) + air_j)
            idle_w.append(cpu.idle_w + silent_w)
    seconds = ceil(taking / _size(s)) * float(np.mean(durations)) + _after_s(s, batch)
    return Prediction(
        cuts=batch.stages[0].cuts,
        client_flops=sum(batch.flops[::2]),
        server_flops=sum(batch.flops[1::2]),
        activation_bytes=sum(batch.sizes[: scheme.cuts]),
        gradient_bytes=sum(batch.sizes[scheme.cuts :]),
        parameters=sum(parameters[::2]),
        seconds=seconds,
        joules=taking / count * float(np.mean(active_j)) + seconds * float(np.mean(idle_w)),
    )


def duties(scenario: Scenario, dataset: Dataset, less_db: Floats) -> list[Duty]:
    """Every client's part in a round.

    less_db: how far below its radio's power a client sends, dB, shape (k,); the first is 0.
    """
    s = scenario
    batch = _batch(s, dataset, None)
    turns, after_s, found = ceil(_taking(s) / _size(s)), _after_s(s, batch), []
    for turn in _turns(s, dataset, batch):
        crew, cost = turn.crew, turn.cost
        computing_s = [cpu.seconds(done) for cpu, done in zip(crew.processors, turn.flops, strict=True)]
        waiting_s = max(0.0, cost.seconds - float((computing_s + cost.down_s + cost.up_s).max()))
        sending_s = cost.up_s * crew.slower(less_db)
        parts = zip(turn.flops, sending_s.T, waiting_s + cost.down_s, strict=True)
        found += [Duty(float(done), sending, float(others), turns, after_s) for done, sending, others in parts]
    return found


def _turns(s: Scenario, dataset: Dataset, batch: _Batch) -> Iterator[Turn]:
    """Of all crews, one after the other. Raises ValueError for edge servers below a cloud."""
    if not isinstance(s.hierarchy, Flat):
        raise ValueError(f"{s.name}: hierarchy.kind: got edge_cloud, must be flat: its rounds are not predicted")
    scheme = s.algorithm
    batches = [batch if each.model is None else _batch(s, dataset, each.model) for each in s.groups]
    counts = [each.count for each in s.groups]
    step, transfer = (
        Load(*(np.repeat(np.stack(each, axis=-1), counts, axis=-1) for each in zip(*loads, strict=True)))
        for loads in ([each.step for each in batches], [each.transfer for each in batches])
    )
    steps, size, in_step = getattr(scheme, "local_steps", 1), _size(s), _pace(s) == "in_step"
    for first, crew in _crews(s, size, _taking(s), step, transfer):
        own = slice(first, first + size)
        loads = step.of(own), transfer.of(own)
        for _ in range(REPEATS):
            try:
                cost = (crew.in_step if in_step else crew.free)(*loads, steps)
            except OutOfReach as error:
                way, whose = ("uplink", "its") if error.uplink else ("downlink", "the server's")
                raise ValueError(
                    f"{s.name}: client-{first + error.client} has no rate on the {way} of network.medium"
                    f" {s.network.medium.kind} at any time looked at, so that no round can be predicted; bring it"
                    f" nearer, or raise tx_power_dbm of {whose} radio"
                ) from error
            crew = crew.meeting(cost.seconds / (steps if in_step else 1))
        flops, received, sent = (
            steps * a.sum(axis=0) + b.sum(axis=0)
            for a, b in zip(*((each.flops, each.down_bytes, each.up_bytes) for each in loads), strict=True)
        )
        if isinstance(crew.up.air, EqualsAir):  # who contends listens, but for its own airtime
            bits = BITS_PER_BYTE * sent
            sent_s = np.minimum(bits * crew.up.air.airtime(crew.up.quality).mean(axis=0), cost.up_s)
            cost = cost._replace(down_s=cost.down_s + cost.up_s - sent_s, up_s=sent_s)
        elif (
            isinstance(crew.up.air, OfdmaAir) and not crew.up.air.scheduler.at_once
        ):  # who waits for its time is silent
            own_s = BITS_PER_BYTE * sent / crew.up.bit_s(np.ones((1, 1)), BLOCKS)[0]
            cost = cost._replace(up_s=np.minimum(own_s, cost.up_s))
        yield Turn(first, crew, cost, flops, received, sent)


def _size(s: Scenario) -> int:
    """Clients of a crew."""
    count = s.data.clients
    return 1 if _pace(s) == "in_turn" else min(count, getattr(s.algorithm, "cluster_size", count))


def _after_s(s: Scenario, batch: _Batch) -> float:
    """The server's time for averaging at the end of a round."""
    if _pace(s) == "in_turn":
        return 0.0
    uploaded = batch.uploaded / getattr(s.algorithm, "interval", 1)
    held = [sum(p.numel() for p in stage.module().parameters()) for stage in batch.stages[1::2]]
    replicas = sum(held) if _pace(s) == "free" else 0
    return equipment(s.server)[0].seconds(2.0 * _taking(s) * (uploaded + replicas))


def _batch(s: Scenario, dataset: Dataset, model: Model | None) -> _Batch:
    """Of clients with the scenario's model, or with another before the cut, or with other cuts of it."""
    scheme, stages = s.algorithm, split(model_of(s, dataset), cuts_of(s, dataset))
    if model is not None:
        other_cuts = getattr(scheme, "own", "") == "cuts"
        s = replace(s, model=replace(s.model, cuts=model.cuts) if other_cuts else model)
        own = split(model_of(s, dataset), cuts_of(s, dataset))
        stages = own if other_cuts else (own[0], *stages[1:])
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
    coding = Coding(s.seed, {kind: chain(getattr(s.codecs, kind)) for kind in scheme.messages}, Sequential())
    way = (ACTIVATIONS, ACTIVATIONS_DOWN, GRADIENTS_UP, GRADIENTS) if len(stages) > 2 else (ACTIVATIONS, GRADIENTS)
    hops = [_message(coding, kind, held[kind], up=at % 2 == 0) for at, kind in enumerate(way[: 2 * scheme.cuts])]
    sizes = [int(hop[0]) for hop in hops]
    download, upload = (
        _message(coding, kind, held[kind], up=kind == MODEL_UPLOAD) for kind in (MODEL_DOWNLOAD, MODEL_UPLOAD)
    )
    if broadcasts(s) and not isinstance(s.network.medium, Pipes):
        # What all hear at once takes the band once: of a client's bytes the n-th part, at its own share of the band.
        together = getattr(scheme, "aggregated", scheme.batch_size) / scheme.batch_size
        hops[-1] = hops[-1] * (1.0 - together + together / _taking(s))
    if held[LABELS]:
        hops[0] = hops[0] + _message(coding, LABELS, held[LABELS], up=True)
    overhead, interval = s.network.transport.overhead_bytes, getattr(scheme, "interval", 1)
    return _Batch(
        stages,
        flops,
        sizes,
        sum(x.numel() for x in held[MODEL_UPLOAD]),
        _load([_NOTHING, *hops[1::2]], flops[::2], [*hops[::2], _NOTHING], overhead, sum(flops[1::2])),
        _load([download, _NOTHING], [0.0, 0.0], [_NOTHING, upload], overhead, interval=interval),
    )


def _taking(s: Scenario) -> int:
    """Clients of a round."""
    return max(1, round(getattr(s.participation.choice, "fraction", 1.0) * s.data.clients))


def _pace(s: Scenario) -> str:
    return getattr(s.algorithm, "pace", "free")


def _message(coding: Coding, kind: str, tensors: tuple[Tensor, ...], up: bool) -> Floats:
    """Length of the payload in bytes, and FLOPs of coding it at the sender and at the receiver; 0 for no tensors."""
    if not tensors:
        return _NOTHING
    ends = ("client-0", SERVER) if up else (SERVER, "client-0")
    letters, encoding = coding.seal(*ends, {kind: tensors})
    _, decoding = coding.unseal(*ends, letters)
    return np.array([len(letters[kind]), encoding, decoding])


def _load(
    downs: Sequence[Floats],
    flops: Sequence[float],
    ups: Sequence[Floats],
    overhead_bytes: int,
    server_flops: float = 0.0,
    interval: int = 1,
) -> Load:
    """Of what one client receives, computes and sends, leg by leg; the mean if that is once in an interval."""
    (received, encoded, decoding), (sent, encoding, decoded) = np.transpose(downs), np.transpose(ups)
    return Load(
        down_bytes=(received + overhead_bytes * np.sign(received)) / interval,
        flops=(np.array(flops) + decoding + encoding) / interval,
        up_bytes=(sent + overhead_bytes * np.sign(sent)) / interval,
        messages=(np.sign(received) + np.sign(sent)) / interval,
        coding_flops=(encoded.sum() + decoded.sum()) / interval,
        server_flops=np.array(server_flops),
    )


def _crews(s: Scenario, size: int, taking: int, *loads: Load) -> Iterator[tuple[int, Crew]]:
    """The clients that are at work at once, each crew with the number of its first; one is after the other."""
    owners = [group for group in s.groups for _ in range(group.count)]
    processors, radios = zip(*(equipment(owner) for owner in owners), strict=True)
    radios = tuple(duplexed(s, radio) for radio in radios)
    server, station = equipment(s.server)
    medium = s.network.medium
    if isinstance(medium, ConstantLink):
        pipes = ConstantAir(medium.downlink_bit_s), ConstantAir(medium.uplink_bit_s)
        links = [Link(pipe, np.ones((1, len(owners)))) for pipe in pipes]
    elif isinstance(medium, TraceLinks):
        names = [f"client-{i}" for i in range(len(owners))]
        means = [[each.mean for each in dealt(medium.rates(way), names)] for way in ("downlink", "uplink")]
        links = [Link(ConstantAir(1.0), np.array([each])) for each in means]
        delays = [each.mean for way in ("downlink", "uplink") for each in dealt(medium.latencies(way), names)]
        medium = replace(medium, latency_s=float(np.mean(delays)))
    elif isinstance(medium, Wifi | SlottedAloha):
        links = _contended(s, medium, radios, station, *loads)
    else:
        both = airs(s, medium, radios, station)
        links = [Link(air, _qualities(air.expected, air)) for air in reversed(both)]
        if isinstance(both[0], OfdmaAir):  # as many messages go up as come down
            medium = replace(medium, latency_s=medium.latency_s + both[0].access_s / 2)
    wires = s.network.topology.wires_to_server
    medium = replace(medium, latency_s=medium.latency_s + sum(wire.delay_s for wire in wires))
    wire_s_per_byte = sum(BITS_PER_BYTE / wire.rate_bit_s for wire in wires)
    for first in range(0, len(owners), size):
        own = slice(first, first + size)
        down, up = (
            Link(link.air.of(own) if isinstance(link.air, OfdmaAir) else link.air, link.quality[:, own])
            for link in links
        )
        many = min(taking, len(owners[own]))
        yield first, Crew(processors[own], radios[own], server, down, up, medium, many, wire_s_per_byte=wire_s_per_byte)


def _contended(
    s: Scenario, medium: Wifi | SlottedAloha, radios: Sequence[RadioModel], station: RadioModel, *loads: Load
) -> list[Link]:
    """Down and up on the channel that all contend for, with messages of the size of a step's largest."""
    channel, links = shared_channel(s, medium, radios, station, ways_of(s)), []
    for uplink, sizes in (False, [each.down_bytes for each in loads]), (True, [each.up_bytes for each in loads]):
        size_bits = BITS_PER_BYTE * next((size.max() for size in sizes if size.any()), 1.0)
        rates = _qualities(partial(channel.bit_s_of, uplink=uplink), channel)
        if not rates.any(axis=0).all():
            far = int(rates.any(axis=0).argmin())
            raise ValueError(
                f"{s.name}: client-{far} is out of range of network.medium {medium.kind}, so that no round can be"
                " predicted; bring it nearer, or raise tx_power_dbm of its radio"
            )
        for block in 2 * [*reversed(range(len(rates)))]:  # who is out of range waits for the next block
            rates[block] = np.where(rates[block] > 0.0, rates[block], rates[(block + 1) % len(rates)] / 2.0)
        links.append(Link(EqualsAir(channel, medium, size_bits, uplink), rates))
    return links


def _qualities(of: Callable[[float], Floats], air: SharedAir | Channel) -> Floats:
    """Of every link in the first coherence blocks, shape (blocks, clients)."""
    instants = [0.0]
    while len(instants) < BLOCKS and (later := air.next_change_s(instants[-1])) < inf:
        instants.append(later)
    return np.array([of(instant) for instant in instants])
