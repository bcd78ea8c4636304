"""When a node is down: never, at given instants, or at random.

A failure model is a function from a node's name to its outages, intervals of simulated time in increasing order that do
not overlap. It may be infinite, so take from it only as far as the run goes. What being down means (the node leaves the
round) is the engine's business. Left out: failures of links and failures that strike several nodes together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Literal

from wirelessfsl.settings import Kinds, settings
from wirelessfsl.streams import stream
from wirelessfsl.units import NonNegative, Positive


@settings
class NoFailures:
    """The node is never down.

    >>> list(NoFailures().outages(seed=1, node="client-0"))
    []
    """

    kind: Literal["none"] = "none"

    def outages(self, seed: int, node: str) -> Iterator[tuple[float, float]]:
        """No outage."""
        return iter(())


@settings
class FailAt:
    """The node goes down at given instants and is up again a fixed time later, or never.

    times_s: instants of failure in s, >= 0, at least one, increasing, each after the repair of the one before.
    repair_s: duration of every outage in s, > 0; None for good, which leaves room for one instant only.

    Raises ValueError where the instants are out of order, negative, or fall into an earlier outage.

    >>> list(FailAt(times_s=(10.0, 50.0), repair_s=5.0).outages(seed=1, node="client-0"))
    [(10.0, 15.0), (50.0, 55.0)]
    """

    kind: Literal["at"] = "at"
    times_s: tuple[NonNegative, ...] = (60.0,)
    repair_s: Positive | None = None

    def __post_init__(self) -> None:
        if not self.times_s or min(self.times_s) < 0:
            raise ValueError(f"FailAt.times_s: got {self.times_s!r}, must be one or more instants >= 0")
        duration_s = math.inf if self.repair_s is None else self.repair_s
        for earlier, later in pairwise(self.times_s):
            if later <= earlier + duration_s:
                raise ValueError(
                    f"FailAt.times_s: got {later!r} after {earlier!r}, must be later than the repair at "
                    f"{earlier + duration_s!r} (repair_s is {self.repair_s!r})"
                )

    def outages(self, seed: int, node: str) -> Iterator[tuple[float, float]]:
        """Intervals (down_from_s, up_again_s); the last ends at infinity where there is no repair."""
        duration_s = math.inf if self.repair_s is None else self.repair_s
        return ((start_s, start_s + duration_s) for start_s in self.times_s)


@settings
class RandomFailures:
    """The node is up and down by turns for independent exponential times (an alternating renewal process).

    In the long run it is up for mean_time_to_failure_s / (mean_time_to_failure_s + mean_repair_s) of the time (Ross,
    Introduction to Probability Models, alternating renewal processes). All times come from the stream
    ("failures", node).

    mean_time_to_failure_s: mean time up in s, > 0.
    mean_repair_s: mean time down in s, > 0.

    >>> down_s, up_s = next(RandomFailures().outages(seed=1, node="client-0"))
    >>> 0 < down_s < up_s
    True
    """

    kind: Literal["random"] = "random"
    mean_time_to_failure_s: Positive = 3600.0
    mean_repair_s: Positive = 60.0

    def outages(self, seed: int, node: str) -> Iterator[tuple[float, float]]:
        """Intervals (down_from_s, up_again_s) without end; the same for the same seed and node."""
        draw = stream(seed, "failures", node).exponential
        up_s = 0.0
        while True:
            down_s = up_s + draw(self.mean_time_to_failure_s)
            up_s = down_s + draw(self.mean_repair_s)
            yield down_s, up_s


Failures = Annotated[NoFailures | FailAt | RandomFailures, Kinds()]
