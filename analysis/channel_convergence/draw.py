"""Draws the figures of README.md and writes targets.csv, from rounds.csv: see there.

Curves are means over seeds at each round, of accuracy and of seconds or joules; bands are 95 % intervals of accuracy
(Student's t). Costs of a target are geometric means over the seeds with 95 % intervals taken on logarithms.

    python -m analysis.channel_convergence.draw
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from wirelessfsl.results.bands import mean_interval
from wirelessfsl.results.columns import Floats
from wirelessfsl.results.looks import BLACK, STYLE, WIDTH_IN, scheme_look
from wirelessfsl.results.plots.scales import logarithmic
from wirelessfsl.results.plots.sheets import save

HERE = Path(__file__).parent
SCHEMES = ("splitfed_v1", "pfsl", "fedlite", "fedsl", "mtsl")
OWN = ("pfsl", "mtsl")
"""Schemes whose accuracy is that of clients' own models on their own test samples."""
SNR_DB_AT_NO_LOSS = 69.0
"""23 dBm, 60 dB from 1 m to 100 m, and -106 dBm of noise in a share of 2 MHz (5 dB of noise figure)."""
FADINGS: tuple[tuple[str, Any], ...] = (("none", "-"), ("rayleigh", (0, (1.5, 1))))
COSTS = {"time_s": "simulated time (s)", "devices_j": "energy of all devices (J)"}
TARGETS = (0.8, 0.9)


class Setting(NamedTuple):
    """A scheme on a channel."""

    shares: str
    fading: str
    snr_db: float
    scheme: str


class Curves(NamedTuple):
    """Of a setting, arrays of shape (seeds, rounds)."""

    accuracy: Floats
    time_s: Floats
    devices_j: Floats
    worst_accuracy: Floats


def read() -> dict[Setting, Curves]:
    found: dict[Setting, dict[str, list[list[float]]]] = {}
    with (HERE / "rounds.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            snr_db = SNR_DB_AT_NO_LOSS - float(row["loss_db"])
            own = found.setdefault(Setting(row["shares"], row["fading"], snr_db, row["scheme"]), {})
            own.setdefault(row["seed"], []).append([float(row[name] or "nan") for name in Curves._fields])
    return {setting: Curves(*np.array([*own.values()]).transpose(2, 0, 1)) for setting, own in found.items()}


def costs(curves: Curves, target: float) -> dict[str, Floats]:
    """Rounds, seconds and joules of the seeds that reach an accuracy."""
    there = [np.flatnonzero(each >= target) for each in curves.accuracy]
    at = [(k, i[0]) for k, i in enumerate(there) if len(i)]
    rounds = np.array([float(i + 1) for _, i in at])
    return {"rounds": rounds} | {name: np.array([getattr(curves, name)[k, i] for k, i in at]) for name in COSTS}


def middle(values: Floats) -> tuple[float, float, float]:
    """Geometric mean and its 95 % interval."""
    found = mean_interval(np.log(values))
    return float(np.exp(found.mean)), float(np.exp(found.low)), float(np.exp(found.high))


def table(found: dict[Setting, Curves]) -> list[dict[str, Any]]:
    rows = []
    for setting, curves in sorted(found.items()):
        last = mean_interval(curves.accuracy[:, -1])
        for target in TARGETS:
            row = setting._asdict() | {"target": target, "seeds": len(curves.accuracy)}
            spent = costs(curves, target)
            row["reached"] = len(spent["rounds"])
            for name, values in spent.items():
                told = middle(values) if len(values) else (np.nan,) * 3
                row |= {f"{name}{end}": f"{x:.4g}" for end, x in zip(("", "_low", "_high"), told, strict=True)}
            row |= {f"final_accuracy{end}": f"{x:.4f}" for end, x in zip(("", "_low", "_high"), last, strict=True)}
            rows.append(row | {"final_worst_accuracy": f"{curves.worst_accuracy[:, -1].mean():.3f}"})
    return rows


def convergence(found: dict[Setting, Curves], shares: str, fading: str) -> Figure:
    """Accuracy against seconds and joules, a column an SNR."""
    snrs = sorted({s.snr_db for s in found if (s.shares, s.fading) == (shares, fading)})
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 3.9), layout="constrained")
        panels = figure.subplots(len(COSTS), len(snrs), sharey=True, squeeze=False)
        for row, (cost, label) in zip(panels, COSTS.items(), strict=True):
            for panel, snr_db in zip(row, snrs, strict=True):
                for scheme in SCHEMES:
                    _curve(panel, found[Setting(shares, fading, snr_db, scheme)], cost, scheme)
                panel.axhline(TARGETS[-1], color="#BBBBBB", linewidth=0.6, zorder=0)
                _decades(panel)
                panel.set(xlabel=label, ylim=(0.0, 1.0))
                panel.grid(True)
            row[0].set_ylabel("test accuracy")
        for panel, snr_db, letter in zip(panels[0], snrs, "abcd", strict=False):
            panel.set_title(f"({letter}) uplink SNR {snr_db:g} dB".replace("-", "\N{MINUS SIGN}"), loc="left")
        figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(SCHEMES))
    return figure


def skewed(found: dict[Setting, Curves]) -> Figure:
    """Accuracy against seconds and joules with skewed shares, and the worst client's."""
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 2.6), layout="constrained")
        panels = figure.subplots(1, 3, sharey=True)
        drawn = (("time_s", "accuracy"), ("devices_j", "accuracy"), ("time_s", "worst_accuracy"))
        for panel, (cost, accuracy), letter in zip(panels, drawn, "abc", strict=True):
            for scheme in SCHEMES:
                _curve(panel, found[Setting("dirichlet", "rayleigh", 5.0, scheme)], cost, scheme, accuracy)
            _decades(panel)
            panel.set(xlabel=COSTS[cost], ylim=(0.0, 1.0))
            panel.set_title(f"({letter})" + (" worst client" if accuracy == "worst_accuracy" else ""), loc="left")
            panel.grid(True)
        panels[0].set_ylabel("test accuracy")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(SCHEMES))
    return figure


def tradeoff(found: dict[Setting, Curves]) -> Figure:
    """Seconds and joules to the last target against SNR, with fading and without."""
    snrs = np.array(sorted({s.snr_db for s in found if s.shares == "iid"}))
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 3.0), layout="constrained")
        panels = figure.subplots(1, 2)
        for panel, (cost, label), letter in zip(panels, COSTS.items(), "ab", strict=True):
            for k, scheme in enumerate(SCHEMES):
                look = scheme_look(scheme)
                for fading, dash in FADINGS:
                    curves = [found[Setting("iid", fading, snr_db, scheme)] for snr_db in snrs]
                    spent = [costs(each, TARGETS[-1])[cost] for each in curves]
                    whole = [len(s) == len(c.accuracy) for s, c in zip(spent, curves, strict=True)]
                    told = [middle(s) if w else (np.nan,) * 3 for s, w in zip(spent, whole, strict=True)]
                    y = np.array(told)
                    bars = (y[:, 0] - y[:, 1], y[:, 2] - y[:, 0])
                    label_once = _told(scheme) if fading == "none" else None
                    paint: Any = {"color": look.colour, "marker": look.marker, "linestyle": dash, "elinewidth": 0.6}
                    panel.errorbar(snrs + 0.45 * (k - 2), y[:, 0], bars, label=label_once, **paint)
            panel.set(xlabel="mean uplink SNR in a share (dB)", ylabel=label + f" to {TARGETS[-1]:g}", xticks=snrs)
            logarithmic(panel, "y", *panel.dataLim.intervaly)
            panel.set_title(f"({letter})", loc="left")
            panel.grid(True)
        handles, labels = panels[0].get_legend_handles_labels()
        handles += [Line2D([], [], color=BLACK, linestyle=dash) for _, dash in FADINGS]
        labels += ["no fading", "Rayleigh fading"]
        figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def _curve(panel: Axes, curves: Curves, cost: str, scheme: str, accuracy: str = "accuracy") -> None:
    look, x = scheme_look(scheme), getattr(curves, cost).mean(0)
    y = mean_interval(getattr(curves, accuracy))
    panel.plot(x, y.mean, color=look.colour, linestyle=look.dash, label=_told(scheme))
    panel.fill_between(x, y.low, y.high, color=look.colour, alpha=0.15, linewidth=0)


def _decades(panel: Axes) -> None:
    logarithmic(panel, "x", *panel.dataLim.intervalx)
    panel.xaxis.set_major_locator(LogLocator())


def _told(scheme: str) -> str:
    return f"{scheme} (own models)" if scheme in OWN else scheme


def main() -> None:
    found = read()
    rows = table(found)
    with (HERE / "targets.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    save(convergence(found, "iid", "rayleigh"), HERE / "convergence", ("png", "pdf"))
    save(tradeoff(found), HERE / "tradeoff", ("png", "pdf"))
    save(skewed(found), HERE / "skewed", ("png", "pdf"))


if __name__ == "__main__":
    main()
