"""A checkpoint of the engine: all that a world carries from one round to the next, as data, and back.

Between two rounds nothing is in flight. What is left is what the objects keep (:mod:`wirelessfsl.engine.kept`) and the
agenda: timers of batteries, outages and bands that have not gone off. They are written down in the order in which they
will, so that what happens at one instant happens in the same order again. All else in SimPy's queue has no effect any
more, such as deadlines that were met.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappush
from typing import Any

from simpy import Event

from wirelessfsl.engine.kept import keep_on, kept
from wirelessfsl.engine.line import Line
from wirelessfsl.engine.world import World


def save(world: World) -> dict[str, Any]:
    """What a world carries into its next round, as data that refers to its nodes. To be called between two rounds."""
    timers = dict(_timers(world))
    agenda = [
        (timers[event], at_s, int(priority), event.value)
        for at_s, priority, _, event in sorted(world.env._queue, key=lambda entry: entry[:3])
        if event in timers
    ]
    return {
        "now_s": world.env.now,
        "agenda": agenda,
        "world": kept(world),
        "edges": [kept(edge) for edge in world.edges],
        "nodes": {node: kept(node) for node in world.nodes},
        "outages": [kept(each) for each in world.outages],
        "messages": kept(world.messages) if world.networked else {},
        "bands": {where: kept(band) for where, band in _bands(world)},
    }


def restore(world: World, data: dict[str, Any]) -> None:
    """Let a world that was just built go on from what :func:`save` said of another of the same scenario."""
    world.env._now = data["now_s"]
    world.env._queue.clear()
    keep_on(world, data["world"])
    for edge, state in zip(world.edges, data["edges"], strict=True):
        keep_on(edge, state)
    for node, state in data["nodes"].items():
        keep_on(node, state)
    for outages, state in zip(world.outages, data["outages"], strict=True):
        keep_on(outages, state)
        outages.skip()
    if world.networked:
        keep_on(world.messages, data["messages"])
    for where, state in data["bands"].items():
        band = _band(world, where)
        keep_on(band, state)
        band.look_again()
    for (kind, of), at_s, priority, value in data["agenda"]:
        timer = Event(world.env)
        timer._ok, timer._value = True, value
        match kind:
            case "alarm":
                of.alarm = timer
                timer.callbacks.append(of.ring)
            case "outage":
                world.outages[of].next = timer
                timer.callbacks.append(world.outages[of].change)
            case "plan":
                band = _band(world, of)
                band.timer = timer
                timer.callbacks.append(band.plan)
        heappush(world.env._queue, (at_s, priority, next(world.env._eid), timer))


def _timers(world: World) -> Iterator[tuple[Event, tuple[str, Any]]]:
    """Every timer there is, and whose it is."""
    for node in world.nodes:
        if node.alarm is not None:
            yield node.alarm, ("alarm", node)
    for number, outages in enumerate(world.outages):
        if outages.next is not None:
            yield outages.next, ("outage", number)
    for where, band in _bands(world):
        if band.timer is not None:
            yield band.timer, ("plan", where)


def _bands(world: World) -> Iterator[tuple[tuple[int, tuple[Any, ...]], Line]]:
    """The bands that have been used, and where they are."""
    if world.networked:
        for kind, bands in enumerate(world.medium.bands):
            for made_of, band in bands.items():
                yield (kind, made_of), band


def _band(world: World, where: tuple[int, tuple[Any, ...]]) -> Line:
    kind, made_of = where
    return world.medium.bands[kind][made_of]
