"""The page itself: its sections in order, from run folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

from wirelessfsl.results.groups import Group, group, told_apart
from wirelessfsl.results.looks import SchemeLook, scheme_looks
from wirelessfsl.results.metrics import diverged
from wirelessfsl.results.report import html
from wirelessfsl.results.report.bars import bars
from wirelessfsl.results.report.charts import Chart, dashes
from wirelessfsl.results.report.curves import fairness, growth
from wirelessfsl.results.report.html import folded, tag
from wirelessfsl.results.report.look import SCRIPT, STYLE
from wirelessfsl.results.report.tables import comparison, differences, phases, summaries
from wirelessfsl.results.report.timeline import timeline
from wirelessfsl.results.report.tradeoff import tradeoffs
from wirelessfsl.results.store import Run


class Reference(NamedTuple):
    """Something that a scenario follows: a line to read, where to find it if known, and its BibTeX."""

    line: str
    link: str | None
    bibtex: str


def report(
    runs: Sequence[Run],
    targets: Sequence[float] | None = None,
    references: Sequence[Reference] = (),
    title: str | None = None,
) -> str:
    """Runs as one page of HTML that needs no network; equal run folders give an equal page.

    runs: finished, interrupted or going on, at least one.
    targets: accuracies, 0 to 1, that the comparison counts costs to; None for those that the scenarios name.
    references: of what the scenarios use.
    title: of the page; the names of the scenarios by default.

    Raises ValueError if there is no run, or one is damaged.
    """
    from plotly.offline import get_plotlyjs

    if not runs:
        raise ValueError("no run given; give at least one run folder")
    groups = group(runs)
    runs = [run for found in groups for run in found.runs]
    if targets is None:
        named = (run.scenario.get("evaluation", {}).get("target_accuracy", ()) for run in runs if not run.timing_only)
        targets = sorted({float(target) for each in named for target in each})
    title = title or ", ".join(dict.fromkeys(run.name for run in runs))
    looks = scheme_looks([found.runs[0].scenario.get("algorithm", {}).get("kind", "") for found in groups])
    names = told_apart([run.path for run in runs])
    accuracy = [*growth(groups, looks), *fairness(groups, looks)]
    settings = tradeoffs(groups, targets)
    sections: dict[str, list[Element]] = {
        "Comparison": comparison(runs, targets),
        "Accuracy": [_scenarios(groups, looks), _figures(accuracy)] if accuracy else [],
        "Time, energy and traffic": [_figures(bars(groups))],
        "What a setting does": [_figures(settings)] if settings else [],
        "Scenarios": [*_settings(groups), *map(_scenario, groups)],
        "Runs": [summaries(groups, names), *_provenance(runs, names)],
        "References": _references(references),
    }
    shown = {head: inside for head, inside in sections.items() if inside}
    body = tag("main", tag("h1", title), tag("p", _counts(groups)), *_notes(groups), _contents(shown))
    body.extend(tag("section", tag("h2", head, id=_id(head)), *inside) for head, inside in shown.items())
    return html.page(title, STYLE, [get_plotlyjs(), SCRIPT], [body])


def _counts(groups: Sequence[Group]) -> str:
    runs, several = sum(len(found.runs) for found in groups), len(groups) > 1
    return f"{runs} run{'' if runs == 1 else 's'} of {len(groups)} scenario{'s' if several else ''}, by wirelessfsl"


def _notes(groups: Sequence[Group]) -> Iterator[Element]:
    """What a reader must know before the numbers."""
    notes = []
    for found in groups:
        for run in found.runs:
            who = f"{found.label}, seed {run.scenario.get('seed')}"
            if not run.finished:
                status, rounds = run.manifest.get("status"), run.summary["rounds"]
                notes.append(f"{who}: {status}; its numbers are those of {rounds} round{'' if rounds == 1 else 's'}")
            if run.timing_only:
                notes.append(f"{who}: timing only; it has no accuracy, and sizes that depend on values are estimates")
            elif diverged(run.evaluations):
                notes.append(f"{who}: the loss is not a number; the training failed")
    if notes:
        yield tag("ul", *(tag("li", note) for note in notes), class_="notes")


def _contents(sections: dict[str, list[Element]]) -> Element:
    return tag("nav", *(tag("a", head, href=f"#{_id(head)}") for head in sections), aria_label="contents")


def _id(head: str) -> str:
    return head.lower().replace(",", "").replace(" ", "-")


def _scenarios(groups: Sequence[Group], looks: Sequence[SchemeLook]) -> Element:
    """A legend for all figures, in which a scenario can be hidden."""
    entries = []
    for i, (found, look) in enumerate(zip(groups, looks, strict=True)):
        line = {"x1": "0", "y1": "6", "x2": "36", "y2": "6", "stroke": look.colour, "stroke-width": "2"}
        sample = tag(
            "svg", tag("line", **line, stroke_dasharray=dashes(look)), width="36", height="12", aria_hidden="true"
        )
        box = tag("input", type="checkbox", checked="", data_scenario=str(i), autocomplete="off")
        entries.append(tag("label", box, sample, _counted(found)))
    return tag("fieldset", tag("legend", "Show"), *entries, class_="scenarios")


def _counted(found: Group) -> str:
    return found.label if len(found.runs) == 1 else f"{found.label}, {len(found.runs)} seeds"


def _figures(charts: Sequence[Chart]) -> Element:
    return tag("div", *(_figure(each) for each in charts), class_="figures")


def _figure(chart: Chart) -> Element:
    height = f"min-height:{chart.layout['height']}px"
    return tag(
        "figure",
        tag("h3", chart.title),
        tag("div", class_="chart", role="img", aria_label=f"{chart.title}. {chart.caption}", style=height),
        tag("figcaption", chart.caption),
        html.data({"traces": chart.traces, "layout": chart.layout}),
    )


def _settings(groups: Sequence[Group]) -> list[Element]:
    settings = [_without(found.runs[0].scenario, "name", "seed") for found in groups]
    return differences("Settings", [found.label for found in groups], settings)


def _provenance(runs: Sequence[Run], names: Sequence[str]) -> list[Element]:
    return differences("Status, versions and host", names, [_without(run.manifest, "scenario") for run in runs])


def _without(values: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in keys}


def _scenario(found: Group) -> Element:
    """A scenario on its own: one of its rounds, its phases, its file."""
    run = found.runs[0]
    seed = f", seed {run.scenario.get('seed')}" if len(found.runs) > 1 else ""
    inside = [_figure(each._replace(title=each.title + seed)) for each in timeline(run)]
    file = run.path / "scenario.yaml"
    if file.is_file():
        inside.append(folded("scenario.yaml" + seed, tag("pre", file.read_text(encoding="utf-8", errors="replace"))))
    return folded(f"{_counted(found)}: a round, its phases, its file", phases(found), *inside)


def _references(references: Sequence[Reference]) -> list[Element]:
    if not references:
        return []
    lines = []
    for each in references:
        line = tag("li", f"{each.line} ")
        if each.link:
            line.append(tag("a", each.link, href=each.link, rel="noreferrer"))
        lines.append(line)
    bibtex = "\n\n".join(each.bibtex for each in references)
    return [tag("ol", *lines), folded("BibTeX", tag("pre", bibtex))]
