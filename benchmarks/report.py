"""Size and build time of a report of many runs: schemes x bandwidths x seeds, as a small study leaves them.

The runs (digits, ten clients) are made first, in a folder that is kept if it is named, and not timed. Built in this
process, from opening the folders to the text of the page.

    python benchmarks/report.py [--runs 20] [--rounds 30] [--folder DIR]
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from wirelessfsl.api import simulate
from wirelessfsl.results.report import report
from wirelessfsl.results.store import open_run
from wirelessfsl.scenario import load_scenario

SCENARIOS = Path(__file__).parents[1] / "scenarios"
SCHEMES = ("quickstart", "fedavg", "parallel_sl", "sfl_ga")
BANDWIDTHS_HZ = (20e6, 5e6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args()
    with TemporaryDirectory() as scratch:
        folder = args.folder or Path(scratch)
        points = product(range(1, args.runs + 1), SCHEMES, BANDWIDTHS_HZ)
        for i, (seed, scheme, bandwidth_hz) in zip(range(args.runs), points, strict=False):
            if not (folder / f"{i}" / "summary.json").exists():
                changes = [f"algorithm.rounds={args.rounds}", f"network.medium.bandwidth_hz={bandwidth_hz}"]
                scenario = load_scenario(SCENARIOS / f"{scheme}.yaml", changes, seed)
                simulate(replace(scenario, name=scheme), folder / f"{i}")
        begin = perf_counter()
        runs = [open_run(folder / f"{i}") for i in range(args.runs)]
        page = report(runs)
        seconds = perf_counter() - begin
        events = sum(run.events.num_rows for run in runs)
    print(f"{args.runs} runs, {events} events: {len(page.encode()) / 1e6:.2f} MB in {seconds:.2f} s")


if __name__ == "__main__":
    main()
