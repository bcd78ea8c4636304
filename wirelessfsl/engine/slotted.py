"""OFDMA slot by slot: whole blocks, transport blocks with errors drawn, retransmissions, TDD, grants.

What is played in a slot flows during the slot, and a message is through with the slot in which its last block arrives.
Retransmissions come first, with the blocks that they had, then the scheduler deals out what is left. All that is random
has the stream of its link and the number of its slot. It validates the fluid of :mod:`wirelessfsl.engine.ofdma`. Where
blocks fail in a fade their retransmissions take slots of the better channel after it, which the fluid does not know.
Left out: errors of control channels and of the reported SINR, and others in the room that the last transport block of a
message leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, NamedTuple, Protocol

import numpy as np

from wirelessfsl.engine.airs import Flying, SharedAir, Use
from wirelessfsl.engine.ofdma import OfdmaAir
from wirelessfsl.radio.grid import Grid
from wirelessfsl.radio.nr.slots import Block
from wirelessfsl.radio.phy import OneWay
from wirelessfsl.radio.scheduling import Users
from wirelessfsl.streams import Floats, Keys, uniforms
from wirelessfsl.units import block

_ALMOST = 1e-6
"""Part of a slot that rounding may take."""
_A_BIT = 0.5
"""What is less than this has arrived, but for rounding."""


class Sending(Protocol):
    """What a message has of the physical layer, as :class:`wirelessfsl.radio.nr.slots.SlotLink` has it."""

    @property
    def free(self) -> bool: ...
    def due(self, slot: int) -> Block | None: ...
    def block(self, slot: int, prb: int, reported_sinr: float) -> Block | None: ...
    def send(self, block: Block, slot: int, sinr: float, uniform: float) -> int: ...


class Faultless(NamedTuple):
    """A physical layer whose blocks all arrive, with the bits that its efficiency has room for."""

    phy: OneWay
    grid: Grid

    @property
    def free(self) -> bool:
        """Always."""
        return True

    def due(self, slot: int) -> Block | None:
        """Nothing."""
        return None

    def block(self, slot: int, prb: int, reported_sinr: float) -> Block | None:
        """A block of so many resource blocks."""
        efficiency = self.phy.efficiency(np.array([reported_sinr])).item()
        return Block(0, prb, int(efficiency * prb * self.grid.block_hz * self.grid.slot_s))

    def send(self, block: Block, slot: int, sinr: float, uniform: float) -> int:
        """All of its bits."""
        block.delivered = True
        return block.bits


class Beginning(Protocol):
    """What messages over a link send by; links may remember something of it."""

    KEPT: ClassVar[tuple[str, ...]]

    def __call__(self, link: int) -> Sending: ...


class Queue(NamedTuple):
    """A message in the air: from which slot on it may send, by what, and its bits in blocks that have failed."""

    first: int
    sending: Sending
    failed: dict[Block, float]


class SlottedAir(SharedAir):
    """One direction of the radio channel, slot by slot.

    air: the same as a fluid. begin: what a message over a link sends by. wait_slots: its wait in slots, if it comes in
    a slot. own: whether a slot is of this direction. stream_keys: of every link, for errors.
    """

    KEPT: ClassVar = ("_air", "_begin", "_slot")

    def __init__(
        self,
        air: OfdmaAir,
        begin: Beginning,
        wait_slots: Callable[[int, int], int],
        own: Callable[[int], bool],
        stream_keys: Keys,
    ) -> None:
        self._air, self._begin, self._wait_slots, self._own, self._keys = air, begin, wait_slots, own, stream_keys
        self._queues: dict[int, Queue] = {}
        self._slot, self._arriving, self._sent = -1, dict[int, float](), dict[int, int]()
        self._use = Use(np.empty(0), np.empty(0))
        self._qualities, self._from_s, self._until_s = np.empty(0), np.inf, -np.inf

    def quality(self, time_s: float) -> Floats:
        """SNR of every link over the whole band."""
        if not self._from_s <= time_s < self._until_s:
            self._qualities = self._air.quality(time_s)
            self._from_s, self._until_s = time_s, self._air.next_change_s(time_s)
        return self._qualities

    def next_change_s(self, time_s: float) -> float:
        slot_s = self._air.grid.slot_s
        return min((block(time_s, slot_s) + 1) * slot_s, self._air.next_change_s(time_s))

    def rate_bit_s(self, quality: Floats, sharing: float | Floats) -> Floats:
        return self._air.rate_bit_s(quality, sharing)

    def rates_bit_s(self, flying: Flying) -> Floats:
        slot_s = self._air.grid.slot_s
        slot = block(flying.time_s, slot_s)
        numbers = flying.numbers.tolist()
        self._queues = {
            number: self._queues.get(number) or self._joining(link, slot)
            for number, link in zip(numbers, flying.links.tolist(), strict=True)
        }
        if slot != self._slot:
            begins = flying.time_s - slot * slot_s < _ALMOST * slot_s
            self._slot, self._sent, bits = slot, {}, np.zeros(len(numbers))
            if begins and self._own(slot):
                bits = self._play(slot, flying)
            self._arriving = dict(zip(numbers, bits.tolist(), strict=True))
        sent = np.array([self._sent.get(number, 0) for number in numbers])
        part = np.maximum(sent, 1) / self._air.grid.blocks
        self._use = Use(np.sign(sent).astype(np.float64), self._air.level(flying.links, part))
        return np.array([self._arriving.get(number, 0.0) for number in numbers]) / slot_s

    def use(self) -> Use | None:
        return None if self._air.use() is None else self._use

    def _joining(self, link: int, slot: int) -> Queue:
        return Queue(slot + self._wait_slots(link, slot), self._begin(link), {})

    def _play(self, slot: int, flying: Flying) -> Floats:
        """Bits of every message that arrive in a slot."""
        air, queues, links = self._air, list(self._queues.values()), flying.links
        bits, free, ready = np.zeros(len(queues)), air.grid.blocks, []

        def send(at: int, block: Block) -> None:
            _, sending, failed = queues[at]
            sinr = air.sinr(links[at], flying.quality[at], block.prb / air.grid.blocks).item()
            if block not in failed:
                failed[block] = min(float(block.bits), flying.bits[at] - sum(failed.values()))
            self._sent[int(flying.numbers[at])] = block.prb
            sending.send(block, slot, sinr, uniforms(self._keys[[links[at]]], slot).item())
            if block.delivered:
                bits[at] = failed.pop(block)
            elif block.lost:
                del failed[block]

        for at, (first, sending, failed) in enumerate(queues):
            if (again := sending.due(slot)) is not None:
                if again.prb <= free:
                    free -= again.prb
                    send(at, again)
            elif slot >= first and sending.free and flying.bits[at] - sum(failed.values()) > _A_BIT:
                ready.append(at)
        if ready and free:
            own = links[ready]
            whole = air.whole_bit_s(air.sinr(own, flying.quality[ready], 1.0))
            users = Users(whole, air.averages.at(flying.time_s, own, whole))
            for at, prb in zip(ready, air.scheduler.blocks(free, users, slot).tolist(), strict=True):
                if prb:
                    sinr = air.sinr(links[at], flying.quality[at], prb / air.grid.blocks).item()
                    made = queues[at].sending.block(slot, prb, sinr)
                    assert made is not None
                    send(at, made)
        air.averages.give(links, bits / air.grid.slot_s, flying.time_s + air.grid.slot_s)
        last = (bits > 0.0) & (flying.bits - bits < _A_BIT)
        return np.where(last, flying.bits * (1.0 + _ALMOST), bits)  # through just before the next slot is played
