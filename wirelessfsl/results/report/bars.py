"""Where time, energy and traffic go: stacked bars of phases, the mean over the seeds of a scenario."""

from __future__ import annotations

from collections.abc import Sequence

from wirelessfsl.results.groups import Group
from wirelessfsl.results.looks import OTHER, looks, words
from wirelessfsl.results.metrics import energy_by_phase, latency_by_phase
from wirelessfsl.results.prefixes import scale
from wirelessfsl.results.report.charts import Chart, Trace, around, chart, fill, text

SMALL = 0.002
"""Phases up to this share of every bar are shown as one; the tables have them all."""
Phases = dict[str, float]


def bars(groups: Sequence[Group]) -> list[Chart]:
    """Seconds of a client's round, joules of devices and of the server, and bytes, by phase; those that are there."""
    names = [group.label for group in groups]
    shown = (
        ("Time of a client's round", "mean time of a client's round", "s", "Mean over clients and rounds."),
        ("Energy of all devices", "energy of all devices", "J", "Of the whole run, idle included."),
        ("Energy of the server", "energy of the server", "J", "Of the whole run, idle included."),
        ("Traffic", "traffic, up and down", "B", "Of the whole run, everything that flew."),
    )
    panels = zip(shown, zip(*map(costs, groups), strict=True), strict=True)
    return [_stacked(*words, list(bars), names) for words, bars in panels if any(sum(bar.values()) for bar in bars)]


def costs(group: Group) -> tuple[Phases, Phases, Phases, Phases]:
    """Seconds of a client's round, joules of the devices, joules of the server, and bytes of the run, by phase.

    Means over the runs of the group.
    """
    energies = [energy_by_phase(run.facts) for run in group.runs]
    return (
        _mean([latency_by_phase(run.facts) for run in group.runs if run.facts.start_s.size]),
        _mean([each["devices"] for each in energies]),
        _mean([each["server"] for each in energies]),
        _mean([run.summary["bytes"]["by_phase"] for run in group.runs]),
    )


def _mean(values: Sequence[Phases]) -> Phases:
    """Key by key; a phase that a run lacks took it nothing."""
    phases = dict.fromkeys(phase for value in values for phase in value)
    return {phase: sum(value.get(phase, 0.0) for value in values) / len(values) for phase in phases}


def _stacked(title: str, axis: str, unit: str, caption: str, bars: list[Phases], names: list[str]) -> Chart:
    fit = scale(unit, max(sum(bar.values()) for bar in bars))
    bars = _folded(bars)
    traces: list[Trace] = [
        {
            "type": "bar",
            "orientation": "h",
            "name": text(words(phase)),
            "y": [*range(len(bars))],
            "x": [bar.get(phase, 0.0) / fit.factor for bar in bars],
            "customdata": [100 * bar.get(phase, 0.0) / (sum(bar.values()) or 1.0) for bar in bars],
            "hovertemplate": f"%{{x:.4g}} {fit.unit}, %{{customdata:.1f}} %<extra>%{{fullData.name}}</extra>",
            "marker": fill(look),
        }
        for phase, look in looks(phase for bar in bars for phase in bar).items()
    ]
    lines = max(text(name, 28).count("<br>") + 1 for name in names)
    return chart(
        title,
        caption,
        traces,
        f"{axis} ({fit.unit})",
        "",
        height=around(len(traces), 3) + len(names) * max(30, 15 * lines + 6),
        barmode="stack",
        showlegend=True,
        yaxis={
            "tickvals": [*range(len(names))],
            "ticktext": [text(name, 28) for name in names],
            "autorange": "reversed",
            "showgrid": False,
            "ticklabelstandoff": 4,
            "fixedrange": True,
        },
    )


def _folded(bars: list[Phases]) -> list[Phases]:
    """The same bars, but phases that are small in all of them are added up as one."""
    shown = {phase for bar in bars for phase, value in bar.items() if value > SMALL * sum(bar.values())}
    kept = [{phase: value for phase, value in bar.items() if phase in shown} for bar in bars]
    small = [sum(value for phase, value in bar.items() if phase not in shown) for bar in bars]
    return [bar | ({OTHER: rest} if rest else {}) for bar, rest in zip(kept, small, strict=True)]
