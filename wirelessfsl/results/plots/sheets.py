"""What the figures of runs share: sheets with a legend below, colours of curves and bars, labels, files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from wirelessfsl.results import metrics
from wirelessfsl.results.groups import Group, group
from wirelessfsl.results.looks import COLOURS, DASHES, STYLE, WIDTH_IN, Look
from wirelessfsl.results.store import Run

LEGEND_ROW_IN, AXIS_IN = 0.17, 0.5


def save(figure: Figure, path: Path, formats: Iterable[str] = ("pdf", "png", "svg")) -> list[Path]:
    """Write a figure in each format beside each other; equal figures give equal files.

    figure: what to write.
    path: the file without its suffix; its folder is made.
    formats: "pdf", "png" (300 dpi) and "svg".

    Returns the files written. Raises ValueError where nothing can be written.
    """
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
    files = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with rc_context(STYLE):
            for suffix in formats:
                files.append(path.with_name(f"{path.name}.{suffix}"))
                figure.savefig(files[-1], dpi=300, metadata=undated.get(suffix))
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
        if not run.facts.start_s.size:
            raise ValueError(f"{run.path}: no events in the run; it stopped before anything happened, run it again")
    return group(runs)


def curve_of(run: Run) -> metrics.Curve:
    curve = metrics.convergence(run.evaluations)
    if run.timing_only:
        raise ValueError(f"{run.path}: a timing-only run, which has no accuracy; run it without --timing-only")
    if not curve.accuracy.size:
        raise ValueError(f"{run.path}: no evaluation in the run; let it go on to its first (evaluation.every_rounds)")
    return curve


def sheet(legend: Sequence[Patch | Line2D], height_in: float) -> tuple[Figure, int]:
    """A figure with room for the panels and, below them, a legend of as many columns as its texts allow."""
    longest = max((len(str(entry.get_label())) for entry in legend), default=0)
    columns = max(1, min(len(legend), 5, int(WIDTH_IN / (0.5 + 0.062 * longest))))
    rows = -(-len(legend) // columns)
    return Figure(figsize=(WIDTH_IN, height_in + 0.1 + LEGEND_ROW_IN * rows), layout="constrained"), columns


def lines(count: int) -> list[tuple[str, Any]]:
    """Colour and dash of each of several curves; both change, so that a grey print tells neighbours apart."""
    return [(COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)]) for i in range(count)]


def paint(look: Look) -> dict[str, Any]:
    return {"facecolor": look.face, "edgecolor": look.edge, "hatch": look.hatch}


def patch(look: Look, label: str) -> Patch:
    return Patch(label=label, linewidth=0.4, **paint(look))


def counted(found: Group) -> str:
    return found.label if len(found.runs) == 1 else f"{found.label}, {len(found.runs)}\N{NO-BREAK SPACE}seeds"


def wrapped(text: str, width: int) -> str:
    return fill(text, width, break_on_hyphens=False)
