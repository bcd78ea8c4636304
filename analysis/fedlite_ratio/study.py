"""Question: what accuracy does FedLite keep with up to 490 times fewer bits, and what is its correction worth?

The FEMNIST network, cut after conv2 where a sample has 9,216 numbers, learns real MNIST (IDX files under
$WIRELESSFSL_DATA/mnist; the t10k half is enough: 8,000 training and 2,000 test images) with ``fedlite``: 100 clients,
iid, of which five take part in an iteration with 20 samples each; SGD at 0.1. Ratios count 64 bits a number
before and after, as FedLite's 490x does. Sub-vectors are eight channels of a position, as where channels are stored
last, and at 490x also eight positions of a channel. The final model is judged as it is and through the quantiser.

Draws figure.png and .pdf from points.csv; points that stand there are not run again.

    WIRELESSFSL_DATA=... python -m analysis.fedlite_ratio.study [--seeds 1 2 3] [--jobs 2]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import mean
from time import perf_counter

import torch
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.points import Point, Row, bars, column, measured, spread
from wirelessfsl import load_scenario
from wirelessfsl.codecs.chain import chain
from wirelessfsl.codecs.clustering import Clustering
from wirelessfsl.learning.evaluate import evaluate
from wirelessfsl.learning.stage import split
from wirelessfsl.results.looks import BLACK, BLUE, STYLE, VERMILLION, WIDTH_IN
from wirelessfsl.results.plots.sheets import save
from wirelessfsl.results.store import RunWriter
from wirelessfsl.scenario import dataset_of, model_of
from wirelessfsl.simulation import Progress, play

HERE = Path(__file__).parent
SCENARIO = HERE.parents[1] / "scenarios" / "mnist.yaml"
BATCH, NUMBERS, CORRECTION = 20, 9216, 1e-3
CODEBOOKS = (
    (1152, 8, "channels"),
    (1152, 2, "channels"),
    (1152, 2, "positions"),
    (576, 2, "channels"),
)
"""Sub-vectors of a sample, centroids, and what lies side by side in a sub-vector."""
CHANGES = [
    "model={name: femnist_cnn, cuts: [conv2]}",
    "data={name: mnist, clients: 100, partition: {kind: iid}, test_fraction: 0.2}",
    "devices=[{count: 100, profile: raspberry-pi-4}]",
    "participation={choice: {kind: random, fraction: 0.05}}",
    "evaluation={every_rounds: 100}",
]


def points(seeds: list[int], iterations: int) -> list[Point]:
    """The uncompressed line, and every codebook without and with the correction."""
    named: list[Point] = [{"subvectors": 0, "centroids": 0, "neighbours": "", "correction": 0.0}]
    named += [
        {"subvectors": q, "centroids": n, "neighbours": side_by_side, "correction": correction}
        for q, n, side_by_side in CODEBOOKS
        for correction in (0.0, CORRECTION)
    ]
    return [{**codebook, "iterations": iterations, "seed": seed} for seed in seeds for codebook in named]


def measure(point: Point) -> Point:
    """Accuracy as it is and through the quantiser, and what the run cost."""
    settings = ", ".join(f"{name}: {point[name]}" for name in ("subvectors", "centroids", "neighbours", "correction"))
    codecs = f"codecs={{activations: [{{kind: clustering, codebook: float64, {settings}}}]}}"
    algorithm = (
        f"algorithm={{kind: fedlite, rounds: {point['iterations']}, batch_size: {BATCH},"
        " optimizer: {kind: sgd, lr: 0.1}}"
    )
    changes = [*CHANGES, algorithm, *([codecs] if point["subvectors"] else [])]
    scenario = load_scenario(SCENARIO, changes, int(point["seed"]))
    torch.set_num_threads(1)
    data, reports, begin = dataset_of(scenario), list[Progress](), perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        log = RunWriter(Path(folder))
        outcome = play(scenario, log, report=reports.append, dataset=data)
        log.close()
    judged, coded = (split(model_of(scenario, data), ("conv2",)), outcome.parts), chain(scenario.codecs.activations)

    def through(_: int, x: torch.Tensor) -> torch.Tensor:
        return coded.decode(coded.encode((x,), 1)[0])[0]

    return {
        "ratio": f"{ratio(int(point['subvectors']), int(point['centroids'])):.2f}",
        "accuracy": evaluate(*judged, data.test_inputs, data.test_labels).mean()[1],
        "through": evaluate(*judged, data.test_inputs, data.test_labels, chunk=BATCH, cut=through).mean()[1],
        "simulated_s": f"{reports[-1].time_s:.4g}",
        "energy_j": f"{reports[-1].energy_j:.5g}",
        "host_s": f"{perf_counter() - begin:.0f}",
    }


def ratio(subvectors: int, centroids: int) -> float:
    """Bits of a batch's activations over those of codebook and indices; 1 without a codebook."""
    if not subvectors:
        return 1.0
    codec = Clustering(subvectors=subvectors, centroids=centroids, codebook="float64")
    layout = codec.layout(torch.float64, (BATCH, NUMBERS))
    return 8 * BATCH * NUMBERS / (layout.head_bytes + layout.shape[0])


NAMES = ("subvectors", "centroids", "neighbours", "ratio", "correction")


def tell(rows: list[Row]) -> None:
    print("| q, L, side by side | ratio | correction | seeds | accuracy % | quantised % | simulated s | kJ |")
    print("|---|---|---|---|---|---|---|---|")
    for names in dict.fromkeys(tuple(row[name] for name in NAMES) for row in rows):
        own = [row for row in rows if tuple(row[name] for name in NAMES) == names]
        accuracy, through = (spread(column(own, name), 100) for name in ("accuracy", "through"))
        costs = spread(column(own, "simulated_s"), digits=0), spread(column(own, "energy_j"), 1e-3)
        codebook = ", ".join(names[:3]) if names[2] else "no codec"
        print("|", " | ".join([codebook, *names[3:], str(len(own)), accuracy, through, *costs]), "|")
    print(f"host minutes: {sum(column(rows, 'host_s')) / 60:.0f}")


def draw(rows: list[Row]) -> Figure:
    """A panel as the model is and one through the quantiser; mean over seeds, bars from the least to the greatest."""
    whole = mean(column([row for row in rows if not row["neighbours"]], "accuracy"))
    lines = [
        (0.0, "channels", BLUE, "o", "no correction"),
        (CORRECTION, "channels", VERMILLION, "s", rf"$\lambda$ = {CORRECTION:g}"),
        (0.0, "positions", BLUE, "^", "no correction, positions"),
        (CORRECTION, "positions", VERMILLION, "v", rf"$\lambda$ = {CORRECTION:g}, positions"),
    ]
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 2.8), layout="constrained")
        panels: list[Axes] = list(figure.subplots(1, 2, sharey=True))
        titles = {"accuracy": "(a) the model as it is", "through": "(b) through the quantiser"}
        for panel, (name, title) in zip(panels, titles.items(), strict=True):
            panel.axhline(100 * whole, color=BLACK, linewidth=0.8, linestyle=":", label="uncompressed")
            for correction, neighbours, colour, marker, label in lines:
                own = [r for r in rows if r["neighbours"] == neighbours and float(r["correction"]) == correction]
                ratios = sorted({float(r["ratio"]) for r in own})
                values = [[100 * v for v in column([r for r in own if float(r["ratio"]) == x], name)] for x in ratios]
                means, around = bars(values)
                beside = [x * 1.05 if neighbours == "positions" else x for x in ratios]
                panel.errorbar(beside, means, around, color=colour, marker=marker, capsize=2, label=label)
            ratios = sorted({float(row["ratio"]) for row in rows} - {1.0})
            panel.set(xscale="log", xlabel="compression ratio of activations")
            panel.set_xticks(ratios, [f"{x:.0f}" for x in ratios])
            panel.minorticks_off()
            panel.set_title(title, loc="left")
            panel.grid(True)
        panels[0].set_ylabel("test accuracy (%)")
        panels[0].legend(loc="lower left")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--iterations", type=int, default=600)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    args = parser.parse_args()
    rows = measured(HERE / "points.csv", points(args.seeds, args.iterations), measure, args.jobs)
    tell(rows)
    save(draw(rows), HERE / "figure", ("png", "pdf"))


if __name__ == "__main__":
    main()
