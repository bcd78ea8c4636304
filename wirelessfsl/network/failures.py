"""When links are down: in windows that the scenario names, and blocked at random.

A link that is down carries nothing in either direction, and what was on its way goes on afterwards. It is down while
one of its ends is, or something between them. Computing goes on meanwhile, at the server too: an outage of the server
is one of all that leads there. Devices that fail are another matter (``devices.failures``). Left out: links that are
down in part, blockage that hits neighbours together, and messages that take another way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from math import inf
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.settings import Kinds, settings
from wirelessfsl.streams import stream
from wirelessfsl.units import NonNegative, Positive

Interval = tuple[float, float]
"""Down from, and up again at, s."""


@settings
class LinkFailure:
    """A window of time, from_s <= t < to_s, in which a link carries nothing (an entry of ``network.failures``).

    of: what fails: [client-3] and [relay-name] the radio link (or the pipe) of that device, [server] all that leads to
        the server, [site-0, cloud] the wire between two nodes of the topology.
    from_s: when it goes down, s, >= 0.
    to_s: when it is up again, s, later than that.

    Raises ValueError for a window that ends before it begins, and for other numbers of names than one or two.

    >>> LinkFailure(of=("server",), from_s=10.0, to_s=12.5).window
    (10.0, 12.5)
    """

    of: tuple[str, ...]
    from_s: NonNegative = 0.0
    to_s: Positive = 60.0

    def __post_init__(self) -> None:
        if not 1 <= len(self.of) <= 2:
            raise ValueError(f"LinkFailure.of: got {list(self.of)}, must be one name or the two ends of a wire")
        if self.to_s <= self.from_s:
            raise ValueError(f"LinkFailure.to_s: got {self.to_s:g}, must be > from_s = {self.from_s:g}")

    @property
    def window(self) -> Interval:
        """When it is down."""
        return self.from_s, self.to_s


@settings
class NoBlockage:
    """Nothing stands in the way of a radio link.

    >>> list(NoBlockage().intervals(seed=1, name="client-0"))
    []
    """

    kind: Literal["none"] = "none"

    def intervals(self, seed: int, name: str) -> Iterator[Interval]:
        """None."""
        return iter(())


@settings
class RandomBlockage:
    """Every device's radio link is clear and blocked by turns for independent exponential times.

    It begins clear; in the long run it is blocked for B / (A + B) of the time, with the means A of clear and B of
    blocked times (an alternating renewal process). Both directions are blocked together. All times come from the stream
    ("blockage", device).

    mean_clear_s: mean A of the times in which the link is clear, s, > 0.
    mean_blocked_s: mean B of those in which it carries nothing, s, > 0.

    >>> begin_s, end_s = next(RandomBlockage().intervals(seed=1, name="client-0"))
    >>> 0 < begin_s < end_s
    True
    """

    kind: Literal["random"] = "random"
    mean_clear_s: Positive = 10.0
    mean_blocked_s: Positive = 1.0

    def intervals(self, seed: int, name: str) -> Iterator[Interval]:
        """When the link of a device is blocked: without end, in order; the same for the same seed and name."""
        draw = stream(seed, "blockage", name).exponential
        clear_s = 0.0
        while True:
            blocked_s = clear_s + draw(self.mean_clear_s)
            clear_s = blocked_s + draw(self.mean_blocked_s)
            yield blocked_s, clear_s


Blockage = Annotated[NoBlockage | RandomBlockage, Kinds()]


class Downtimes:
    """Which of some links are down, as time goes by.

    intervals: of every link, those in which it is down, in order of their beginnings; they may overlap.

    >>> links = Downtimes([[(1.0, 3.0), (2.0, 4.0)], []])
    >>> links.up(2.5).tolist(), links.next_change_s(2.5), links.up(4.0).tolist(), links.next_change_s(4.0)
    ([False, True], 4.0, [True, True], inf)
    """

    def __init__(self, intervals: Sequence[Iterable[Interval]]) -> None:
        self._later = [joined(each) for each in intervals]
        self._begin_s, self._end_s = (np.full(len(intervals), -inf) for _ in range(2))

    def up(self, time_s: float) -> NDArray[np.bool_]:
        """Whether each link is up at an instant, shape (n,). The instants of a run do not go back.

        time_s: instant, s, >= 0.
        """
        while len(over := np.flatnonzero(self._end_s <= time_s)):
            for link in over:
                self._begin_s[link], self._end_s[link] = next(self._later[link], (inf, inf))
        return time_s < self._begin_s

    def next_change_s(self, time_s: float) -> float:
        """First instant after ``time_s`` at which a link goes down or comes up, s."""
        changes_s = np.where(self.up(time_s), self._begin_s, self._end_s)
        return float(changes_s.min())


def joined(intervals: Iterable[Interval]) -> Iterator[Interval]:
    """Intervals that do not touch, of those that may, in order of their beginnings.

    >>> list(joined([(1.0, 3.0), (2.0, 4.0), (5.0, 6.0)]))
    [(1.0, 4.0), (5.0, 6.0)]
    """
    begin_s, end_s = inf, -inf
    for start_s, stop_s in intervals:
        if start_s > end_s:
            if end_s > -inf:
                yield begin_s, end_s
            begin_s, end_s = start_s, stop_s
        end_s = max(end_s, stop_s)
    if end_s > -inf:
        yield begin_s, end_s


def downtimes(
    failures: Sequence[LinkFailure], blockage: NoBlockage | RandomBlockage, seed: int, links: Sequence[Sequence[str]]
) -> Downtimes:
    """Downtimes of links, each with the names of all that it needs, such as client-3 and server.

    A wire has the two names of its ends as one, joined by a space, in the order of the alphabet.
    """

    def of(needs: Sequence[str]) -> Iterator[Interval]:
        windows = sorted(each.window for each in failures if " ".join(sorted(each.of)) in needs)
        return merge(windows, *(blockage.intervals(seed, name) for name in needs if name != "server"))

    return Downtimes([of(needs) for needs in links])
