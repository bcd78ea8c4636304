"""The kinds of figures of runs.

Every figure is a function of run folders and returns a Matplotlib ``Figure``; no window and no global state are
touched. A run that lacks what a figure shows raises ValueError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.figure import Figure

from wirelessfsl.results.plots.battery import battery
from wirelessfsl.results.plots.convergence import convergence
from wirelessfsl.results.plots.distribution import latency_cdf
from wirelessfsl.results.plots.fairness import fairness
from wirelessfsl.results.plots.stacked import energy, latency
from wirelessfsl.results.plots.timeline import timeline
from wirelessfsl.results.store import Run

KINDS: dict[str, Callable[[Sequence[Run], float], Figure]] = {
    "latency": latency,
    "latency_cdf": latency_cdf,
    "energy": energy,
    "convergence": convergence,
    "fairness": fairness,
    "battery": battery,
    "timeline": timeline,
}
"""What ``wirelessfsl plot --kind`` can draw of runs, each in a given width in inches."""
