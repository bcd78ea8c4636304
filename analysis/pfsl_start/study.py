"""Question: with 50 to 500 images a client, how much of PFSL's lead is the pretrained start, and what do its bytes buy?

Real CIFAR-10 images, resized to 16 x 16 (a zip of class folders, $WIRELESSFSL_DATA/cifar10-images-12k.zip), of which
the server keeps two fifths of the training samples if it pretrains the whole model, in ten epochs; ten clients have n
images each, the same number of every class. Every scheme runs from scratch and from the pretrained start, so that the
start's part and the scheme's can be told apart: ``pfsl`` with the small CNN's first block in front and its head at the
back, and ``split_learning``, ``splitfed_v1``, ``splitfed_v2`` and ``fedavg``, all with Adam at 0.001 and n images a
round.

Setting 2: a client has mostly two classes (450 of 500); told is the mean over clients of the macro-F1 of these two on
the client's own test samples, for PFSL when its last five rounds, the personal ones, begin, and after them.

Draws figure.png and .pdf from points.csv; points that stand there are not run again.

    WIRELESSFSL_DATA=... python -m analysis.pfsl_start.study [--seeds 1 2 3] [--jobs 2]
"""

from __future__ import annotations

import os
from pathlib import Path
from statistics import mean, pstdev
from time import perf_counter

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import f1_score

from analysis.points import Point, Row, bars, column, spread, study
from wirelessfsl import load_scenario
from wirelessfsl.learning.data import Dataset
from wirelessfsl.learning.evaluate import apply
from wirelessfsl.records import SERVER, TRANSFER, Event, Metric
from wirelessfsl.results.looks import COLOURS, STYLE, WIDTH_IN
from wirelessfsl.scenario import Scenario, dataset_of, deal
from wirelessfsl.simulation import Outcome, play
from wirelessfsl.streams import stream

HERE = Path(__file__).parent
SCENARIO = HERE.parents[1] / "scenarios" / "mnist.yaml"
IMAGES = Path(os.environ["WIRELESSFSL_DATA"]) / "cifar10-images-12k.zip"
SAMPLES, ROUNDS, PERSONAL, BATCH, CLASSES = (50, 150, 500), 20, 5, 32, 10
CUTS = {
    "pfsl": "cuts: [block1, block2], ",
    "split_learning": "cuts: [block1], ",
    "splitfed_v1": "cuts: [block1], ",
    "splitfed_v2": "cuts: [block1], ",
    "fedavg": "",
}
STARTS = {"scratch": "", "pretrained": "pretrained: {kind: pretrain, epochs: 10, optimizer: {kind: adam}}, "}
CHANGES = ["devices=[{count: 10, profile: raspberry-pi-4}]", f"evaluation={{every_rounds: {ROUNDS}}}"]


class Kept:
    """A log that keeps evaluations of single clients, and bytes by the sender's side."""

    def __init__(self) -> None:
        self.accuracies: list[float] = []
        self.bytes = {"uplink": 0, "downlink": 0}

    def event(self, event: Event) -> None:
        if event.activity == TRANSFER:
            self.bytes["downlink" if event.node == SERVER else "uplink"] += event.bytes

    def metric(self, metric: Metric) -> None:
        if metric.client is not None and metric.accuracy is not None:
            self.accuracies.append(metric.accuracy)

    def flush(self) -> None:
        pass


def points(seeds: list[int]) -> list[Point]:
    """Both settings; of PFSL in setting 2 also what it is before the personal rounds."""
    equal: list[Point] = [
        {"scheme": scheme, "start": start, "samples": n, "personal": 0}
        for n in SAMPLES
        for scheme in CUTS
        for start in STARTS
    ]
    personal = [("pfsl", 0), ("pfsl", PERSONAL), ("splitfed_v2", 0), ("fedavg", 0)]
    skewed: list[Point] = [
        {"scheme": scheme, "start": "pretrained", "samples": "450 + 50", "personal": rounds}
        for scheme, rounds in personal
    ]
    return [{**point, "seed": seed} for seed in seeds for point in (*equal, *skewed)]


def measure(point: Point) -> Point:
    """Accuracy of clients on their own test samples, macro-F1 of their two classes, and bytes a client and round."""
    skewed, scheme, personal = isinstance(point["samples"], str), str(point["scheme"]), int(point["personal"])
    n = 500 if skewed else int(point["samples"])
    partition = "{kind: prominent}" if skewed else f"{{kind: stratified, samples: [{n}]}}"
    rounds = ROUNDS if personal or not skewed else ROUNDS - PERSONAL
    public = "public_fraction: 0.4," if point["start"] == "pretrained" else ""
    last = f", checkpoint: {ROUNDS - PERSONAL}" if personal else ""
    changes = [
        *CHANGES,
        f"data={{name: images, root: {IMAGES}, image_size: 16, clients: 10, {public} partition: {partition}}}",
        f"model={{name: small_cnn, {CUTS[scheme]}{STARTS[str(point['start'])]}}}",
        f"algorithm={{kind: {scheme}, rounds: {rounds}, local_steps: {-(-n // BATCH)}, batch_size: {BATCH},"
        f" optimizer: {{kind: adam}}{last}}}",
    ]
    scenario = load_scenario(SCENARIO, changes, int(point["seed"]))
    data, log, begin = dataset_of(scenario), Kept(), perf_counter()
    outcome = play(scenario, log, dataset=data)
    return {
        "mean": mean(log.accuracies),
        "std": pstdev(log.accuracies),
        "worst": min(log.accuracies),
        "f1": f1(scenario, data, outcome) if skewed else float("nan"),
        **{f"{way}_kb": f"{size / rounds / 1e4:.4g}" for way, size in log.bytes.items()},
        "host_s": f"{perf_counter() - begin:.1f}",
    }


def f1(scenario: Scenario, data: Dataset, outcome: Outcome) -> float:
    """Mean over clients of the macro-F1 of the two classes that a client has most of, on its own test samples."""
    own = [data.labels[part].numpy() for part in deal(scenario, data)]
    rng = stream(scenario.seed, "test-partition")
    owner = scenario.data.partition.deal_test(own, data.test_labels.numpy(), data.classes, rng)
    scores = []
    for k in range(scenario.data.clients):
        x, y = data.test_inputs[owner == k], data.test_labels[owner == k]
        for stage, part in zip(outcome.stages, outcome.models.get(f"client-{k}", outcome.parts), strict=True):
            x = apply(stage, part, x).detach()
        scores.append(f1_score(y, x.argmax(1), labels=[k, (k + 1) % CLASSES], average="macro"))
    return mean(scores)


def tell(rows: list[Row]) -> None:
    print(
        "| samples | scheme | start | accuracy % | std over clients | worst % | CoV | kB up, down / client and round |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for names in dict.fromkeys((row["samples"], row["scheme"], row["start"]) for row in rows if row["f1"] == "nan"):
        own = [row for row in rows if (row["samples"], row["scheme"], row["start"]) == names]
        means, stds = column(own, "mean"), column(own, "std")
        cov = mean(std / middle for std, middle in zip(stds, means, strict=True))
        bytes_ = ", ".join(f"{mean(column(own, way)):.0f}" for way in ("uplink_kb", "downlink_kb"))
        cells = [spread(means, 100), f"{100 * mean(stds):.1f}", f"{100 * min(column(own, 'worst')):.0f}", f"{cov:.3f}"]
        print("|", " | ".join([*names, *cells, bytes_]), "|")
    print("\n| setting 2, pretrained | accuracy % | macro-F1 of the two classes | worst % |")
    print("|---|---|---|---|")
    for scheme, personal in dict.fromkeys((row["scheme"], row["personal"]) for row in rows if row["f1"] != "nan"):
        own = [r for r in rows if r["f1"] != "nan" and (r["scheme"], r["personal"]) == (scheme, personal)]
        name = f"{scheme}, {'after' if personal != '0' else 'before'} personal rounds" if scheme == "pfsl" else scheme
        cells = [
            spread(column(own, "mean"), 100),
            spread(column(own, "f1"), digits=3),
            f"{100 * min(column(own, 'worst')):.0f}",
        ]
        print("|", " | ".join([name, *cells]), "|")
    print(f"host minutes: {sum(column(rows, 'host_s')) / 60:.0f}")


def draw(rows: list[Row]) -> Figure:
    """Accuracy over samples a client, a panel a start; mean over seeds, bars from the least to the greatest."""
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 2.6), layout="constrained")
        panels: list[Axes] = list(figure.subplots(1, 2, sharey=True))
        for panel, start, letter in zip(panels, STARTS, "ab", strict=True):
            for scheme, colour, marker in zip(CUTS, COLOURS, "osD^v", strict=False):
                own = [row for row in rows if (row["scheme"], row["start"]) == (scheme, start)]
                values = [column([r for r in own if r["samples"] == str(n)], "mean") for n in SAMPLES]
                means, around = bars([[100 * v for v in each] for each in values])
                # What fedavg learns is what splitfed_v1 learns: its markers stand inside.
                hollow = {"markerfacecolor": "none", "markersize": 6} if scheme == "splitfed_v1" else {}
                panel.errorbar(SAMPLES, means, around, color=colour, marker=marker, capsize=2, label=scheme, **hollow)
            panel.set(xscale="log", xlabel="samples of a client")
            panel.set_xticks(SAMPLES, [str(n) for n in SAMPLES])
            panel.minorticks_off()
            panel.set_title(
                f"({letter}) {'from scratch' if start == 'scratch' else 'from the pretrained start'}", loc="left"
            )
            panel.grid(True)
        panels[0].set_ylabel("mean accuracy of clients (%)")
        panels[1].legend(loc="lower right")
    return figure


if __name__ == "__main__":
    study(__file__, __doc__, points, measure, tell, draw)
