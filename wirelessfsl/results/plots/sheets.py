"""What the figures of runs share: sheets with a legend below, rows of groups, looks of curves, labels, files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.textpath import TextPath

from wirelessfsl.files import write
from wirelessfsl.results import metrics
from wirelessfsl.results.bands import FEW
from wirelessfsl.results.columns import Floats
from wirelessfsl.results.groups import OWN, Group, group
from wirelessfsl.results.looks import STYLE, Look, SchemeLook, scheme_looks
from wirelessfsl.results.store import Run

LEGEND_ROW_IN, HANDLE_IN, AXIS_IN = 0.17, 0.52, 0.5
HIGHEST_IN = 22.0
"""Of a figure: two pages."""
ROWS_IN = 7.5
"""Height that the rows of a figure may take together."""


def save(figure: Figure, path: Path, formats: Iterable[str] = ("pdf", "png", "svg")) -> list[Path]:
    """Write a figure in each format beside each other; equal figures give equal files.

    figure: what to write.
    path: the file without its suffix; its folder is made.
    formats: "pdf", "png" (300 dpi) and "svg".

    Returns the files written, each whole or not there. Raises ValueError where nothing can be written, NoSpace if the
    disk is full.
    """
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
    files = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with rc_context(STYLE):
            for suffix in formats:
                files.append(path.with_name(f"{path.name}.{suffix}"))
                content = BytesIO()
                figure.savefig(content, format=suffix, dpi=300, metadata=undated.get(suffix))
                write(files[-1], content.getvalue())
    except OSError as error:
        where = files[-1] if files else path.parent
        raise ValueError(
            f"{where}: cannot be written: {error.strerror or error}; give another folder with --out"
        ) from error
    return files


def groups_of(runs: Sequence[Run]) -> list[Group]:
    if not runs:
        raise ValueError("no run given; give at least one run folder")
    for run in runs:
        with_facts(run)
    return group(runs)


def with_facts(run: Run) -> None:
    if not run.facts.start_s.size:
        raise ValueError(f"{run.path}: no events in the run; it stopped before anything happened, run it again")


def curve_of(run: Run) -> metrics.Curve:
    curve = metrics.convergence(run.evaluations)
    if run.timing_only:
        raise ValueError(f"{run.path}: a timing-only run, which has no accuracy; run it without --timing-only")
    if not curve.accuracy.size:
        raise ValueError(f"{run.path}: no evaluation in the run; let it go on to its first (evaluation.every_rounds)")
    return curve


def accuracies_of(run: Run) -> Floats:
    """Final accuracy of every client, in %."""
    curve_of(run)
    accuracy: Floats = 100 * metrics.client_accuracy(run.evaluations)
    if not accuracy.size:
        raise ValueError(f"{run.path}: no accuracy of single clients; no client has test samples of its own")
    return accuracy


def sheet(legend: Sequence[Patch | Line2D], height_in: float, width_in: float) -> tuple[Figure, int]:
    """A figure with room for the panels and, below them, a legend of as many columns as its texts allow.

    Raises ValueError for one that nobody could print.
    """
    texts = [str(entry.get_label()).split("\n") for entry in legend]
    longest_in = max(
        (TextPath((0, 0), line, size=8).get_extents().width / 72 for text in texts for line in text), default=0
    )
    columns = max(1, min(len(legend), 5, int((width_in + 0.1) / (HANDLE_IN + longest_in))))
    rows = max(int(column.sum()) for column in np.array_split([len(text) for text in texts], columns))
    height_in += 0.1 + LEGEND_ROW_IN * rows
    if height_in > HIGHEST_IN:
        raise ValueError(f"would be {height_in:.0f} in high; give fewer runs, or draw tradeoff or pareto of so many")
    return Figure(figsize=(width_in, height_in), layout="constrained"), columns


def curve_looks(groups: Sequence[Group]) -> list[SchemeLook]:
    """How the curve of each group is drawn."""
    return scheme_looks([str(found.runs[0].scenario["algorithm"]["kind"]) for found in groups])


def curve_legend(groups: Sequence[Group], names: Sequence[str], width_in: float) -> list[Line2D]:
    """An entry a group, with its name and in the look of its curve."""
    return [
        Line2D(
            *([], []),
            color=look.colour,
            linestyle=look.dash,
            marker=look.marker,
            label=wrapped(name, int(12.5 * width_in)),
        )
        for name, look in zip(names, curve_looks(groups), strict=True)
    ]


def row_names(names: Sequence[str], width_in: float) -> list[str]:
    """Names as they stand before the rows of a figure: at most a third of its width."""
    return [wrapped(name, int(width_in / 0.19)) for name in names]


def rows_in(names: Sequence[str], panels: int = 1) -> float:
    """Height of the rows of each of several panels above each other, as far as a page allows."""
    lines = max(name.count("\n") + 1 for name in names)
    return len(names) * max(0.14 * lines + 0.03, min(0.32, ROWS_IN / (panels * len(names))))


def name_rows(axis: Axes, names: Sequence[str]) -> None:
    """Rows from the top down, with room for their bars, and a grid for their values."""
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.45, -0.55)
    axis.tick_params(axis="y", length=0)
    axis.grid(True, axis="x")


def paint(look: Look) -> dict[str, Any]:
    return {"facecolor": look.face, "edgecolor": look.edge, "hatch": look.hatch}


def patch(look: Look, label: str) -> Patch:
    return Patch(label=label, linewidth=0.4, **paint(look))


def called(groups: Sequence[Group]) -> list[str]:
    """The labels of the groups, with their numbers of seeds where :func:`seeds_of_all` says nothing."""
    return [found.label if seeds_of_all(groups) else counted(found) for found in groups]


def called_by_accuracy(groups: Sequence[Group]) -> list[str]:
    """The same, saying whose accuracy is that of own models."""
    owners = [any(run.personal for run in found.runs) for found in groups]
    return [name + OWN * own for name, own in zip(called(groups), owners, strict=True)]


def seeds_of_all(groups: Sequence[Group]) -> str:
    """What a legend adds where every group has as many seeds, and enough for an interval."""
    sizes = {len(found.runs) for found in groups}
    return f", {min(sizes)}\N{NO-BREAK SPACE}seeds" if len(sizes) == 1 and min(sizes) >= FEW else ""


def interval_text(groups: Sequence[Group]) -> str | None:
    """What a legend says of the intervals of the groups; None where none has the seeds for one."""
    few = all(len(found.runs) < FEW for found in groups)
    return None if few else f"95 % interval{seeds_of_all(groups)}"


def counted(found: Group) -> str:
    return found.label if len(found.runs) == 1 else f"{found.label}, {len(found.runs)}\N{NO-BREAK SPACE}seeds"


def wrapped(text: str, width: int) -> str:
    """A text in lines of at most so many characters, broken at spaces; too long a word behind the signs that join it.

    >>> wrapped("splitfed_v1-slow (bandwidth_hz=1e+06), 3\N{NO-BREAK SPACE}seeds", 15).splitlines()
    ['splitfed_v1-', 'slow', '(bandwidth_hz=', '1e+06), 3\\xa0seeds']
    """
    lines: list[str] = []
    for word in text.split(" "):
        parts = [word] if len(word) <= width else re.findall(r".+?(?:[_=]|(?<!\de)-|$)", word)
        for i, part in enumerate(parts):
            glue = "" if i else " "
            if lines and len(lines[-1] + glue + part) <= width:
                lines[-1] += glue + part
            else:
                lines.append(part)
    return "\n".join(lines)
