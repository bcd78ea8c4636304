"""Logarithmic axes with plain numbers on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter

TICKED = 6
"""Places that all have a tick."""


def logarithmic(panel: Axes, which: Literal["x", "y"], low: float, high: float, places: Sequence[float] = ()) -> None:
    """Make an axis of a panel logarithmic, with ticks at the few places given or as many as have room.

    low, high: the values on it, > 0.
    """
    panel.set(**{f"{which}scale": "log"})
    axis = panel.xaxis if which == "x" else panel.yaxis
    subs = (1, 2, 5) if high < 10 * low else (1, 3) if high < 100 * low else (1,)
    axis.set_major_locator(FixedLocator(places) if 0 < len(places) <= TICKED else LogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
