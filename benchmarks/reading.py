"""Cost of reading many run folders: queries and a comparison over copies of one run, each in a process of its own.

Every copy has a seed and a bandwidth of its own, three seeds a bandwidth. Told are the best and the worst of the
repeats, with the import of the packages in them; the first may wait for the disk.

    python benchmarks/reading.py [--runs 1000] [--repeats 3]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from shutil import copyfile
from time import perf_counter

from wirelessfsl import load_scenario, simulate
from wirelessfsl.results.store import Run, write_json

QUICK = Path(__file__).parents[1] / "scenarios" / "quickstart.yaml"
QUERIES = (
    "select algorithm, avg(time_to_accuracy) from runs group by algorithm",
    "select seed, avg(energy_j) from runs where (scenario->>'$.network.medium.bandwidth_hz')::double > 1e8 group by 1",
    "select round, avg(accuracy) from metrics where client is null and split = 'test' group by round order by round",
    "select target, avg(time_s), avg(bytes) from targets group by target",
    "select phase, sum(energy_j) from events group by phase order by phase",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        original = simulate(load_scenario(QUICK), out=Path(folder) / "original")
        copies = Path(folder) / "copies"
        for i in range(args.runs):
            copy(original, copies / f"{i:05d}", seed=1 + i % 3, bandwidth_hz=1e6 * (1 + i // 3))
        print(f"{args.runs} runs of {original.events.num_rows} events and {original.metrics.num_rows} evaluations")
        for sql in QUERIES:
            measure(["query", sql, str(copies)], args.repeats, sql)
        runs = sorted(map(str, copies.iterdir()))
        measure(["compare", *runs, "--target-accuracy", "0.8", "--target-accuracy", "0.9"], args.repeats, "compare")


def copy(run: Run, folder: Path, seed: int, bandwidth_hz: float) -> None:
    """A run folder that differs by seed and bandwidth, as far as the reader can tell."""
    (folder / "events").mkdir(parents=True)
    for file in ("metrics.parquet", *(str(part.relative_to(run.path)) for part in run.parts)):
        copyfile(run.path / file, folder / file)
    scenario = json.loads(json.dumps(run.scenario)) | {"seed": seed}
    scenario["network"]["medium"]["bandwidth_hz"] = bandwidth_hz
    write_json(folder / "manifest.json", run.manifest | {"scenario": scenario})
    write_json(folder / "summary.json", run.summary | {"seed": seed})


def measure(command: list[str], repeats: int, name: str) -> None:
    seconds = []
    for _ in range(repeats):
        begin = perf_counter()
        subprocess.run([sys.executable, "-m", "wirelessfsl.cli", *command], check=True, stdout=subprocess.DEVNULL)
        seconds.append(perf_counter() - begin)
    print(f"{min(seconds):6.2f} s to {max(seconds):.2f} s  {name}")


if __name__ == "__main__":
    main()
