"""How far a run reaches: host seconds, events, messages a second and peak memory against the number of devices.

One round of a scheme on the quickstart's model, codecs and devices, one batch a client, on each rung of the network:
links of constant rate, shared Shannon bands (FDMA, TDMA), NR on FDMA and on resource blocks, Wi-Fi, and 3GPP's urban
macro cell with devices that walk. Every row is a process of its own, so that its peak memory is its own; that a device
is what is above that of a single one. Events are SimPy's steps; messages are those that took off; what is per second is
per second of the CPU, which other users of the machine disturb less than the clock. Below the rows of a rung stands the
exponent of its growth, the slope of log CPU seconds over log devices from 1,000 devices on: 1 is linear.

By default nothing is learnt (``--timing-only``); ``--trained`` learns, on the digits, dealt as often as there are
clients for them, with up to 10,000 devices.

    python benchmarks/scaling.py --quick                          # up to 1,000 devices: two minutes
    python benchmarks/scaling.py                                  # 10 to 10,000 devices on every rung: some minutes
    python benchmarks/scaling.py --devices 1000 10000 100000 --rungs constant fdma tdma       # and up to 4 GB
    python benchmarks/scaling.py --trained --rungs constant fdma
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch

from wirelessfsl import simulation
from wirelessfsl.engine.world import World
from wirelessfsl.learning.data import Dataset
from wirelessfsl.records import Event, Metric
from wirelessfsl.scenario import dataset_of, load_scenario

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
MOST_TRAINED = 10_000
SAMPLES = 20
"""Of each client that trains."""


class Counter:
    """A log that keeps nothing: what a run folder would hold is on disk, not in memory."""

    def __init__(self) -> None:
        self.rows, self.end_s = 0, 0.0

    def event(self, event: Event) -> None:
        self.rows += 1
        self.end_s = max(self.end_s, event.end_s)

    def metric(self, metric: Metric) -> None: ...
    def flush(self) -> None: ...


def repeated(data: Dataset, count: int) -> Dataset:
    """So many training samples: those that there are, again and again."""
    at = torch.arange(count) % len(data.labels)
    return replace(data, inputs=data.inputs[at], labels=data.labels[at])


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
    scenario, engines = load_scenario(QUICK, sets, timing_only=True), []
    data = repeated(dataset_of(scenario), SAMPLES * devices) if trained else None
    build = simulation.build

    def built(*args: Any) -> World:
        world = build(*args)
        engines.append((world.env, world.medium))  # the world itself ends with the run
        return world

    simulation.build = built
    begin, begin_cpu, log = perf_counter(), process_time(), Counter()
    simulation.play(scenario, log, dataset=data, timing_only=not trained)
    run_s, cpu_s = perf_counter() - begin, process_time() - begin_cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    ((env, medium),) = engines
    return {
        "rows": log.rows,
        "simulated_s": log.end_s,
        "events": next(env._eid) - len(env._queue),
        "messages": sum(line._taken_off for lines in medium.bands for line in lines.values()),
        "run_s": run_s,
        "cpu_s": cpu_s,
        "peak_bytes": peak,
    }


def measured(*options: str, limit_s: float = 600.0) -> dict[str, Any] | None:
    """The same, in a process of its own; None if it takes too long."""
    command = [sys.executable, __file__, "--one", *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit_s)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def exponent(devices: list[int], seconds: list[float]) -> float:
    """Slope of log seconds over log devices."""
    return float(np.polyfit(np.log(devices), np.log(seconds), 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, nargs="+")
    parser.add_argument("--rungs", nargs="+", choices=RUNGS, default=list(RUNGS))
    parser.add_argument("--algorithm", nargs="+", default=["splitfed_v1"])
    parser.add_argument("--trained", action="store_true")
    parser.add_argument("--quick", action="store_true", help="only up to 1,000 devices")
    parser.add_argument("--limit-s", type=float, default=600.0, help="host seconds after which a run is given up")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    numbers = args.devices or [10, 100, 1000, *([] if args.quick else [10_000])]
    if args.one:
        print(json.dumps(one(args.rungs[0], numbers[0], args.algorithm[0], args.trained)))
        return
    if args.trained and max(numbers) > MOST_TRAINED:
        parser.error(f"--devices: got {max(numbers)}, must be <= {MOST_TRAINED} with --trained")
    print(
        f"{'rung':8}  {'algorithm':14}  devices    host s     cpu s      events  events/s  messages  messages/s"
        "  simulated/host   peak MB  kB a device"
    )
    for rung in args.rungs:
        for algorithm in args.algorithm:
            fixed = ["--rungs", rung, "--algorithm", algorithm, *(["--trained"] if args.trained else [])]
            base, large = measured(*fixed, "--devices", "1"), dict[int, float]()
            assert base is not None
            for devices in numbers:
                found = measured(*fixed, "--devices", str(devices), limit_s=args.limit_s)
                if found is None:
                    print(f"{rung:8}  {algorithm:14}  {devices:7d}  not within {args.limit_s:g} s", flush=True)
                    break
                seconds = found["cpu_s"]
                if devices >= 1000:
                    large[devices] = seconds
                each = (found["peak_bytes"] - base["peak_bytes"]) / devices / 1e3
                print(
                    f"{rung:8}  {algorithm:14}  {devices:7d}  {found['run_s']:8.2f}  {seconds:8.2f}"
                    f"  {found['events']:10d}  {found['events'] / seconds:8.0f}"
                    f"  {found['messages']:8d}  {found['messages'] / seconds:10.0f}"
                    f"  {found['simulated_s'] / seconds:14.3g}  {found['peak_bytes'] / 1e6:8.0f}  {each:11.1f}",
                    flush=True,
                )
            if len(large) > 1:
                print(f"{rung:8}  {algorithm:14}  cpu s ~ devices^{exponent(list(large), list(large.values())):.2f}")


if __name__ == "__main__":
    main()
