"""Least energy under a deadline: how slow a processor may be clocked and how softly a radio may send.

Computing C cycles at the clock f takes C / f and kappa C f^2 joules, so slower is always cheaper; sending D bits over a
band B in the time t takes the power p(t) = (N0 B / g) (2^(D / (t B)) - 1) at least, so slower radiates less. A deadline
for both is split between them where the sum of the energies, which is convex, is least. Follows Yang et al., IEEE TWC
20(3), 2021 (energy-efficient federated learning) and Mao et al., IEEE JSAC 34(12), 2016, with a transmitter that draws
p / efficiency + circuit_w. Arrays have shape (n,), one entry a device. Left out: tables of clocks and of modulations,
for which the simulation searches (:mod:`wirelessfsl.economy`), idle power, and bands that are divided anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log
from typing import NamedTuple

import numpy as np

from wirelessfsl.streams import Floats

_GOLDEN = (5.0**0.5 - 1.0) / 2.0
_STEPS = 90
"""Of a golden section, each of which leaves 62 % of the interval: to the resolution of a float."""


def clock_hz(cycles: Floats | float, time_s: Floats | float, max_hz: Floats | float, min_hz: float = 0.0) -> Floats:
    """The clock at which a computation takes just the time there is, f = C / T, within a processor's range.

    cycles: C, >= 0.
    time_s: T in s; if it is too short the clock is the greatest, and the computation late.
    max_hz, min_hz: range of the clock in Hz.

    >>> float(clock_hz(2e9, 1.6, 2e9))
    1250000000.0
    """
    return np.clip(cycles / np.maximum(time_s, 1e-30), min_hz, max_hz)


def computing_j(cycles: Floats | float, clock_hz: Floats | float, kappa: Floats | float) -> Floats:
    """Energy kappa C f^2 of a computation above idle, J.

    cycles: C. clock_hz: f in Hz. kappa: in J/(cycle Hz^2).

    >>> computing_j(2e9, 1.25e9, 1e-28)
    array(0.3125)
    """
    return np.asarray(kappa * cycles * np.square(clock_hz))


def sending_w(
    bits: Floats | float, time_s: Floats | float, bandwidth_hz: Floats | float, noise_w_hz: Floats | float
) -> Floats:
    """Least radiated power p = N B (2^(D / (t B)) - 1) that sends bits in a time, W (Shannon).

    bits: D. time_s: t in s, > 0. bandwidth_hz: B in Hz.
    noise_w_hz: noise density over the link's power gain, N = N0 / g, W/Hz.

    >>> float((0.2 * sending_w(1e6, 0.2, 1e6, 3.981071705534985e-10)).round(12))
    0.002468264457
    """
    power: Floats = noise_w_hz * bandwidth_hz * np.expm1(np.minimum(bits * log(2.0) / (time_s * bandwidth_hz), 700.0))
    return power


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """A round's work of n devices: each computes, then sends.

    cycles: C of each. kappa: J/(cycle Hz^2). max_hz: greatest clock in Hz.
    bits: D of each. bandwidth_hz: of each one's own band. noise_w_hz: N0 / g in W/Hz. max_w: greatest radiated power.
    efficiency: of the amplifier. circuit_w: drawn besides while sending.
    min_hz: least clock.
    """

    cycles: Floats
    kappa: Floats
    max_hz: Floats
    bits: Floats
    bandwidth_hz: Floats | float
    noise_w_hz: Floats
    max_w: Floats
    efficiency: float = 1.0
    circuit_w: float = 0.0
    min_hz: float = 0.0

    @property
    def shortest_s(self) -> tuple[Floats, Floats]:
        """Seconds of computing at the greatest clock, and of sending at the greatest power."""
        rate = self.bandwidth_hz * np.log2(1.0 + self.max_w / (self.noise_w_hz * self.bandwidth_hz))
        return self.cycles / self.max_hz, self.bits / rate


class Plan(NamedTuple):
    """What n devices do: clocks, radiated powers, seconds of sending, and joules (infinite where it cannot be done)."""

    clock_hz: Floats
    power_w: Floats
    sending_s: Floats
    energy_j: Floats


def under_deadline(jobs: Jobs, deadline_s: Floats | float) -> Plan:
    """Least energy of devices that each have until a deadline for computing and sending.

    min kappa C f^2 + t (p(t) / efficiency + circuit_w) with f = C / (deadline - t), by golden section over t.

    jobs: what each has to do, and with what.
    deadline_s: of each, s, or of all.

    >>> one = np.ones(1)
    >>> jobs = Jobs(cycles=2e9 * one, kappa=1e-28 * one, max_hz=2e9 * one, bits=1e6 * one, bandwidth_hz=1e6,
    ...             noise_w_hz=3.981e-10 * one, max_w=0.2 * one)
    >>> plan = under_deadline(jobs, 2.6)
    >>> bool(plan.energy_j[0] < 0.3125 + 0.0004)
    True
    """
    computing_s, least_s = jobs.shortest_s
    room_s = deadline_s - computing_s

    def plan(sending_s: Floats) -> Plan:
        clock = clock_hz(jobs.cycles, deadline_s - sending_s, jobs.max_hz, jobs.min_hz)
        power = sending_w(jobs.bits, sending_s, jobs.bandwidth_hz, jobs.noise_w_hz)
        energy = computing_j(jobs.cycles, clock, jobs.kappa)
        energy = energy + sending_s * (power / jobs.efficiency + jobs.circuit_w)
        return Plan(clock, power, sending_s, energy)

    possible = room_s >= least_s * (1.0 - 1e-12)
    sending_s = golden(lambda t: plan(t).energy_j, least_s, np.maximum(room_s, least_s))
    found = plan(sending_s)
    return found._replace(energy_j=np.where(possible, found.energy_j, np.inf))


def weighted(jobs: Jobs, second_j: float) -> tuple[float, Plan]:
    """The deadline, common to all, at which joules and seconds together are least: min J(T) + w T.

    J is the sum of :func:`under_deadline`; it is convex in T, and w T grows.

    jobs: what each has to do, and with what.
    second_j: w, how many joules a second is worth, > 0.

    Returns the deadline T in s and what the devices do.
    """
    computing_s, sending_s = jobs.shortest_s
    shortest = float((computing_s + sending_s).max())

    def cost(deadline_s: Floats) -> Floats:
        return np.array([under_deadline(jobs, float(t)).energy_j.sum() + second_j * t for t in deadline_s])

    ends = shortest * np.array([1.0, 2.0])
    while cost(ends[1:]) < cost(ends[:1]):
        ends = ends[1] * np.array([1.0, 2.0])
    deadline_s = float(golden(cost, np.array([max(shortest, ends[0] / 2.0)]), ends[1:])[0])
    return deadline_s, under_deadline(jobs, deadline_s)


def golden(cost: Callable[[Floats], Floats], low: Floats, high: Floats) -> Floats:
    """Where convex costs are least between two bounds, each entry by itself (golden section; Kiefer 1953).

    cost: of points, shape (n,), each entry a function of its own.
    low, high: bounds, shape (n,).

    >>> golden(lambda x: (x - np.array([1.0, 5.0])) ** 2, np.zeros(2), np.full(2, 3.0)).round(6)
    array([1., 3.])
    """
    low, high = np.array(low, dtype=np.float64), np.array(high, dtype=np.float64)
    ends = low.copy(), high.copy()
    for _ in range(_STEPS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        leftwards = cost(left) <= cost(right)
        low, high = np.where(leftwards, low, left), np.where(leftwards, right, high)
    points = np.stack([(low + high) / 2.0, *ends])
    best: Floats = np.take_along_axis(points, np.argmin([cost(x) for x in points], axis=0)[None], axis=0)[0]
    return best
