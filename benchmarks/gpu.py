"""Host speed on a device: equal kernels of many clients at once against one after the other, and the floor of both.

SplitFed V1 with whole simulations in turn; medians of client-steps per second and of their ratios. Beside them what a
client-step costs: operations of torch's matrix products and convolutions, bytes of payloads between device and host
(out and back), and kernels launched on the device (on a CPU: operations dispatched). The floor takes these operations
and bytes at the rates of a large matrix product and of a large copy, measured here.

    python benchmarks/gpu.py [--device cuda|cpu] [--models lenet resnet18] [--clients 10 100 1000]
        [--scheme splitfed_v1] [--steps 5] [--width 128] [--repeats 3]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from math import prod
from statistics import median
from time import perf_counter
from typing import Any

import torch
from schemes import LOOPS, algorithm
from side_by_side import in_turn, ratio
from split_training import AT_CLIENT, BATCH, SHAPES, dataset, simulated
from torch.utils._python_dispatch import TorchDispatchMode

from wirelessfsl.learning.data import Dataset
from wirelessfsl.learning.executors.contract import Executor
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.executors.stacked import WIDTH, Stacked
from wirelessfsl.learning.models import MODELS, ModelSpec
from wirelessfsl.learning.stage import split
from wirelessfsl.scenario import Algorithm


def executor(device: str, width: int) -> Executor:
    """An executor on a device; of width 1 the one that goes client by client."""
    return Sequential() if device == "cpu" and width == 1 else Stacked(device, width)


def speed(model: str, data: Dataset, clients: int, scheme: Algorithm, device: str, width: int) -> float:
    """Client-steps per second of one run."""
    run = simulated(model, data, clients, scheme, executor(device, width))
    return run.client_steps / run.wall_s


class Dispatched(TorchDispatchMode):
    """Counts operations."""

    count = 0

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return operation(*args, **(kwargs or {}))


def launches(run: Callable[[], object], device: str) -> int:
    """Kernels that a run launches on a device; on a CPU operations dispatched."""
    if device == "cpu":
        with Dispatched() as dispatched:
            run()
        return dispatched.count
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as profiled:
        run()
    return sum(each.count for each in profiled.key_averages() if "LaunchKernel" in each.key)


def needs(model: str) -> tuple[float, float]:
    """Operations of a client-step, and bytes of its payloads between device and host, out and back."""
    shape = SHAPES[model]
    last = [*dict(MODELS[model](shape, 10).named_children())][AT_CLIENT[model] - 1]
    stages = split(ModelSpec(model, shape, 10), (last,))
    flops = sum(sum(vars(stage.flops(BATCH)).values()) for stage in stages)
    smashed = 4 * BATCH * prod(stages[0].output_shape())
    return flops, 2.0 * (2 * smashed + 8 * BATCH)


def rates(device: str) -> tuple[float, float]:
    """Operations per second of a large matrix product, bytes per second of a large copy to the host."""
    a = torch.randn(4096, 4096, device=device)
    fastest = [_fastest(partial(torch.mm, a, a), device), _fastest(partial(a.to, "cpu", copy=True), device)]
    return 2 * 4096**3 / fastest[0], a.nbytes / fastest[1]


def _fastest(work: Callable[[], object], device: str) -> float:
    seconds = []
    for _ in range(5):
        begin = perf_counter()
        work()
        if device != "cpu":
            torch.cuda.synchronize()
        seconds.append(perf_counter() - begin)
    return min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--models", choices=SHAPES, nargs="+", default=["lenet", "resnet18"])
    parser.add_argument("--clients", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--scheme", choices=LOOPS, default="splitfed_v1")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--width", type=int, default=WIDTH)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    of_products, of_copies = rates(args.device)
    print(f"{args.scheme}, batch {BATCH}, {args.steps} local steps, {args.device}, median of {args.repeats} in turn")
    print(f"matrix product {of_products / 1e9:.0f} GFLOP/s, copy to the host {of_copies / 1e9:.1f} GB/s\n")
    print(
        "| model | clients | one by one/s | stacked/s | ratio | floor/s | MFLOP | kB | launches one by one | stacked |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for model in args.models:
        flops, size_bytes = needs(model)
        floor_s = flops / of_products + (size_bytes / of_copies if args.device != "cpu" else 0.0)
        for clients in args.clients:
            data, scheme = dataset(SHAPES[model], clients), algorithm(args.scheme, clients, args.steps)
            runs = {
                width: partial(speed, model, data, clients, scheme, args.device, width) for width in (1, args.width)
            }
            counts = [launches(run, args.device) / (clients * args.steps) for run in runs.values()]
            speeds = in_turn({str(width): run for width, run in runs.items()}, args.repeats)
            alone, together = speeds.values()
            cells = [model, clients, f"{median(alone):.1f}", f"{median(together):.1f}", ratio(together, alone)]
            cells += [f"{1 / floor_s:.0f}", f"{flops / 1e6:.1f}", f"{size_bytes / 1e3:.0f}"]
            print(f"| {' | '.join(map(str, cells + [f'{count:.1f}' for count in counts]))} |", flush=True)


if __name__ == "__main__":
    main()
