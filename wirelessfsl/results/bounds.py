"""The convergence bound of a run beside what was measured, as a figure and as tables.

Both are functions of the run folder: ``bound.csv`` has a row an evaluation, ``bound.json`` the measured constants and
why the theorem does not apply to the run, where it does not.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from wirelessfsl.results.exports import aligned
from wirelessfsl.results.looks import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, STYLE, VERMILLION, WIDTH_IN
from wirelessfsl.results.metrics import convergence

if TYPE_CHECKING:
    from wirelessfsl.results.store import Run

TERMS: dict[str, tuple[str, Any]] = {
    "start": (GREEN, (0, (5, 1.5))),
    "drift": (ORANGE, (0, (1.5, 1))),
    "variance": (PURPLE, (0, (5, 1, 1.5, 1))),
    "quantisation": (SKY, (0, (3, 1))),
    "pruning": (BLUE, (0, (1, 2))),
    "dropout": (GREY, (0, (8, 2))),
}
"""Colour and dash of each term of the bound."""
_WORDS = {
    "beta": "beta, smoothness of f",
    "gap": "f_0 - f*, f* >= 0",
    "variance": "sigma^2 of a mini-batch",
    "client_moments": "G^2 of the client's part",
    "server_moment": "G^2 of the server's part",
    "client_weights": "|w_c|^2",
    "activations": "|a|^2 of a mini-batch",
    "sensitivity": "Lambda^2",
}


@dataclass(frozen=True)
class Bound:
    """What a run folder says of the bound.

    columns: of ``bound.csv``, each of shape (evaluations,). constants: by name. clients: N.
    caveats: why the theorem does not apply; empty if nothing is known against it.
    """

    columns: dict[str, NDArray[np.float64]]
    constants: dict[str, Any]
    clients: float
    caveats: tuple[str, ...]


def read(run: Run) -> Bound:
    """The bound of a run. Raises ValueError if its folder has none, or no evaluation."""
    try:
        with (run.path / "bound.csv").open(encoding="utf-8", newline="") as file:
            heads, *rows = csv.reader(file)
        known = json.loads((run.path / "bound.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{run.path}: no bound in the run; make one with wirelessfsl bound SCENARIO") from None
    if not rows:
        raise ValueError(f"{run.path}: no evaluation in the run; let it go on to its first (evaluation.every_rounds)")
    columns = dict(zip(heads, np.array(rows, dtype=np.float64).T, strict=True))
    return Bound(columns, known["constants"], known["clients"], tuple(known["caveats"]))


def figure(run: Run) -> Figure:
    """Loss, and below it the running mean of the squared gradient with the bound and its terms, over rounds."""
    found, tested = read(run), convergence(run.evaluations)
    columns = found.columns
    rounds = columns["round"]
    marker = "o" if rounds.size <= 25 else ""
    with rc_context(STYLE):
        sheet = Figure(figsize=(WIDTH_IN, 4.2), layout="constrained")
        above, below = sheet.subplots(2, 1, sharex=True, height_ratios=(1, 1.5))
        above.plot(rounds, columns["loss"], color=BLUE, marker=marker, label="training, f")
        above.plot(tested.round, tested.loss, color=VERMILLION, linestyle=(0, (5, 1.5)), marker=marker, label="test")
        above.set_ylabel("loss (nats)")
        above.set_ylim(0, 1.05 * above.get_ylim()[1])
        above.legend()
        below.plot(rounds, columns["bound"], color=VERMILLION, linewidth=2.0, label="bound")
        for term, (colour, dash) in TERMS.items():
            if columns[term].any():
                shown = np.where(columns[term] > 0, columns[term], np.nan)
                below.plot(rounds, shown, color=colour, linestyle=dash, label=f"bound: {term}")
        measured = "measured: running mean of |grad f|$^2$"
        below.plot(rounds, columns["running_mean"], color=BLACK, marker=marker, label=measured)
        below.set_yscale("log")
        below.set_ylabel("squared gradient norm")
        below.set_xlabel("communication round")
        below.set_xlim(left=0)
        below.xaxis.set_major_locator(MaxNLocator(integer=True))
        for axis in above, below:
            axis.grid(True)
        if found.caveats:
            below.set_title(fill(_said(found.caveats), 110), loc="left", color=VERMILLION)
        sheet.legend(*below.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return sheet


def told(run: Run) -> str:
    """The constants as a table, and the terms of the bound at the end beside what was measured."""
    found = read(run)
    constants = found.constants | {"client_moments": sum(found.constants["client_moments"])}
    rows = [*((text, constants[name]) for name, text in _WORDS.items()), ("clients N", found.clients)]
    last = {name: column[-1] for name, column in found.columns.items()}
    share = last["bound"] / last["running_mean"] if last["running_mean"] else np.inf
    terms = [
        *((f"bound: {name}", last[name]) for name in TERMS),
        ("bound", last["bound"]),
        ("measured mean of |grad f|^2", last["running_mean"]),
        ("bound / measured", share),
    ]
    return (
        aligned([["constant", "measured"], *([text, f"{value:.4g}"] for text, value in rows)])
        + "\n"
        + aligned([[f"after {last['iterations']:.0f} steps", ""], *([text, f"{value:.4g}"] for text, value in terms)])
        + (_said(found.caveats) + "\n" if found.caveats else "")
    )


def _said(caveats: tuple[str, ...]) -> str:
    return f"the theorem does not apply: {'; '.join(caveats)}"
