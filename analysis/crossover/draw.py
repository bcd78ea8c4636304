"""Draws the figures of README.md and writes crossings.csv, from learning.csv, timing.csv and dropout.csv.

A codec's time to the target is the rounds that a seed needed, from learning.csv, times the seconds of a round, from
the other two: with neither loss nor fading every round of a codec takes the same. Codecs a and b are even at the SNR
where

    log tau_a - log tau_b = d,    d = mean over seeds of log R_b - log R_a

with tau the seconds (or joules of the devices) of a round, between grid points linear in dB on a log scale, and R the
rounds; seeds have the same shares and first weights with every codec. The interval is of the SNRs where the left side
is within Student's 95 % interval of d.

    python -m analysis.crossover.draw
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import log10
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from wirelessfsl.devices.catalogue import PROFILES
from wirelessfsl.results.bands import mean_interval
from wirelessfsl.results.columns import Floats
from wirelessfsl.results.looks import BLACK, STYLE, VERMILLION, WIDTH_IN
from wirelessfsl.results.plots.sheets import save

Row = dict[str, str]
HERE = Path(__file__).parent
TARGETS, COSTS = ("0.9", "0.93"), {"time": "simulated_s", "energy": "devices_energy_j"}
DEVICES, DISTANCE_LOSS_DB, THERMAL_DBM_HZ = 10, 60.0, -174.0
"""Their number, 30 log10(100 m / 1 m), and noise at room temperature."""
CELLS = {
    "phone_20_mhz": ("telephones, 20 MHz", "phone-mid", 20e6),
    "phone_200_mhz": ("telephones, 200 MHz", "phone-mid", 200e6),
    "pi_zero_20_mhz": ("Pi Zero 2 W, 20 MHz", "raspberry-pi-zero-2w", 20e6),
    "esp32_20_mhz": ("ESP32, 20 MHz", "esp32", 20e6),
}
DASHED: Any = (0, (4, 1.5))
LOOKS: dict[str, tuple[str, str, Any]] = {
    "none": ("none", BLACK, "-"),
    "quantize_8": ("8 bits", "#9ecae1", "-"),
    "quantize_4": ("4 bits", "#4292c6", "-"),
    "quantize_2": ("2 bits", "#08306b", "-"),
    "dropout_0.2": ("dropout 0.2", "#a1d99b", "-"),
    "dropout_0.5": ("dropout 0.5", "#41ab5d", "-"),
    "dropout_0.8": ("dropout 0.8", "#00441b", "-"),
    "clustering": ("clusters", VERMILLION, "-"),
    "quantize_8_both": ("8 bits, gradients 8 bits", "#9ecae1", DASHED),
    "quantize_2_both": ("2 bits, gradients 8 bits", "#08306b", DASHED),
    "clustering_both": ("clusters, gradients 8 bits", VERMILLION, DASHED),
}
FAMILIES = {"activations": [codec for codec in LOOKS if not codec.endswith("_both")], "all": [*LOOKS]}
SAID = {"time": "time", "energy": "energy of devices"}
X = "uplink SNR in a share (dB)"
FINE_DB = 0.05


class Study:
    """What the tables say: rounds by seed, costs of a round over the uplink SNR in a device's share."""

    def __init__(self) -> None:
        self.learning = _rows("learning.csv")
        self.timing = [*_rows("timing.csv"), *_rows("dropout.csv")]

    def rounds(self, target: str, codec: str) -> Floats:
        """One a seed, in their order."""
        own = sorted((row for row in self.learning if row["codec"] == codec), key=lambda row: int(row["seed"]))
        needed = [float(r[f"time_to_{target}_s"]) * int(r["rounds"]) / float(r["simulated_s"]) for r in own]
        return np.rint(needed)

    def round_costs(self, cell: str, cost: str, codec: str) -> tuple[Floats, Floats]:
        """SNRs in dB, rising, and the seconds or joules of a round there."""
        _, profile, band_hz = CELLS[cell]
        noise_dbm = THERMAL_DBM_HZ + 10 * log10(band_hz / DEVICES) + PROFILES["edge-gpu"].radio.noise_figure_db
        at_1_m_dbm = PROFILES[profile].radio.tx_power_dbm - DISTANCE_LOSS_DB - noise_dbm
        own = [row for row in self.timing if (row["cell"], row["codec"]) == (cell, codec)]
        own.sort(key=lambda row: -_loss_db(row))
        costs = [float(row[COSTS[cost]]) / int(row["rounds"]) for row in own]
        return np.array([at_1_m_dbm - _loss_db(row) for row in own]), np.array(costs)

    def fine(self, cell: str) -> Floats:
        """SNRs in dB, closely spaced."""
        x, _ = self.round_costs(cell, "time", "none")
        return np.arange(x[0], x[-1] + FINE_DB / 2, FINE_DB)

    def log_cost(self, cell: str, cost: str, codec: str) -> Floats:
        """Logarithm of a round's cost at the fine SNRs."""
        x, costs = self.round_costs(cell, cost, codec)
        return np.interp(self.fine(cell), x, np.log(costs))

    def cheapest(self, cell: str, target: str, cost: str, codecs: Sequence[str]) -> list[str]:
        """The codec of the least geometric mean at each of the fine SNRs."""
        means = [np.log(self.rounds(target, c)).mean() + self.log_cost(cell, cost, c) for c in codecs]
        return [codecs[i] for i in np.argmin(means, axis=0)]

    def crossings(self, cell: str, target: str, cost: str, codecs: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Where the cheapest changes: codec below, codec above, SNR in dB and its interval.

        An end of an interval beyond the grid is NaN; so is all of it where one codec is the cheapest everywhere.
        """
        x, best = self.fine(cell), self.cheapest(cell, target, cost, codecs)
        changes = [i for i in range(1, len(x)) if best[i] != best[i - 1]]
        for i in changes:
            a, b = best[i - 1], best[i]
            d = mean_interval(np.log(self.rounds(target, b)) - np.log(self.rounds(target, a)))
            difference = self.log_cost(cell, cost, a) - self.log_cost(cell, cost, b)
            even = (d.low <= difference) & (difference <= d.high)
            low = high = i
            while low > 0 and even[low - 1]:
                low -= 1
            while high < len(x) - 1 and even[high + 1]:
                high += 1
            ends = (x[low] if low > 0 else np.nan, x[high] if high < len(x) - 1 else np.nan)
            yield a, b, x[i], *ends
        if not changes:
            yield best[0], best[0], np.nan, np.nan, np.nan


def table(study: Study) -> list[dict[str, Any]]:
    """All crossings: among families of codecs, and in pairs."""
    rivals = [("clustering", b) for b in FAMILIES["activations"] if b != "clustering"]
    rivals += [("clustering_both", b) for b in ("quantize_8_both", "quantize_2_both")]
    rivals.append(("dropout_0.8", "none"))
    among = FAMILIES | {f"{a} or {b}": [a, b] for a, b in rivals}
    return [
        {
            "cell": cell,
            "cost": cost,
            "target": target,
            "among": name,
            "below": below,
            "above": above,
            **{key: f"{x:.1f}" for key, x in zip(("snr_db", "low_db", "high_db"), found, strict=True)},
        }
        for cell in CELLS
        for cost in COSTS
        for target in TARGETS
        for name, codecs in among.items()
        for below, above, *found in study.crossings(cell, target, cost, codecs)
    ]


def tell(study: Study) -> None:
    """Rounds, and time and energy of telephones on 20 MHz as shares of those without codec, with intervals."""
    cell, snrs = "phone_20_mhz", (-20.0, 0.0, 20.0, 40.0)
    for target in TARGETS:
        print("| codec | rounds to", target, "|", *(f"{cost} at {x:g} dB |" for cost in COSTS for x in snrs))
        base = np.log(study.rounds(target, "none"))
        for codec in LOOKS:
            rounds = study.rounds(target, codec)
            cells = ["{:.1f} ({:.1f}-{:.1f})".format(*mean_interval(rounds))]
            for cost in COSTS:
                saved = study.log_cost(cell, cost, codec) - study.log_cost(cell, cost, "none")
                for x in snrs:
                    shares = np.log(rounds) - base + np.interp(x, study.fine(cell), saved)
                    cells.append("{:.2f} ({:.2f}-{:.2f})".format(*np.exp(mean_interval(shares))))
            print("|", " | ".join([LOOKS[codec][0], *cells]), "|")


def curves(study: Study) -> Figure:
    """Time and energy to the targets against SNR for telephones on 20 MHz, and as shares of those without codec."""
    cell, last = "phone_20_mhz", TARGETS[-1]
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 7.2), layout="constrained")
        panels = figure.subplots(1 + len(TARGETS), len(COSTS), sharex=True)
        for column, (cost, said) in zip(panels.T, SAID.items(), strict=True):
            _curves(column[0], study, cell, last, cost, False)
            column[0].set_ylabel(f"{said} to {last} ({'s' if cost == 'time' else 'J'})")
            for panel, target in zip(column[1:], TARGETS, strict=True):
                _curves(panel, study, cell, target, cost, True)
                panel.set_ylabel(f"{cost} to {target} / without codec")
            column[-1].set_xlabel(X)
        for panel, letter in zip(panels.flat, "abcdef", strict=True):
            panel.set_title(f"({letter})", loc="left", pad=11)
        figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def devices(study: Study, target: str) -> Figure:
    """Time to a target against SNR, as a share of that without codec, in three further cells."""
    cells = [cell for cell in CELLS if cell != "phone_20_mhz"]
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 3.0), layout="constrained")
        panels = figure.subplots(1, len(cells), sharey=True)
        for panel, cell, letter in zip(panels, cells, "abc", strict=True):
            _curves(panel, study, cell, target, "time", True)
            panel.set_title(f"({letter}) {CELLS[cell][0]}", loc="left", pad=11)
            panel.set_xlabel(X)
        panels[0].set_ylabel(f"time to {target} / without codec")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def _curves(panel: Axes, study: Study, cell: str, target: str, cost: str, relative: bool) -> None:
    """A curve a codec, with the interval over seeds at some SNRs; above, stripes of the cheapest by family."""
    x, fine = study.round_costs(cell, cost, "none")[0], study.fine(cell)
    base = np.log(study.rounds(target, "none"))
    for k, (codec, (label, colour, dash)) in enumerate(LOOKS.items()):
        d = mean_interval(np.log(study.rounds(target, codec)) - (base if relative else 0.0))
        log_cost = study.log_cost(cell, cost, codec) - (study.log_cost(cell, cost, "none") if relative else 0.0)
        panel.plot(fine, np.exp(d.mean + log_cost), color=colour, linestyle=dash, label=label)
        if codec != "none" or not relative:
            at = (k + 0.5) / len(LOOKS) * (x[1] - x[0]) + x[1:-1:3]
            low, high = (np.exp(end + np.interp(at, fine, log_cost)) for end in (d.low, d.high))
            panel.vlines(at, low, high, colour, linewidth=0.7)
    panel.set(yscale="log", xlim=(fine[0], fine[-1]))
    for row, codecs in enumerate(FAMILIES.values()):
        best = study.cheapest(cell, target, cost, codecs)
        edges = [0, *(i for i in range(1, len(best)) if best[i] != best[i - 1]), len(best) - 1]
        for start, stop in pairwise(edges):
            _, colour, dash = LOOKS[best[start]]
            stripe: Any = {"transform": panel.get_xaxis_transform(), "clip_on": False, "linewidth": 3}
            height = 1.02 + 0.04 * row
            panel.plot(
                (fine[start], fine[stop]),
                (height, height),
                color=colour,
                linestyle=dash,
                solid_capstyle="butt",
                **stripe,
            )
    panel.grid(True)
    if relative:
        panel.yaxis.set_major_locator(FixedLocator([0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5]))
        panel.yaxis.set_minor_locator(NullLocator())
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _rows(name: str) -> list[Row]:
    with (HERE / name).open(newline="") as stream:
        return list(csv.DictReader(stream))


def _loss_db(row: Row) -> float:
    return float(row["network.channel.path_loss.reference_loss_db"])


def main() -> None:
    study = Study()
    rows = table(study)
    with (HERE / "crossings.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    tell(study)
    save(curves(study), HERE / "crossover", ("png", "pdf"))
    save(devices(study, TARGETS[-1]), HERE / "devices", ("png", "pdf"))


if __name__ == "__main__":
    main()
