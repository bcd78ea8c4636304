"""Question: what do street corners and driving cost FedLite, FedSL, PFSL and SplitFed, in seconds and in joules?

LeNet learns real MNIST (IDX files under $WIRELESSFSL_DATA/mnist; the t10k half is enough: 8,000 training and 2,000
test images) on ten telephones, iid, batches of 32, Adam at 0.005, up to 0.90 test accuracy. Each scheme saves what its
paper saves: ``fedlite`` clusters activations into 8 centroids a batch (one step a round), ``fedsl`` prunes half of the
filters in front, sends 8 bits, drops a fifth of the activations and averages every fifth round, ``pfsl`` has two cuts
and a front that is never trained, ``splitfed_v1`` saves nothing (five steps a round). PFSL is judged by the mean over
clients of their accuracy on test samples of their own.

The site stands in the middle of a square of 300 m in the street canyons of UMi at 3.5 GHz, in line of sight always or
never, with correlated shadowing; NR on 20 MHz each way (FDD), FDMA in equal shares. Waves come from all around
(Clarke), in line of sight with a K factor of 9 dB, the mean of TR 38.901, Table 7.5-6. Devices

* stand, while what is around them moves: their fading is that of 3 km/h, our choice;
* stand in fading of 30 km/h: no scene of its own, it tells apart what fades do and what places do;
* drive, straight on at 30 km/h and back at the edges, which leaves them uniform over the square as where they stood.

Draws figure.png and .pdf from points.csv; points that stand there are not run again.

    WIRELESSFSL_DATA=... python -m analysis.umi_speed.study [--seeds 1 2 3 4 5] [--jobs 2]
"""

from __future__ import annotations

import tempfile
from itertools import product
from pathlib import Path
from statistics import geometric_mean, mean

import torch
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from analysis.points import Point, Row, column, study
from wirelessfsl import load_scenario, simulate
from wirelessfsl.records import COMPUTE, SERVER, TRANSFER
from wirelessfsl.results.looks import BLACK, COLOURS, STYLE, WIDTH_IN

HERE = Path(__file__).parent
SCENARIO = HERE.parents[1] / "scenarios" / "mnist.yaml"
CLIENTS, EDGE_M, TARGET = 10, 300, 0.9
BASE = [
    f"data={{name: mnist, clients: {CLIENTS}, partition: {{kind: iid}}, test_fraction: 0.2}}",
    f"devices=[{{count: {CLIENTS}, profile: phone-mid}}]",
    f"evaluation={{every_rounds: 1, target_accuracy: [{TARGET}]}}",
]
STEPS = "local_steps: 5, "
PRUNING = (
    "interval: 5, gradient_bits: 8, pruning: {kind: filters, sparsity: 0.5, importance: taylor,"
    " schedule: {kind: cubic, start: 5, steps: 3, every_rounds: 5}}, "
)
CLUSTERING = "{kind: clustering, subvectors: 144, centroids: 8, neighbours: channels, correction: 0.001}"
SCHEMES = {
    "splitfed_v1": ("block1", STEPS, "{}"),
    "pfsl": ("block1, fc2", STEPS, "{}"),
    "fedsl": (
        "block1",
        STEPS + PRUNING,
        "{activations: [{kind: dropout, p: 0.2}, {kind: quantize}], gradients: [{kind: quantize}]}",
    ),
    "fedlite": ("block1", "", f"{{activations: [{CLUSTERING}]}}"),
}
"""Cuts, settings of its own, and codecs."""
ROUNDS = {"splitfed_v1": 16, "pfsl": 24, "fedsl": 24, "fedlite": 80}
SIGHTS = {"always": ", k_factor_db: 9", "never": ""}
REGION = f"{{kind: rectangle, width_m: {EDGE_M}, height_m: {EDGE_M}}}"
STATIC, DRIVING = "{kind: static}", f"{{kind: straight_line, region: {REGION}, speed_m_s: 8.33}}"
MOVEMENTS = {
    "standing": (STATIC, ", speed_m_s: 0.833"),
    "fast fading": (STATIC, ", speed_m_s: 8.33"),
    "driving": (DRIVING, ""),
}
"""Who moves, and the speed of the fading where it is not that of the devices."""


QUANTITIES = {
    "s_to_target": f"time to an accuracy of {TARGET:g} (s)",
    "device_j_to_target": f"energy of all devices to {TARGET:g} (J)",
}
WAYS = ("up_mb_round", "down_mb_round")
SHOWN = {"standing": "standing", "fast fading": "fast\nfading", "driving": "driving"}
NAMES = {"always": "line of sight", "never": "no line of sight"}


def points(seeds: list[int]) -> list[Point]:
    """Every scheme on every channel."""
    return [
        {"scheme": scheme, "rounds": rounds, "line_of_sight": sight, "movement": movement, "seed": seed}
        for seed in seeds
        for scheme, rounds in ROUNDS.items()
        for sight in SIGHTS
        for movement in MOVEMENTS
    ]


def measure(point: Point) -> Point:
    """Rounds, seconds and joules of the devices to the target, and how the clients spent their time up to the end."""
    cuts, settings, codecs = SCHEMES[str(point["scheme"])]
    sight, (mobility, speed) = str(point["line_of_sight"]), MOVEMENTS[str(point["movement"])]
    fading = f"{{kind: clarke{SIGHTS[sight]}{speed}}}"
    changes = [
        *BASE,
        f"model={{name: lenet, cuts: [{cuts}]}}",
        f"algorithm={{kind: {point['scheme']}, rounds: {point['rounds']}, batch_size: 32, {settings}"
        " optimizer: {kind: adam, lr: 0.005}}",
        f"codecs={codecs}",
        f"network={{layout: {REGION}, mobility: {mobility}, medium: {{kind: fdma, bandwidth_hz: 20e6}}, channel:"
        f" {{carrier_hz: 3.5e9, path_loss: {{kind: umi, line_of_sight: {sight}}}, shadowing: {{kind: tr38901}},"
        f" fading: {fading}, phy: {{kind: nr}}}}}}",
    ]
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        run = simulate(load_scenario(SCENARIO, changes, int(point["seed"])), folder)
        found, metrics, events = run.summary, run.metrics.to_pylist(), run.events.to_pylist()
    judged = [row for row in metrics if row["split"] == "test"]
    there = next((row for row in judged if row["client"] is None and row["accuracy"] >= TARGET), None)
    nan = float("nan")
    spent_j = there and sum(row["energy_j"] for row in judged if row["client"] and row["round"] == there["round"])
    spent_s = {TRANSFER: [0.0] * CLIENTS, COMPUTE: [0.0] * CLIENTS}
    for event in events:
        for name in (event["node"], event["peer"]):
            if event["activity"] in spent_s and name and name != SERVER:
                spent_s[event["activity"]][int(name.removeprefix("client-"))] += event["end_s"] - event["start_s"]
    whole_s = found["simulated_s"]
    return {
        "accuracy": found["final"]["accuracy"],
        "rounds_to_target": there["round"] if there else nan,
        "s_to_target": f"{there['time_s'] if there else nan:.5g}",
        "device_j_to_target": f"{spent_j or nan:.5g}",
        "all_j_to_target": f"{there['energy_j'] if there else nan:.5g}",
        "s_round": f"{whole_s / found['rounds']:.5g}",
        "device_j_round": f"{found['energy_j']['devices'] / found['rounds']:.5g}",
        "air_share": f"{mean(spent_s[TRANSFER]) / whole_s:.4f}",
        "slowest_air_share": f"{max(spent_s[TRANSFER]) / whole_s:.4f}",
        "compute_share": f"{mean(spent_s[COMPUTE]) / whole_s:.4f}",
        "up_mb_round": f"{found['bytes']['uplink'] / found['rounds'] / 1e6:.4g}",
        "down_mb_round": f"{found['bytes']['downlink'] / found['rounds'] / 1e6:.4g}",
        "host_s": f"{found['host']['wall_s']:.1f}",
    }


def tell(rows: list[Row]) -> None:
    print(
        "| scheme | channel | seeds | s to 0.9 | kJ of devices | s a round | times LOS: s, J | time on air, slowest % |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for scheme, sight, movement in product(SCHEMES, SIGHTS, MOVEMENTS):
        own, clear = _of(rows, scheme, sight, movement), _of(rows, scheme, "always", movement)
        cells = [f"{100 * mean(column(own, name)):.0f}" for name in ("air_share", "slowest_air_share")]
        ratios = [
            geometric_mean([x / y for x, y in zip(column(own, name), column(clear, name), strict=True)])
            for name in QUANTITIES
        ]
        costs = [_middle(own, "s_to_target"), _middle(own, "device_j_to_target", 1e-3), _middle(own, "s_round")]
        channel = f"{NAMES[sight]}, {movement}"
        times = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        print("|", " | ".join([scheme, channel, str(len(own)), *costs, times, ", ".join(cells)]), "|")
    for scheme in SCHEMES:
        own = [row for row in rows if row["scheme"] == scheme]
        needed = sorted({int(row["rounds_to_target"]) for row in own})
        print(scheme, "rounds", needed, "MB a round", *(f"{mean(column(own, way)):.2f}" for way in WAYS))
    for quantity, sight, movement in product(QUANTITIES, SIGHTS, MOVEMENTS):
        orders: dict[str, int] = {}
        for seed in sorted({row["seed"] for row in rows}):
            same = {s: next(r for r in _of(rows, s, sight, movement) if r["seed"] == seed) for s in SCHEMES}
            order = " < ".join(sorted(SCHEMES, key=lambda s: float(same[s][quantity])))
            orders[order] = orders.get(order, 0) + 1
        print(quantity, NAMES[sight], movement, orders)
    print(f"host minutes: {sum(column(rows, 'host_s')) / 60:.0f}")


def draw(rows: list[Row]) -> Figure:
    """A panel a quantity, a group a channel; geometric mean over seeds, a dot a seed."""
    groups = list(product(SIGHTS, MOVEMENTS))
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 2.9), layout="constrained")
        panels: list[Axes] = list(figure.subplots(1, 2))
        for panel, (quantity, label), letter in zip(panels, QUANTITIES.items(), "ab", strict=True):
            for k, (scheme, colour, marker) in enumerate(zip(SCHEMES, COLOURS, "osD^", strict=False)):
                for at, (sight, movement) in enumerate(groups):
                    values = column(_of(rows, scheme, sight, movement), quantity)
                    x = at + 0.19 * (k - 1.5)
                    dots = {
                        "linestyle": "none",
                        "marker": ".",
                        "markersize": 3.5,
                        "markeredgewidth": 0.0,
                        "alpha": 0.55,
                    }
                    panel.plot([x] * len(values), values, color=colour, **dots)
                    name = scheme if at == 0 else None
                    panel.plot(
                        x, geometric_mean(values), color=colour, marker=marker, markersize=5, ls="none", label=name
                    )
            panel.axvline(len(MOVEMENTS) - 0.5, color=BLACK, linewidth=0.6)
            panel.set_xticks(range(len(groups)), [SHOWN[movement] for _, movement in groups])
            panel.tick_params(axis="x", length=0)
            for at, sight in enumerate(SIGHTS):
                x = (at + 0.5) / len(SIGHTS)
                panel.text(x, 1.03, NAMES[sight], transform=panel.transAxes, ha="center")
            panel.set(yscale="log", ylabel=label, xlim=(-0.5, len(groups) - 0.5))
            panel.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            panel.yaxis.set_minor_formatter(NullFormatter())
            panel.set_title(f"({letter})", loc="left")
            panel.grid(True, axis="y")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


def _of(rows: list[Row], scheme: str, sight: str, movement: str) -> list[Row]:
    """Rows of a channel, in the order of their seeds."""
    return [r for r in rows if (r["scheme"], r["line_of_sight"], r["movement"]) == (scheme, sight, movement)]


def _middle(rows: list[Row], name: str, factor: float = 1.0) -> str:
    """Geometric mean, least and greatest."""
    values = [factor * value for value in column(rows, name)]
    return f"{geometric_mean(values):.3g} ({min(values):.3g}-{max(values):.3g})"


if __name__ == "__main__":
    study(__file__, __doc__, points, measure, tell, draw, (1, 2, 3, 4, 5))
