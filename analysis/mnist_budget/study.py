"""Question: how far from centralised training do SplitFed V1 and FedAvg stay on MNIST, on the same number of samples?

Real MNIST (IDX files under $WIRELESSFSL_DATA/mnist; the t10k half is enough: 8,000 training and 2,000 test images),
20 clients, Dirichlet 0.5, LeNet. Every scheme sees rounds x steps x 20 x 32 samples. Prints a Markdown table.

    WIRELESSFSL_DATA=... python -m analysis.mnist_budget.study [--rounds 50] [--seeds 1 2 3]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import mean, stdev

from wirelessfsl import load_scenario, simulate

SCENARIO = Path(__file__).parents[2] / "scenarios" / "mnist.yaml"
STEPS = 10
SCHEMES = {
    "splitfed_v1": ["algorithm.kind=splitfed_v1"],
    "splitfed_v1, 8-bit activations": ["codecs={activations: {kind: quantize, bits: 8}}"],
    "fedavg": ["algorithm.kind=fedavg", "model.cuts=null"],
}
CENTRALISED = [
    "algorithm.kind=centralised",
    f"algorithm.local_steps={STEPS * 20}",
    "data={name: mnist, test_fraction: 0.2}",
    "model={name: lenet}",
    "devices=null",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    args = parser.parse_args()
    print("| scheme | accuracy | simulated s | energy kJ | MB up | MB down |")
    print("|---|---|---|---|---|---|")
    for name, changes in {"centralised": CENTRALISED, **SCHEMES}.items():
        found = [_run([*changes, f"algorithm.rounds={args.rounds}"], seed) for seed in args.seeds]
        columns = [[f(summary) for summary in found] for f in _COLUMNS]
        spread = f" ± {100 * stdev(columns[0]):.2f}" if len(found) > 1 else ""
        cells = [f"{100 * mean(columns[0]):.2f}{spread} %", *(f"{mean(column):.4g}" for column in columns[1:])]
        print("|", name, "|", " | ".join(cells), "|", flush=True)


_COLUMNS = (
    lambda s: s["final"]["accuracy"],
    lambda s: s["simulated_s"],
    lambda s: s["energy_j"]["total"] / 1e3,
    lambda s: s["bytes"]["uplink"] / 1e6,
    lambda s: s["bytes"]["downlink"] / 1e6,
)


def _run(changes: list[str], seed: int) -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        summary: dict[str, dict[str, float]] = simulate(load_scenario(SCENARIO, changes, seed), folder).summary
    return summary


if __name__ == "__main__":
    main()
