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
from wirelessfsl.results.plots.sheets import accuracies_of, curve_of, with_facts
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

NEEDS: dict[str, Callable[[Run], object]] = {
    **dict.fromkeys(("convergence", "tradeoff", "pareto"), curve_of),
    "fairness": accuracies_of,
}
"""What a run must have beside events; ValueError if it lacks it."""


def fit(kind: str, run: Run) -> None:
    """Raise ValueError for a run that lacks what a kind of figure shows."""
    with_facts(run)
    if kind in NEEDS:
        NEEDS[kind](run)
