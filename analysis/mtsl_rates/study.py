"""Question: how much sooner does multi-task split learning converge with a learning rate of its own for each side?

``mtsl`` with the sum of the clients' losses: the server's gradient is that of all clients together, a client's that of
its own samples, so that one rate for both must suit the steeper. Real MNIST as in mtsl_skew.py, 10 clients with five
classes each, LeNet cut after block1, plain SGD; a grid of client and server rates, on the diagonal one rate for both.
What is told is the first round with a mean accuracy of 0.9 on clients' own tasks, up to round 40, and the last one.

Draws figure.png and .pdf from points.csv; points that stand there are not run again.

    WIRELESSFSL_DATA=... python -m analysis.mtsl_rates.study [--seeds 1 2 3] [--jobs 2]
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import mean

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from analysis.points import Point, Row, column, spread, study
from wirelessfsl import load_scenario, simulate
from wirelessfsl.results.looks import BLACK, STYLE, WIDTH_IN

HERE = Path(__file__).parent
SCENARIO = HERE.parents[1] / "scenarios" / "mnist.yaml"
RATES = (0.01, 0.03, 0.1, 0.3)
ROUNDS, EVERY, AIM = 40, 2, 0.9
CHANGES = [
    "model={name: lenet, cuts: [block1]}",
    "data={name: mnist, clients: 10, partition: {kind: classes, classes_per_client: 5}, test_fraction: 0.2}",
    "devices=[{count: 10, profile: raspberry-pi-4}]",
    f"evaluation={{every_rounds: {EVERY}}}",
]


def points(seeds: list[int]) -> list[Point]:
    return [
        {"client": client, "server": server, "seed": seed} for seed in seeds for client in RATES for server in RATES
    ]


def measure(point: Point) -> Point:
    """First round with the accuracy aimed at, beyond the last one if there is none; and the last accuracy."""
    client, server = (f"{{kind: sgd, lr: {point[side]}}}" for side in ("client", "server"))
    algorithm = (
        f"algorithm={{kind: mtsl, loss: sum, rounds: {ROUNDS}, local_steps: 5, batch_size: 16,"
        f" optimizer: {client}, server_optimizer: {server}}}"
    )
    with tempfile.TemporaryDirectory() as folder:
        run = simulate(load_scenario(SCENARIO, [*CHANGES, algorithm], int(point["seed"])), folder)
        host_s = run.summary["host"]["wall_s"]
        found = run.metrics.select(["round", "client", "split", "accuracy"]).to_pylist()
    curve = [(row["round"], row["accuracy"]) for row in found if row["split"] == "test" and row["client"] is None]
    return {
        "rounds": next((round for round, accuracy in curve if accuracy >= AIM), ROUNDS + EVERY),
        "accuracy": curve[-1][1],
        "host_s": f"{host_s:.1f}",
    }


def tell(rows: list[Row]) -> None:
    print("| client \\ server |", " | ".join(f"{rate:g}" for rate in RATES), "|")
    print("|---" * (1 + len(RATES)) + "|")
    for client in RATES:
        cells = [f"{_rounds(rows, client, s)}; {spread(_of(rows, client, s, 'accuracy'), 100)}" for s in RATES]
        print("|", " | ".join([f"{client:g}", *cells]), "|")
    print(f"host minutes: {sum(column(rows, 'host_s')) / 60:.0f}")


def draw(rows: list[Row]) -> Figure:
    """Rounds to the aim over both rates; frames mark one rate for both sides."""
    rounds = [[mean(_of(rows, client, server, "rounds")) for server in RATES] for client in RATES]
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN / 2, 2.6), layout="constrained")
        axis = figure.subplots()
        image = axis.imshow(rounds, origin="lower", cmap="cividis_r", vmin=ROUNDS / 2, vmax=ROUNDS)
        for i, client in enumerate(RATES):
            for j, server in enumerate(RATES):
                colour = "white" if rounds[i][j] > 0.75 * ROUNDS else "black"
                axis.text(
                    j, i, _rounds(rows, client, server).replace(" (", "\n("), ha="center", va="center", color=colour
                )
            axis.add_patch(Rectangle((i - 0.5, i - 0.5), 1, 1, fill=False, edgecolor=BLACK, linewidth=2, clip_on=False))
        axis.set_xticks(range(len(RATES)), [f"{rate:g}" for rate in RATES])
        axis.set_yticks(range(len(RATES)), [f"{rate:g}" for rate in RATES])
        axis.set(xlabel="learning rate of the server", ylabel="learning rate of the clients", title="framed: one rate")
        figure.colorbar(image, label=f"rounds to {100 * AIM:.0f} % on own tasks")
    return figure


def _of(rows: list[Row], client: float, server: float, name: str) -> list[float]:
    return column([r for r in rows if (float(r["client"]), float(r["server"])) == (client, server)], name)


def _rounds(rows: list[Row], client: float, server: float) -> str:
    """Mean over the seeds that got there, and how many these are."""
    rounds = _of(rows, client, server, "rounds")
    there = [each for each in rounds if each <= ROUNDS]
    some = "" if len(there) == len(rounds) else f" ({len(there)} of {len(rounds)})"
    return f"{mean(there):.0f}{some}" if there else f"> {ROUNDS}"


if __name__ == "__main__":
    study(__file__, __doc__, points, measure, tell, draw)
