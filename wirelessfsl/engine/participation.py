"""Who takes part in a round, and what becomes of those who are late.

A choice is made at the beginning of a round, of the clients that are up then. The server is taken to know what it
chooses by: energy and channel of every client, at no cost. Left out: what telling it would take.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from wirelessfsl.settings import Kinds, settings
from wirelessfsl.streams import stream
from wirelessfsl.units import Positive, PositiveFraction

if TYPE_CHECKING:
    from wirelessfsl.engine.node import Node
    from wirelessfsl.engine.world import World


@settings
class Everybody:
    """Every client that is up takes part."""

    kind: Literal["all"] = "all"

    def choose(self, world: World, up: Sequence[Node]) -> tuple[Node, ...]:
        """The clients of a round, of those that are up."""
        return tuple(up)


@settings
class RandomChoice:
    """A random sample of the clients, anew every round: max(C K, 1) of K (McMahan et al., AISTATS 2017, algorithm 1).

    fraction: C, share of all clients that take part, in (0, 1], rounded to a number of clients; those that are down
        are not chosen. Who is down changes nothing in the order of the others.
    """

    kind: Literal["random"] = "random"
    fraction: PositiveFraction = 0.5

    def choose(self, world: World, up: Sequence[Node]) -> tuple[Node, ...]:
        """The clients of a round, of those that are up, in their order; a function of seed and round."""
        order = stream(world.seed, "participants", world.round).permutation(len(world.clients))
        awake = set(up)
        there = [world.clients[i] for i in order if world.clients[i] in awake]
        return _in_order(there[: _number(self.fraction, world)])


@settings
class EnergyAware:
    """The clients with most energy left in their batteries; of those on mains the ones that have drawn least so far.

    fraction: share of all clients that take part, in (0, 1], rounded to a number of clients.
    """

    kind: Literal["energy_aware"] = "energy_aware"
    fraction: PositiveFraction = 0.5

    def choose(self, world: World, up: Sequence[Node]) -> tuple[Node, ...]:
        """The clients of a round, of those that are up, in their order."""
        for client in up:
            client.settle()
        ranked = sorted(up, key=lambda client: (-client.left_j, client.energy_j, client.link))
        return _in_order(ranked[: _number(self.fraction, world)])


@settings
class ChannelAware:
    """The clients with the best uplink at the beginning of the round, by their SNR over the whole band.

    fraction: share of all clients that take part, in (0, 1], rounded to a number of clients.
    """

    kind: Literal["channel_aware"] = "channel_aware"
    fraction: PositiveFraction = 0.5

    def choose(self, world: World, up: Sequence[Node]) -> tuple[Node, ...]:
        """The clients of a round, of those that are up, in their order."""
        ranked = sorted(up, key=lambda client: (-world.medium.quality(client, world.server), client.link))
        return _in_order(ranked[: _number(self.fraction, world)])


Choice = Annotated[Everybody | RandomChoice | EnergyAware | ChannelAware, Kinds()]


@settings
class Participation:
    """Who takes part in a round, and how long a round waits (``participation``).

    choice: who takes part, of the clients that are up when the round begins.
    deadline_s: how long the server waits for clients, in s from when they began (where clients or clusters have turns,
        each turn); by default for everybody.
    late: what becomes of a client that is not done at the deadline. With drop it leaves the round where it is, and
        nothing of it counts. With partial it ends the batch that it is in (everybody does one at least), begins no
        other, and what it has done counts; the round then takes longer than the deadline.

    >>> Participation(choice=RandomChoice(fraction=0.1)).late
    'drop'
    """

    choice: Choice = Everybody()
    deadline_s: Positive | None = None
    late: Literal["drop", "partial"] = "drop"


def _number(fraction: float, world: World) -> int:
    return max(1, round(fraction * len(world.clients)))


def _in_order(chosen: Sequence[Node]) -> tuple[Node, ...]:
    return tuple(sorted(chosen, key=lambda client: client.link))
