"""What a run shows of itself while it goes on."""

from __future__ import annotations

import sys
from math import isnan
from time import perf_counter
from typing import TYPE_CHECKING

from wirelessfsl.results.prefixes import said

if TYPE_CHECKING:
    from wirelessfsl.simulation import Progress


class ProgressLine:
    """Round, simulated time, accuracy, energy and host time left: one live line on a terminal, else a line a round."""

    def __init__(self, live: bool) -> None:
        self.live, self.begin = live, perf_counter()
        self.before: int | None = None

    def __enter__(self) -> ProgressLine:
        return self

    def __call__(self, at: Progress) -> None:
        if self.before is None:  # a resumed run has rounds that were played before
            self.before = at.round - 1
        left_s = (perf_counter() - self.begin) / (at.round - self.before) * (at.rounds - at.round)
        accuracy = ""
        if at.accuracy is not None:
            accuracy = f"  accuracy {'not known yet' if isnan(at.accuracy) else f'{at.accuracy:.3f}'}"
        line = (
            f"round {at.round}/{at.rounds}  simulated {said('s', at.time_s)}{accuracy}"
            f"  energy {said('J', at.energy_j)}  host time left {left_s:.0f} s"
        )
        print(f"\r{line}\x1b[K" if self.live else line, end="" if self.live else "\n", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        if self.live:
            print(file=sys.stderr)
