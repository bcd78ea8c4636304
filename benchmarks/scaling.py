"""How far a run reaches: simulated seconds per host second, and peak memory, against the number of devices.

One round of a scheme on the quickstart's model, codecs and devices, one batch a client, on each rung of the network:
links of constant rate, shared Shannon bands (FDMA, TDMA), NR on FDMA and on resource blocks, Wi-Fi, and 3GPP's urban
macro cell with devices that walk. Every row is a process of its own, so that its peak memory is its own; that a device
is what is above that of a single one.
By default nothing is learnt (``--timing-only``); ``--trained`` learns, with up to as many clients as there are samples.

    python benchmarks/scaling.py                                  # 10 to 10,000 devices on every rung: some minutes
    python benchmarks/scaling.py --devices 100000 --rungs fdma    # some minutes more, and 2 GB
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from wirelessfsl.records import Event, Metric
from wirelessfsl.scenario import load_scenario
from wirelessfsl.simulation import play

QUICK = Path(__file__).parents[1] / "scenarios" / "quickstart.yaml"
RUNGS: dict[str, list[str]] = {
    "constant": ["network={medium: {kind: constant}}"],
    "fdma": [],
    "tdma": ["network.medium={kind: tdma}"],
    "nr": ["network.channel.phy={kind: nr}"],
    "ofdma": ["network.channel.phy={kind: nr}", "network.medium={kind: ofdma}"],
    "wifi": ["network={layout: {kind: disc, radius_m: 30}, medium: {kind: wifi}}"],
    "uma": ["network.channel.path_loss={kind: uma}", "network.mobility={kind: random_waypoint}"],
}
"""Changes to the quickstart's scenario."""


class Counter:
    """A log that keeps nothing: what a run folder would hold is on disk, not in memory."""

    def __init__(self) -> None:
        self.rows, self.end_s = 0, 0.0

    def event(self, event: Event) -> None:
        self.rows += 1
        self.end_s = max(self.end_s, event.end_s)

    def metric(self, metric: Metric) -> None: ...
    def flush(self) -> None: ...


def one(rung: str, devices: int, algorithm: str, trained: bool) -> dict[str, Any]:
    """One run in this process."""
    whole = algorithm in ("fedavg", "fedprox", "fedem")
    sets = [
        f"algorithm={{kind: {algorithm}, rounds: 1, local_steps: 1}}",
        *(["model.cuts=null", "codecs=null"] if whole else []),
        f"data={{name: digits, clients: {devices}, partition: {{kind: iid}}}}",
        f"devices.0.count={devices}",
        *RUNGS[rung],
    ]
    begin = perf_counter()
    scenario = load_scenario(QUICK, sets, timing_only=not trained)
    loaded, log = perf_counter(), Counter()
    play(scenario, log, timing_only=not trained)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        "rows": log.rows,
        "simulated_s": log.end_s,
        "load_s": loaded - begin,
        "run_s": perf_counter() - loaded,
        "peak_bytes": peak,
    }


def measured(*options: str) -> dict[str, Any]:
    """The same, in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--one", *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, nargs="+", default=[10, 100, 1000, 10_000])
    parser.add_argument("--rungs", nargs="+", choices=RUNGS, default=list(RUNGS))
    parser.add_argument("--algorithm", nargs="+", default=["splitfed_v1"])
    parser.add_argument("--trained", action="store_true")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(one(args.rungs[0], args.devices[0], args.algorithm[0], args.trained)))
        return
    print("rung      algorithm       devices      rows  simulated s    host s  simulated/host    peak MB  kB a device")
    for rung in args.rungs:
        for algorithm in args.algorithm:
            fixed = ["--rungs", rung, "--algorithm", algorithm, *(["--trained"] if args.trained else [])]
            base = measured(*fixed, "--devices", "1")["peak_bytes"]
            for devices in args.devices:
                found = measured(*fixed, "--devices", str(devices))
                each = (found["peak_bytes"] - base) / devices / 1e3
                print(
                    f"{rung:8}  {algorithm:14}  {devices:7d}  {found['rows']:8d}  {found['simulated_s']:11.4g}"
                    f"  {found['run_s']:8.2f}  {found['simulated_s'] / found['run_s']:14.3g}"
                    f"  {found['peak_bytes'] / 1e6:9.0f}  {each:11.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
