"""What a run was like for each client: how long its rounds took, what class of device it is, how its battery fared.

Pure folds like those of :mod:`wirelessfsl.results.metrics`. Which client belongs to which group of ``devices`` follows
from the resolved scenario: client i is the i-th device when the groups are written out one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from wirelessfsl.records import COMPUTE, DROP, IDLE, TRANSFER, WAIT
from wirelessfsl.results.columns import Facts, Floats, Ints
from wirelessfsl.results.groups import labels

CLIENT = "client-"
"""Before the number in the name of a client."""


class Rounds(NamedTuple):
    """Parts that clients took in rounds; each of shape (client-rounds,).

    client: number of the client.
    round: the round.
    seconds: that the client spent in it without waiting for others; inf where it left before it was done.
    """

    client: Ints
    round: Ints
    seconds: Floats


class Charge(NamedTuple):
    """Energy left in a client's battery at the start and at the end of every round, each of shape (rounds + 1,).

    time_s: the instant.
    left_j: energy left.
    """

    time_s: Floats
    left_j: Floats


def client_rounds(facts: Facts) -> Rounds:
    """How long each part that a client took in a round lasted for it.

    The sum of the compute, transfer and wait rows that name it as node or peer, but for its waiting for its turn and
    for the end of the round (phase ``idle``): queues of processors and of the medium count.
    """
    f = facts
    waits = f.activity.among(WAIT)
    takes_part = f.activity.among(COMPUTE, TRANSFER, DROP) | (waits & ~f.phase.among(IDLE))
    number = _numbers(f.node.names)
    clients, rounds, seconds, left = [], [], [], []
    for who in (f.node, f.peer):
        own = takes_part & (number[who.codes] >= 0)
        clients.append(number[who.codes[own]])
        rounds.append(f.round[own])
        seconds.append((f.end_s - f.start_s)[own])
        left.append(f.activity.among(DROP)[own])
    pairs = np.stack([np.concatenate(clients), np.concatenate(rounds)])
    (client, round), place = np.unique(pairs, axis=1, return_inverse=True)
    place = place.ravel()
    total = np.zeros(client.size)
    np.add.at(total, place, np.concatenate(seconds))
    total[place[np.concatenate(left)]] = np.inf
    return Rounds(client, round, total)


def device_classes(scenarios: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """The class of device of each client, by the client's number: devices of equal settings, in whatever scenario.

    scenarios: resolved, as plain data.

    Returns a list a scenario: the profile, and where profiles repeat what tells the classes apart.

    >>> phone, pi = {"profile": "phone-mid"}, {"profile": "raspberry-pi-4"}
    >>> device_classes([{"devices": [{"count": 2} | phone, {"count": 1} | pi]}, {"devices": [{"count": 1} | pi]}])
    [['phone-mid', 'phone-mid', 'raspberry-pi-4'], ['raspberry-pi-4']]
    """
    kinds = {
        json.dumps(_device(group), sort_keys=True): _device(group)
        for scenario in scenarios
        for group in scenario.get("devices", ())
    }
    told = labels([kind["profile"] for kind in kinds.values()], list(kinds.values()))
    names = dict(zip(kinds, told, strict=True))
    return [
        [
            name
            for group in scenario.get("devices", ())
            for name in [names[json.dumps(_device(group), sort_keys=True)]] * group["count"]
        ]
        for scenario in scenarios
    ]


def energy_by_class(facts: Facts, classes: Sequence[str]) -> dict[str, dict[str, float]]:
    """Joules of the whole run by class of device and phase, idle energy included.

    classes: class of each client, by its number.
    """
    number, spent = _numbers(facts.node.names), facts.energy_j != 0
    found = {}
    for name in dict.fromkeys(classes):
        members = np.array([i >= 0 and classes[i] == name for i in number], dtype=bool)
        found[name] = facts.phase.totals(facts.energy_j, spent & members[facts.node.codes])
    return found


def charges(facts: Facts, scenario: Mapping[str, Any]) -> dict[int, Charge]:
    """How the batteries ran down: energy at the start less all that the client drew, by number of the client.

    At the ends of rounds that is exact; in between a client's power is not constant.

    scenario: resolved, as plain data; clients on mains are left out.
    """
    f = facts
    node = _numbers(f.node.names)[f.node.codes]
    batteries = [group["battery"] for group in scenario.get("devices", ()) for _ in range(group["count"])]
    own = node >= 0
    drawn = np.zeros((len(batteries), int(f.round.max()) + 1))
    np.add.at(drawn, (node[own], f.round[own]), f.energy_j[own])
    ends = np.flatnonzero(own & f.activity.among(IDLE))
    found = {}
    for client, battery in enumerate(batteries):
        if "capacity_j" in battery:
            rows = ends[node[ends] == client]
            full = battery["capacity_j"] * battery["initial_fraction"]
            left = full - drawn[client].cumsum()[f.round[rows]]
            found[client] = Charge(np.append(f.start_s[rows[:1]], f.end_s[rows]), np.append(full, left))
    return found


def lifetime(charges: Sequence[Charge]) -> float:
    """Rounds that the batteries of equal devices last: energy at the start over what a device draws in a round.

    The mean draw is over the rounds in which a device drew anything; NaN where none did.
    """
    draws = np.concatenate([-np.diff(charge.left_j) for charge in charges])
    lived = draws > 0
    return float(charges[0].left_j[0] / draws[lived].mean()) if lived.any() else np.nan


def _device(group: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in group.items() if key != "count" and value is not None}


def _numbers(names: Sequence[str]) -> Ints:
    """By node name the number of the client, -1 for who is none."""
    return np.array([int(name[len(CLIENT) :]) if name.startswith(CLIENT) else -1 for name in names], dtype=np.int64)
