"""Question: what do FedSL's savings cost in accuracy, and what do they save in seconds and joules, on two channels?

LeNet, cut after block2 (256 numbers a sample, 2,572 client parameters), learns real MNIST (IDX files under
$WIRELESSFSL_DATA/mnist; the t10k half is enough: 8,000 training and 2,000 test images) with ``fedsl``: 10 ESP32,
Dirichlet 0.5, 100 rounds of two batches of 16. From a base without any saving, one axis at a time: filters pruned by
Taylor importance on a cubic schedule; bits of the gradients in the client's update, and of a batch's messages, too;
dropout of activations; rounds between aggregations; and at last some of each. The good channel has 20 MHz and a radius
of 100 m, the bad one 1 MHz and 400 m. VGG-19, the paper's model, is too slow on a CPU for a study over seeds.

Draws figure.png and .pdf from points.csv; points that stand there are not run again.

    WIRELESSFSL_DATA=... python -m analysis.fedsl_axes.study [--seeds 1 2 3] [--jobs 2]
"""

from __future__ import annotations

import tempfile
from math import isfinite
from pathlib import Path
from statistics import mean

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from analysis.points import Point, Row, bars, column, spread, study
from wirelessfsl import load_scenario, simulate
from wirelessfsl.results.looks import BLACK, BLUE, STYLE, VERMILLION, WIDTH_IN

HERE = Path(__file__).parent
SCENARIO = HERE.parents[1] / "scenarios" / "mnist.yaml"
BASE = [
    "model={name: lenet, cuts: [block2]}",
    "data={name: mnist, clients: 10, partition: {kind: dirichlet, alpha: 0.5}, test_fraction: 0.2}",
    "devices=[{count: 10, profile: esp32}]",
    "evaluation={every_rounds: 10, target_accuracy: [0.9]}",
    "algorithm={kind: fedsl, rounds: 100, local_steps: 2, batch_size: 16,"
    " optimizer: {kind: sgd, lr: 0.05, momentum: 0.9}}",
]
CHANNELS = {
    "good": "network={layout: {kind: disc, radius_m: 100}, medium: {kind: fdma, bandwidth_hz: 20000000.0}}",
    "bad": "network={layout: {kind: disc, radius_m: 400}, medium: {kind: fdma, bandwidth_hz: 1000000.0}}",
}
PRUNING = (
    "algorithm.pruning={{kind: filters, sparsity: {}, importance: taylor,"
    " schedule: {{kind: cubic, start: 10, steps: 4, every_rounds: 10}}}}"
)
QUANTIZE = "codecs={{activations: [{{kind: quantize, bits: {0}}}], gradients: [{{kind: quantize, bits: {0}}}]}}"
BOTH = "codecs={activations: [{kind: dropout, p: 0.2}, {kind: quantize}], gradients: [{kind: quantize}]}"
DROPOUT = "codecs={{activations: [{{kind: dropout, p: {}}}]}}"
AXES: dict[str, dict[str, list[str]]] = {
    "base": {"": []},
    "filters pruned": {f"{s}": [PRUNING.format(s)] for s in (0.25, 0.5, 0.75)},
    "bits of the update": {f"{b}": [f"algorithm.gradient_bits={b}"] for b in (8, 4, 2)},
    "bits of update and messages": {f"{b}": [f"algorithm.gradient_bits={b}", QUANTIZE.format(b)] for b in (8, 4, 2)},
    "dropout of activations": {f"{p}": [DROPOUT.format(p)] for p in (0.2, 0.5, 0.8)},
    "aggregation interval": {f"{i}": [f"algorithm.interval={i}"] for i in (2, 5, 10)},
    "some of each": {"": [PRUNING.format(0.5), "algorithm.gradient_bits=8", "algorithm.interval=5", BOTH]},
}
WITHOUT = {"filters pruned": "0", "dropout of activations": "0", "aggregation interval": "1"}
"""What the base is on an axis; full precision where nothing stands here."""
WORTH_DRAWING = 88
"""Least accuracy on the axis, in per cent; what lies below is written there."""
QUANTITIES = {"accuracy": "test accuracy (%)", "s_round": "time (s / round)", "j_round": "devices' energy (J / round)"}


def points(seeds: list[int]) -> list[Point]:
    """Every value of every axis on both channels."""
    return [
        {"axis": axis, "value": value, "channel": channel, "seed": seed}
        for seed in seeds
        for axis, values in AXES.items()
        for value in values
        for channel in CHANNELS
    ]


def measure(point: Point) -> Point:
    """Final accuracy, and what a round and the way to 0.9 cost."""
    changes = [*BASE, CHANNELS[str(point["channel"])], *AXES[str(point["axis"])][str(point["value"])]]
    with tempfile.TemporaryDirectory() as folder:
        found = simulate(load_scenario(SCENARIO, changes, int(point["seed"])), folder).summary
    return {
        "accuracy": found["final"]["accuracy"],
        "s_round": f"{found['simulated_s'] / found['rounds']:.5g}",
        "j_round": f"{found['energy_j']['devices'] / found['rounds']:.5g}",
        "uplink_kb_round": f"{found['bytes']['uplink'] / found['rounds'] / 1e3:.5g}",
        "s_to_90": f"{found['time_to_accuracy_s']['0.9'] or float('nan'):.5g}",
        "host_s": f"{found['host']['wall_s']:.1f}",
    }


def tell(rows: list[Row]) -> None:
    print("| axis | value | accuracy % | uplink kB/round | good: s, J/round; s to 0.9 | bad: s, J/round; s to 0.9 |")
    print("|---|---|---|---|---|---|")
    for axis, values in AXES.items():
        for value in values:
            cells = []
            for channel in CHANNELS:
                own = _of(rows, axis, value, channel)
                cost = (f"{mean(column(own, name)):.2f}" for name in ("s_round", "j_round"))
                there = [s for s in column(own, "s_to_90") if isfinite(s)]
                cells.append(f"{', '.join(cost)}; {spread(there) if len(there) == len(own) else 'not all'}")
            accuracy, uplink = spread(column(own, "accuracy"), 100), f"{mean(column(own, 'uplink_kb_round')):.0f}"
            print("|", " | ".join([axis, value, accuracy, uplink, *cells]), "|")
    print(f"host minutes: {sum(column(rows, 'host_s')) / 60:.0f}")


def draw(rows: list[Row]) -> Figure:
    """A column an axis, a row a quantity; mean over seeds, and bars from the least to the greatest."""
    drawn = [axis for axis in AXES if axis not in ("base", "some of each")]
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 4.6), layout="constrained")
        grid = figure.subplots(len(QUANTITIES), len(drawn), sharex="col", sharey="row")
        for panels, (quantity, label) in zip(grid, QUANTITIES.items(), strict=True):
            learnt = quantity == "accuracy"  # the channel does not change it
            for panel, axis in zip(panels, drawn, strict=True):
                ticks = [WITHOUT.get(axis, "32"), *AXES[axis]]
                for channel, colour, marker in (("good", BLUE, "o"), ("bad", VERMILLION, "s")):
                    chosen = [_of(rows, "base", "", channel), *(_of(rows, axis, v, channel) for v in AXES[axis])]
                    means, around = bars([[100**learnt * v for v in column(own, quantity)] for own in chosen])
                    look = {"color": BLACK, "marker": "D"} if learnt else {"color": colour, "marker": marker}
                    panel.errorbar(range(len(ticks)), means, around, capsize=2, label=f"{channel} channel", **look)
                    for x, value in enumerate(means):
                        if learnt and value < WORTH_DRAWING:
                            panel.text(x, WORTH_DRAWING, f"{value:.0f} %", ha="right", va="bottom")
                panel.set_xticks(range(len(ticks)), ticks)
                panel.grid(True)
            panels[0].set(ylabel=label, yscale="linear" if learnt else "log")
            if learnt:
                panels[0].set_ylim(WORTH_DRAWING, 98)
            else:
                panels[0].yaxis.set_major_locator(FixedLocator([0.1, 0.2, 0.5, 1, 2, 5]))
                panels[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
                panels[0].yaxis.set_minor_locator(NullLocator())
        for panel, axis in zip(grid[-1], drawn, strict=True):
            panel.set_xlabel(
                axis.replace(" of ", "\nof ").replace("aggregation ", "aggregation\n").replace("rs p", "rs\np")
            )
        figure.legend(*grid[1][0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
        figure.align_ylabels()
    return figure


def _of(rows: list[Row], axis: str, value: str, channel: str) -> list[Row]:
    return [row for row in rows if (row["axis"], row["value"], row["channel"]) == (axis, value, channel)]


if __name__ == "__main__":
    study(__file__, __doc__, points, measure, tell, draw)
