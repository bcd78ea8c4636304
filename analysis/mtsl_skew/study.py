"""Question: what is a client part of one's own worth on one's own task, the more the clients' labels differ?

Real MNIST (IDX files under $WIRELESSFSL_DATA/mnist; the t10k half is enough: 8,000 training and 2,000 test images), ten
clients with samples of k classes each, or iid; LeNet, cut after block1 if it is split. ``mtsl`` stands beside schemes
that average the whole model, the halves, or the server's half alone, on the same batches. What is judged is the mean
over clients of the accuracy on test samples with the client's own mix of classes. Each scheme has a rule that suits it:
mtsl Adam at 0.001, the others, which learn less with Adam, momentum SGD at 0.05.

Draws figure.png and .pdf from points.csv; points that stand there are not run again.

    WIRELESSFSL_DATA=... python -m analysis.mtsl_skew.study [--seeds 1 2 3] [--jobs 2]
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from analysis.points import Point, Row, bars, column, spread, study
from wirelessfsl import load_scenario, simulate
from wirelessfsl.results.looks import COLOURS, STYLE, WIDTH_IN

HERE = Path(__file__).parent
SCENARIO = HERE.parents[1] / "scenarios" / "mnist.yaml"
BUDGET = "rounds: 60, local_steps: 5, batch_size: 16"
RULE = f"{BUDGET}, optimizer: {{kind: sgd, lr: 0.05, momentum: 0.9}}"
SPLIT = "model={name: lenet, cuts: [block1]}"
SCHEMES = {
    "mtsl": [SPLIT, f"algorithm={{kind: mtsl, {BUDGET}, optimizer: {{kind: adam}}}}"],
    "splitfed_v3": [SPLIT, f"algorithm={{kind: splitfed_v3, {RULE}}}"],
    "splitfed_v1": [SPLIT, f"algorithm={{kind: splitfed_v1, {RULE}}}"],
    "fedavg": ["model={name: lenet}", f"algorithm={{kind: fedavg, {RULE}}}"],
    "fedem": ["model={name: lenet}", f"algorithm={{kind: fedem, {RULE}}}"],
}
PARTITIONS = {
    **{f"{k}": f"{{kind: classes, classes_per_client: {k}}}" for k in (1, 2, 3, 5)},
    "iid": "{kind: iid}",
}
"""Classes of a client."""
CHANGES = ["devices=[{count: 10, profile: raspberry-pi-4}]", "evaluation={every_rounds: 10}"]


def points(seeds: list[int]) -> list[Point]:
    return [
        {"scheme": scheme, "classes": classes, "seed": seed}
        for seed in seeds
        for classes in PARTITIONS
        for scheme in SCHEMES
    ]


def measure(point: Point) -> Point:
    """Accuracy on clients' own tasks, and the bytes of the run."""
    data = f"data={{name: mnist, clients: 10, partition: {PARTITIONS[str(point['classes'])]}, test_fraction: 0.2}}"
    changes = [*CHANGES, data, *SCHEMES[str(point["scheme"])]]
    with tempfile.TemporaryDirectory() as folder:
        found = simulate(load_scenario(SCENARIO, changes, int(point["seed"])), folder).summary
    return {
        "own_accuracy": found["fairness"]["mean"],
        "worst": found["fairness"]["worst"],
        "mb": f"{sum(found['bytes'][way] for way in ('uplink', 'downlink')) / 1e6:.4g}",
        "simulated_s": f"{found['simulated_s']:.4g}",
        "host_s": f"{found['host']['wall_s']:.1f}",
    }


def tell(rows: list[Row]) -> None:
    print("| scheme |", " | ".join(f"k = {k}" if k.isdigit() else k for k in PARTITIONS), "| MB | simulated s |")
    print("|---" * (3 + len(PARTITIONS)) + "|")
    for scheme in SCHEMES:
        cells = [
            f"{spread(column(_of(rows, scheme, k), 'own_accuracy'), 100)}"
            f" ({100 * min(column(_of(rows, scheme, k), 'worst')):.0f})"
            for k in PARTITIONS
        ]
        own = [row for row in rows if row["scheme"] == scheme]
        print("|", " | ".join([scheme, *cells, *(spread(column(own[:1], n)) for n in ("mb", "simulated_s"))]), "|")
    print(f"host minutes: {sum(column(rows, 'host_s')) / 60:.0f}")


def draw(rows: list[Row]) -> Figure:
    """Own-task accuracy over skew, a line a scheme; mean, and bars from the least to the greatest of the seeds."""
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN / 2, 2.8), layout="constrained")
        axis = figure.subplots()
        for scheme, colour, marker in zip(SCHEMES, COLOURS, "osD^v", strict=False):
            values = [[100 * v for v in column(_of(rows, scheme, k), "own_accuracy")] for k in PARTITIONS]
            means, around = bars(values)
            # What fedavg learns is what splitfed_v1 learns: its markers stand inside.
            hollow = {"markerfacecolor": "none", "markersize": 6} if scheme == "splitfed_v1" else {}
            axis.errorbar(
                range(len(means)), means, around, color=colour, marker=marker, capsize=2, label=scheme, **hollow
            )
        axis.set_xticks(range(len(PARTITIONS)), [*PARTITIONS])
        axis.set(xlabel="classes of a client", ylabel="mean accuracy on own task (%)")
        axis.grid(True)
        axis.legend(loc="lower right")
    return figure


def _of(rows: list[Row], scheme: str, classes: str) -> list[Row]:
    return [row for row in rows if (row["scheme"], row["classes"]) == (scheme, classes)]


if __name__ == "__main__":
    study(__file__, __doc__, points, measure, tell, draw)
