"""A run with its convergence bound: simulated under a survey, written beside the run's own files, drawn and told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wirelessfsl.api import simulate
from wirelessfsl.results.bounds import figure, told
from wirelessfsl.results.plots.sheets import save
from wirelessfsl.scenario import Scenario
from wirelessfsl.simulation import Progress
from wirelessfsl.survey import Survey


def bounded(
    scenario: Scenario, out: Path | None, report: Callable[[Progress], None], notice: Callable[[str], None]
) -> str:
    """Run a scenario, write ``bound.csv``, ``bound.json`` and the figure into its folder; returns what to tell of it.

    The arguments are those of :func:`wirelessfsl.api.simulate`, which says what is raised; besides ValueError if the
    scenario's scheme or optimiser has no bound here.
    """
    survey = Survey(scenario)
    run = simulate(scenario, out, report=report, notice=notice, watch=survey)
    survey.save(run.path)
    files = save(figure(run), run.path / "plots" / "bound")
    return told(run) + "\n".join(map(str, [run.path / "bound.csv", *files]))
