"""A node under the clock: a processor with a queue, a radio, and perhaps a battery that runs empty.

Rows of energy in the log follow one convention. A computation's row holds what it drew *above* idle, a transfer's row
the whole power of its radio chain, and the row ``idle`` of each round the idle power of the processor (all the time)
and of the radio (while it is silent). Together they are the exact integral of the node's power.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from simpy import Environment, Event

from wirelessfsl.devices.battery import BatteryModel
from wirelessfsl.devices.compute import Processor
from wirelessfsl.devices.power_states import Powered
from wirelessfsl.engine.power import BUSY, IDLE, OFF, Chain, Meter, Radio
from wirelessfsl.learning.kernels import Kernel
from wirelessfsl.records import COMPUTE, WAIT

if TYPE_CHECKING:
    from wirelessfsl.engine.journal import Place
    from wirelessfsl.engine.world import World

Steps = Generator[Event, Any, Any]


class Node:
    """A device or a server. ``link`` is its row in the radio's arrays of links (devices only).

    ``alarm`` is when its battery runs empty, or has to be looked at anew, if nothing happens before. ``put_off`` tells
    the radio what it has drawn, where that is booked for many at once, and is called before anything is done with it.
    """

    KEPT: ClassVar = (
        "up",
        "gone",
        "falls",
        "uplink_bytes",
        "downlink_bytes",
        "free_since_s",
        "slowness",
        "radio",
        "meter",
        "_idle_reported_j",
    )

    def __init__(
        self, world: World, name: str, link: int, processor: Processor, radio: Powered, battery: BatteryModel
    ) -> None:
        self.world, self.name, self.link = world, name, link
        self.env: Environment = world.env
        self.journal, self.custody = world.journal, world.custody
        self.processor = processor
        self.up, self.gone = True, False
        self.falls = 0
        self.uplink_bytes = self.downlink_bytes = 0
        self.free_since_s = 0.0
        self.slowness = 1.0
        self.radio = Radio(radio)
        self.meter = Meter(processor.idle_w)
        self._capacity_j = battery.energy_j
        self.alarm: Event | None = None
        self.put_off: Callable[[], None] | None = None
        self._running_w: list[float] = []
        self._taken = 0
        self._queue: deque[Event] = deque()
        self._idle_reported_j = 0.0
        if self._capacity_j < inf:
            self._watch()

    def __repr__(self) -> str:
        return f"Node({self.name})"

    def place(self, what: str) -> Place:
        """What it does now, and where in the simulation that is."""
        return self.journal.place(self, what)

    # Computing

    def compute(self, kernel: Kernel, *args: Any) -> Steps:
        """Run a kernel here: wait for a slot, stay busy for its simulated seconds, return its result."""
        self.custody.check(self.name, kernel.name, args)
        if not self._free_slot():
            yield from self._turn(kernel.phase)
        about = self.place(kernel.name)
        work = self.world.executor.submit(kernel, *args, chain=about.client, about=about)
        try:
            yield from self._busy(kernel.phase, kernel.flops(*args))
            value = work.result()
        finally:
            work.cancel()
            self._release()
        self.custody.claim(self.name, value)
        return value

    def spend(self, phase: str, flops: float) -> Steps:
        """Be busy for ``flops`` operations whose result is made elsewhere (encoding, decoding)."""
        if not self._free_slot():
            yield from self._turn(phase)
        try:
            yield from self._busy(phase, flops)
        finally:
            self._release()

    def _free_slot(self) -> bool:
        """Take a slot if one is free."""
        if self._taken == self.processor.slots:
            return False
        self._taken += 1
        return True

    def _turn(self, phase: str) -> Steps:
        """Wait in line until a slot is handed over."""
        turn = self.env.event()
        self._queue.append(turn)
        begin = self.env.now
        try:
            yield turn
        except BaseException:
            if turn.triggered:
                self._release()
            else:
                self._queue.remove(turn)
            raise
        finally:
            self.journal.write(begin, self.env.now, self, WAIT, phase)

    def _release(self) -> None:
        if self._queue:
            self._queue.popleft().succeed()
        else:
            self._taken -= 1

    def _busy(self, phase: str, flops: float) -> Steps:
        nominal_s = self.processor.seconds(flops)
        if not nominal_s:
            return
        seconds = nominal_s * self.slowness
        power_w = self.processor.energy_j(flops) / nominal_s
        begin, share = self.env.now, 0.0
        self._running_w.append(power_w)
        self._power_changed(begin)
        try:
            yield self.env.timeout(seconds)
            share = 1.0
        finally:
            now = self.env.now
            elapsed = now - begin
            self._running_w.remove(power_w)
            self._power_changed(now)
            done = flops * (share or elapsed / seconds)
            self.journal.write(begin, now, self, COMPUTE, phase, None, 0, done, power_w * elapsed)

    # Radio

    def begin(self, chain: Chain) -> float:
        """A transfer begins on one of the radio's chains; returns what :meth:`end` wants back."""
        if self.put_off is not None:
            self.put_off()
        begun_j = self.radio.begin(chain, self.env.now, self.up)
        if self._capacity_j < inf:
            self._watch()
        return begun_j

    def end(self, chain: Chain, begun_j: float) -> float:
        """The transfer's energy (J) on that chain."""
        if self.put_off is not None:
            self.put_off()
        energy_j = self.radio.end(chain, self.env.now, self.up, begun_j)
        if self._capacity_j < inf:
            self._watch()
        return energy_j

    def flow(self, chain: Chain, change_bit_s: float) -> None:
        """The rate of a transfer on that chain changes; some radios draw more the quicker it is."""
        if chain.j_per_bit and change_bit_s:
            chain.flow_bit_s += change_bit_s
            self._radio_changed(self.env.now)

    def contend(self, airtime: float) -> None:
        """Transmit for a share of the time, and listen in the rest of it."""
        self.radio.airtime = airtime
        self._radio_changed(self.env.now)

    def radiate(self, duty: float, level: float) -> None:
        """Send for a share of the time, at a part of the power, what there is to send."""
        before_w = self.radio.sending_w
        self.radio.radiate(duty, level)
        if self.radio.sending_w != before_w:
            self._radio_changed(self.env.now)

    # Power

    def switch(self, up: bool) -> None:
        """Turn the node off (failure, empty battery) or on again."""
        self.up = up
        self._power_changed(self.env.now)
        self._radio_changed(self.env.now)

    def settle(self) -> None:
        """Bring both meters up to now."""
        if self.put_off is not None:
            self.put_off()
        self.meter.settle(self.env.now)
        self.radio.settle(self.env.now)

    @property
    def energy_j(self) -> float:
        """Energy drawn until the last settling: the integral of both meters."""
        return sum(self.meter.energy_j.values()) + sum(self.radio.meter.energy_j.values())

    @property
    def on_battery(self) -> bool:
        """Whether its energy can run out."""
        return self._capacity_j < inf

    @property
    def left_j(self) -> float:
        """Energy left in the battery at the last settling; infinite on mains."""
        return self._capacity_j - self.energy_j

    def take_idle_j(self) -> float:
        """Idle energy since the last call: idle power of the processor while on, and of the silent radio."""
        times = self.meter.time_s
        total = sum(self.radio.silent_j, self.processor.idle_w * (times[IDLE] + times[BUSY]))
        new, self._idle_reported_j = total - self._idle_reported_j, total
        return new

    def _power_changed(self, now: float) -> None:
        if not self.up:
            self.meter.change(now, OFF, 0.0)
        elif self._running_w:
            self.meter.change(now, BUSY, self.processor.idle_w + sum(self._running_w))
        else:
            self.meter.change(now, IDLE, self.processor.idle_w)
        if self._capacity_j < inf:
            self._watch()

    def _radio_changed(self, now: float) -> None:
        if self.put_off is not None:
            self.put_off()
        self.radio.update(now, self.up)
        if self._capacity_j < inf:
            self._watch()

    def _watch(self) -> None:
        """Set the alarm for the instant when the battery runs empty at the present power."""
        if self.gone:
            return
        self.settle()
        left_j = self._capacity_j - self.energy_j
        power_w = self.meter.power_w + self.radio.meter.power_w
        changes_in_s = self.radio.next_change_s - self.env.now
        lasts_s = left_j / power_w if power_w else inf
        delay_s = min(lasts_s, changes_in_s)
        self.alarm = None
        if delay_s < inf:
            self.alarm = alarm = self.env.event()
            alarm.callbacks.append(self.ring)
            alarm._ok, alarm._value = True, lasts_s <= changes_in_s
            self.env.schedule(alarm, delay=max(delay_s, 0.0))

    def ring(self, alarm: Event) -> None:
        """The battery is empty, or the silent radio changes its state."""
        if alarm is not self.alarm:
            return
        if alarm.value:
            self.gone = True
            self.world.sessions.fell(self, "battery")
        else:  # the silent radio changes its state: from here on the battery lasts longer
            self._watch()
