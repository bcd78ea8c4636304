"""Messages: tensors are encoded, fly and are decoded, and what becomes of those that do not arrive.

A message is one flight on the medium and one row a kind and end in the log, which share its time and energy by bytes;
bytes of packets that were lost have a row of their own, which was not delivered.
What is lost meets the scenario's case of outage: the client leaves, the batch is skipped, or the last value is taken
again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from simpy import Environment, Interrupt

from wirelessfsl.engine.coding import Coding
from wirelessfsl.engine.estimated import EstimatedCoding
from wirelessfsl.engine.flight import Delivery, Flight, Relayed
from wirelessfsl.engine.journal import Journal
from wirelessfsl.engine.journey import Journey
from wirelessfsl.engine.medium import Medium
from wirelessfsl.engine.node import Node, Steps
from wirelessfsl.engine.packets import Packets, Piece, Repeated
from wirelessfsl.engine.transport import Lost, Skipped, Transport
from wirelessfsl.records import MODEL_DOWNLOAD, RECEIVE, SERVER, TRANSFER, WAIT

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(eq=False)
class Broadcast:
    """A message to several receivers at once, ready to fly; it takes off when the first listens."""

    sender: Node
    letters: Mapping[str, Any]
    single: bool
    flight: Flight | None = None


class Messages:
    """All that is sent between nodes."""

    KEPT: ClassVar = ("coding", "_sent", "_last")

    def __init__(
        self,
        env: Environment,
        journal: Journal,
        medium: Medium,
        coding: Coding | EstimatedCoding,
        transport: Transport,
        seed: int,
    ) -> None:
        self.env, self.journal, self.medium = env, journal, medium
        self.coding, self.transport, self._seed, self._loses = coding, transport, seed, transport.loses
        self._sent: Counter[tuple[str, str]] = Counter()
        self._last: dict[tuple[str, str, str], tuple[Tensor, ...]] = {}

    def transfer(
        self,
        sender: Node,
        receiver: Node,
        messages: Mapping[str, Tensor | tuple[Tensor, ...]],
        until_delivery: AbstractContextManager[None] = nullcontext(),  # noqa: B008 (may be entered many times)
    ) -> Steps:
        """Send tensors in one message, by kind; returns what the receiver decodes, in the same order.

        Encoding is paid for by the sender, the air by both, decoding by the receiver. ``gradients`` are those of the
        last ``activations`` that went the other way, and return through the same codecs. If the message does not
        arrive, the scenario's case of outage (by its first kind) is met: raises Lost or Skipped, or returns what came
        last. ``until_delivery`` holds while the sender has a part in it.
        """
        first, given = next(iter(messages)), {}
        for kind, value in messages.items():
            sender.custody.check(sender.name, f"{kind} sent", value)
            given[kind] = _tensors(value)
        letters, flops = self.coding.seal(sender.name, receiver.name, given, sender.place)
        case = self.transport.outage.of(first)
        try:
            with until_delivery:
                if flops:
                    yield from sender.spend("encode", flops)
                sizes = {kind: len(letter) for kind, letter in letters.items()}
                sizes[first] += self.transport.overhead_bytes
                holes = yield from self._fly(sender, receiver, sizes)
        except Lost:
            last = {kind: self._last.get((sender.name, receiver.name, kind), ()) for kind in messages}
            if case == "reuse" and _shapes(last) == _shapes(given):
                return _as_sent(messages, last)
            if case == "skip" or (case == "reuse" and MODEL_DOWNLOAD not in messages):
                raise Skipped from None
            raise
        received, flops = self.coding.unseal(sender.name, receiver.name, letters, holes, receiver.place)
        if flops:
            yield from receiver.spend("decode", flops)
        for tensors in received.values():
            receiver.custody.claim(receiver.name, tensors)
        if case == "reuse":
            self._last |= {(sender.name, receiver.name, kind): tensors for kind, tensors in received.items()}
        return _as_sent(messages, received)

    def broadcast(self, sender: Node, **message: Tensor | tuple[Tensor, ...]) -> Steps:
        """Encode tensors, ``kind=value``, for all who :meth:`hear` it: one transmission at the rate of the slowest.

        The bytes fly and count once: they and the sender's energy are shared out among those who receive them.
        Gradients in a broadcast are nobody's own, so that codecs of activations have no part in it: see
        :meth:`way_back`.
        """
        ((kind, value),) = message.items()
        sender.custody.check(sender.name, f"{kind} sent", value)
        letters, flops = self.coding.seal(sender.name, "", {kind: _tensors(value)}, sender.place)
        if flops:
            yield from sender.spend("encode", flops)
        return Broadcast(sender, letters, not isinstance(value, tuple))

    def hear(self, receiver: Node, message: Broadcast) -> Steps:
        """Listen to a broadcast, from its first bit; returns what this receiver decodes.

        A receiver that falls meanwhile leaves, and the others go on. Raises Lost or Skipped, or returns what came last,
        as :meth:`transfer` does; what came is not led back yet (:meth:`way_back`).
        """
        sender, ((kind, letter),) = message.sender, message.letters.items()
        link = sender.name, receiver.name, f"{kind} to all"
        size_bytes = len(letter) + self.transport.overhead_bytes
        if message.flight is None:
            message.flight = self.medium.broadcast(sender, size_bytes)
        assert message.flight.start_s == inf, f"{receiver.name} listens to a broadcast that is on the air already"
        message.flight.receivers.append(receiver)
        case = self.transport.outage.of(kind)
        try:
            holes = yield from self._fly(sender, receiver, {kind: size_bytes}, message.flight)
        except Lost:
            last = self._last.get(link)
            if case == "reuse" and last:
                return last[0] if message.single else last
            if case in ("skip", "reuse"):
                raise Skipped from None
            raise
        received, flops = self.coding.unseal(sender.name, "", message.letters, holes, receiver.place)
        if flops:
            yield from receiver.spend("decode", flops)
        tensors = received[kind]
        receiver.custody.claim(receiver.name, tensors)
        if case == "reuse":
            self._last[link] = tensors
        return tensors[0] if message.single else tensors

    def way_back(self, client: Node) -> Callable[[Tensor], Steps]:
        """For gradients of the client's last activations that return in a broadcast or in pieces: call it before.

        Returns what the client does with the gradient of what the server decoded, to have that of what it encoded.
        """
        steps, flops = self.coding.way_back(client.name, SERVER, client.name)

        def back(gradient: Tensor) -> Steps:
            if flops:
                yield from client.spend("decode", flops)
            (own,) = steps((gradient,))
            client.custody.claim(client.name, own)
            return own

        return back

    def _fly(
        self, sender: Node, receiver: Node, sizes: Mapping[str, int], flight: Flight | Journey | None = None
    ) -> Steps:
        """Let a message of these sizes by kind fly, or hear one that does; the lost bytes by kind, where there are."""
        asked_s, packets = self.env.now, self._packets(sender, receiver, sizes) if self._loses else None
        way: Flight | Journey | Repeated
        if flight is not None:
            way = flight
        elif packets is not None and not self.transport.leaves_holes(next(iter(sizes))):
            way = Repeated(self.env, packets, receiver, partial(self.medium.transmit, sender, receiver))
        else:
            way = self.medium.transmit(sender, receiver, sum(sizes.values()))
        try:
            if self.transport.timeout_s is None:
                yield way
            else:
                yield way | self.env.timeout(self.transport.timeout_s)
            delivery = way.part(receiver) if way.processed else self.medium.leave(way, receiver)
        except Interrupt:
            delivery = self.medium.leave(way, receiver)
            self._log_flight(asked_s, sender, receiver, _pieces(sizes, packets), delivery, way.relayed)
            raise
        if packets is not None and delivery.arrived and not isinstance(way, Repeated):
            packets.failed = packets.lost(way).astype(np.int_)
        self._log_flight(asked_s, sender, receiver, _pieces(sizes, packets), delivery, way.relayed)
        if not delivery.arrived:
            raise Lost
        return {} if packets is None else packets.holes()

    def _packets(self, sender: Node, receiver: Node, sizes: Mapping[str, int]) -> Packets:
        """The packets of the link's next message."""
        link = sender.name, receiver.name
        self._sent[link] += 1
        return Packets(self._seed, (*link, self._sent[link]), sizes, self.transport)

    def _log_flight(
        self,
        asked_s: float,
        sender: Node,
        receiver: Node,
        pieces: Sequence[Piece],
        delivery: Delivery,
        relayed: Sequence[Relayed],
    ) -> None:
        """Log one message as one row a piece and end, time and energy shared out by bytes, and one a relay and way."""
        took_off_s, landed_s, sent_bytes, transmit_j, receive_j, attempts, arrived = delivery
        first, start_s = pieces[0][0], min(took_off_s, landed_s)
        if start_s > asked_s:
            self.journal.write(asked_s, start_s, sender, WAIT, first, peer=receiver)
        total, before, flown = sum([size for _, size, _ in pieces]), 0, 0
        span_s = landed_s - start_s
        for kind, size, lost in pieces:
            share = size / total
            begin_s = start_s + span_s * (before / total)
            before += size
            end_s = landed_s if before == total else start_s + span_s * (before / total)
            # Receivers of a broadcast have a part of its bytes each; of what was broken off the last ones are missing.
            until = before * sent_bytes // total if arrived else min(before, sent_bytes)
            self.journal.write_flown(
                begin_s, end_s, sender, receiver, kind, until - flown, transmit_j * share, receive_j * share,
                0 if lost else attempts, arrived and not lost,
            )  # fmt: skip
            flown = until
        for relay, sent, begin_s, end_s, energy_j in relayed:
            activity = TRANSFER if sent else RECEIVE
            self.journal.write(begin_s, end_s, relay, activity, first, peer=relay, energy_j=energy_j)
        if sender.link < 0:
            receiver.downlink_bytes += sent_bytes
        else:
            sender.uplink_bytes += sent_bytes


def _pieces(sizes: Mapping[str, int], packets: Packets | None) -> list[Piece]:
    """What flies of a message: its kinds and, of each, what was lost on the way."""
    return [(kind, size, False) for kind, size in sizes.items()] if packets is None else packets.pieces()


def _as_sent(messages: Mapping[str, Any], received: Mapping[str, tuple[Tensor, ...]]) -> Any:
    """What came, in the form in which it was given."""
    shaped = [received[kind] if isinstance(was, tuple) else received[kind][0] for kind, was in messages.items()]
    return shaped[0] if len(shaped) == 1 else tuple(shaped)


def _tensors(value: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return value if isinstance(value, tuple) else (value,)


def _shapes(message: Mapping[str, tuple[Tensor, ...]]) -> list[list[tuple[int, ...]]]:
    return [[tuple(tensor.shape) for tensor in tensors] for tensors in message.values()]
