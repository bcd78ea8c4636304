"""Traces: rates and latencies that were measured, or made elsewhere, as functions of time.

A trace is a step function from the instant 0 on. It comes from a CSV file of times and values or, for rates, in the
packet-delivery format of Mahimahi (Netravali et al., USENIX ATC 2015): a line for every packet of 1500 bytes that can
leave, with its time in whole milliseconds; the trace begins anew after the last. Left out: the queue in which Mahimahi
keeps packets, and packets themselves: bits flow at the mean rate of a bin.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from math import inf
from typing import Literal

import numpy as np

from wirelessfsl.network.tables import read_lines, read_table
from wirelessfsl.units import BITS_PER_BYTE, block

AtEnd = Literal["loop", "hold", "stop"]
Direction = Literal["uplink", "downlink"]
Format = Literal["csv", "mahimahi"]

PACKET_BITS = 1500 * BITS_PER_BYTE
"""What a line of a packet-delivery trace lets leave."""


class TraceEnded(RuntimeError):
    """A run has come to the end of a trace that must not be left."""


class Steps:
    """A step function of time: each value holds from its instant to the next one, the last until the end.

    times_s: instants, from 0 on, rising. values: from each on. end_s: end of the trace, after the last instant.
    at_end: begin again at the end (loop), keep the last value (hold), or raise TraceEnded (stop). name: for that.

    >>> steps = Steps([0.0, 2.0], [10.0, 40.0], 3.0, "loop", "x.csv")
    >>> steps.value(1.0), steps.value(5.5), steps.next_change_s(5.5), steps.integral(1.0, 5.5)
    (10.0, 40.0, 6.0, 90.0)
    """

    def __init__(
        self, times_s: Sequence[float], values: Sequence[float], end_s: float, at_end: AtEnd, name: str
    ) -> None:
        self._times_s, self._values, self._end_s = list(times_s), list(values), end_s
        self._at_end, self._name = at_end, name
        spans = (after - before for before, after in pairwise([*times_s, end_s]))
        self._sums = [0.0, *accumulate(span * value for span, value in zip(spans, values, strict=True))]

    def value(self, time_s: float) -> float:
        """The value at an instant, s, >= 0. Raises TraceEnded at the end of a trace that stops."""
        if self._at_end == "stop" and time_s >= self._end_s:
            raise TraceEnded(
                f"{self._name} ends after {self._end_s:g} s: give a longer one, or set network.medium.at_end to loop"
                " or hold"
            )
        return self._values[self._find(time_s)[-1]]

    def next_change_s(self, time_s: float) -> float:
        """First instant after ``time_s`` at which the value may change, s; infinity if it never does."""
        rounds, begin_s, at = self._find(time_s)
        if at + 1 < len(self._times_s):
            return begin_s + self._times_s[at + 1]
        return inf if self._at_end == "hold" else (rounds + 1) * self._end_s

    def integral(self, begin_s: float, end_s: float) -> float:
        """The exact integral from one instant to another: of a rate in bit/s the bits that flow."""
        return self._until(end_s) - self._until(begin_s)

    @property
    def mean(self) -> float:
        """The mean value over the trace."""
        return self._values[0] if self._end_s == inf else self._sums[-1] / self._end_s

    def _find(self, time_s: float) -> tuple[int, float, int]:
        """How often the trace began anew, when it did last, and its step; comparisons are with the sums told by it."""
        loops = self._at_end == "loop" and self._end_s < inf
        rounds = block(time_s, self._end_s) if loops else 0
        begin_s = rounds * self._end_s if loops else 0.0
        return rounds, begin_s, bisect_right(self._times_s, time_s, key=lambda after_s: begin_s + after_s) - 1

    def _until(self, time_s: float) -> float:
        rounds, begin_s, at = self._find(time_s)
        before = rounds * self._sums[-1] if rounds else 0.0
        return before + self._sums[at] + self._values[at] * (time_s - (begin_s + self._times_s[at]))


def read_rates(
    paths: Sequence[str], direction: Direction, form: Format, bin_s: float, at_end: AtEnd
) -> dict[str, Steps]:
    """Traces of rates in bit/s from files, by device or else by file.

    paths: CSV files with the columns time_s and rate_bit_s and, where there are several traces in a file, direction
        (uplink or downlink; rows without one are for both) and device; or files in the format of Mahimahi.
    bin_s: time over which rates of the latter are means, s, in whole milliseconds.

    Raises ValueError with file and line for what cannot be read, if a rate is 0 for ever, or if a file has no trace of
    the direction.
    """
    if form == "csv":
        found = _read(paths, "rate_bit_s", direction, at_end)
    else:
        found = {path: _packets(path, round(1000 * bin_s), at_end) for path in paths}
    for name, steps in found.items():
        if steps.mean == 0 or (at_end == "hold" and steps.value(inf) == 0):
            raise ValueError(f"{name}: ends with a rate of 0 for ever, must have one > 0")
    return found


def read_latencies(paths: Sequence[str], direction: Direction, at_end: AtEnd) -> dict[str, Steps]:
    """Traces of latencies in s from CSV files with the columns time_s and latency_s, otherwise as those of rates."""
    return _read(paths, "latency_s", direction, at_end)


def _read(paths: Sequence[str], column: str, direction: Direction, at_end: AtEnd) -> dict[str, Steps]:
    points: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for path in paths:
        rows = read_table(path, ("time_s", column), ("direction", "device"))
        for line, (time_s, value), (way, device) in rows:
            if value < 0:
                raise ValueError(f"{path}:{line}: {column}: got {value:g}, must be >= 0")
            if way not in ("", "uplink", "downlink"):
                raise ValueError(f"{path}:{line}: direction: got {way!r}, allowed: uplink, downlink")
            if way not in ("", direction):
                continue
            steps = points.setdefault((path, device), [])
            if steps and time_s <= steps[-1][0]:
                raise ValueError(f"{path}:{line}: time_s: got {time_s:g}, must be > {steps[-1][0]:g}, the time before")
            steps.append((time_s, value))
        if not any(path == its for its, _ in points):
            raise ValueError(f"{path}: has no rows of direction {direction}")
    named = [device or path for path, device in points]
    if len(set(named)) < len(named):
        twice = next(name for name in named if named.count(name) > 1)
        raise ValueError(f"{twice}: is in more than one file, must be in one")
    return {name: _steps(rows, at_end, name) for name, rows in zip(named, points.values(), strict=True)}


def _steps(rows: list[tuple[float, float]], at_end: AtEnd, name: str) -> Steps:
    """Times count from the first; the last value lasts as long as the one before it, a single one for ever."""
    after_s, values = [time_s - rows[0][0] for time_s, _ in rows], [value for _, value in rows]
    end_s = 2 * after_s[-1] - after_s[-2] if len(rows) > 1 else inf
    return Steps(after_s, values, end_s, at_end, name)


def _packets(path: str, bin_ms: int, at_end: AtEnd) -> Steps:
    """The mean rate in bins that end with the times at which packets leave."""
    times_ms = np.fromiter(_milliseconds(path), dtype=np.int64)
    if not len(times_ms) or times_ms[-1] == 0:
        raise ValueError(f"{path}: must have a line after the instant 0")
    end_ms = int(times_ms[-1])
    edges_ms = np.append(np.arange(0, end_ms, bin_ms), end_ms)
    counts = np.bincount(np.maximum(-(-times_ms // bin_ms) - 1, 0), minlength=len(edges_ms) - 1)
    rates = counts * PACKET_BITS / (np.diff(edges_ms) / 1000)
    return Steps((edges_ms[:-1] / 1000).tolist(), rates.tolist(), end_ms / 1000, at_end, path)


def _milliseconds(path: str) -> Iterator[int]:
    before = 0
    for line, text in enumerate(read_lines(path), 1):
        if not text.strip().isdecimal() or int(text) < before:
            raise ValueError(f"{path}:{line}: got {text!r}, must be whole milliseconds, at least {before}")
        before = int(text)
        yield before
