"""Host speed of split training beside the loops that others have published, on the same work.

The loops of peer_loops.py beside SplitFed V1 of ours, simulated with everything (clock, network, payloads, log), and
beside the bare loop of split_training.py: the same network, cut, batch, clients, local steps and update rule. Two of
the loops keep one server half for all clients, which changes nothing in what a client's step costs. In turn, in one
run; medians of client-steps per second, and of the ratios within a turn, with their range. On one core everything runs
on one torch thread. On several, ours has as many worker processes too; a published loop has as many torch threads, as
it is made, and in another row it is forked as often, with its share of the clients each, which its authors do not
offer.

    python benchmarks/peers.py [--model lenet|resnet8|resnet18] [--clients 10 50 100] [--steps N] [--repeats 3]
        [--cores 1] [--optimizer sgd|adam] [--ready] [--peers splitfed slperf plato]
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from statistics import median
from time import perf_counter

import torch
from executors import ours, plain
from peer_loops import LOOPS, Images, Job
from side_by_side import Loop, forked, in_turn, ratio
from split_training import AT_CLIENT, BATCH, LR, SHAPES, STEPS, dataset, splitfed
from torch import nn
from torch.utils.data import TensorDataset

from wirelessfsl.learning.data import Dataset
from wirelessfsl.learning.models import MODELS
from wirelessfsl.learning.optim import SGD, Adam

RULES = {
    "sgd": (SGD(lr=LR), partial(torch.optim.SGD, lr=LR)),
    "adam": (Adam(lr=1e-3), partial(torch.optim.Adam, lr=1e-3)),
}


def job(model: str, data: Dataset, clients: int, steps: int, rule: str, ready: bool) -> Job:
    """The work of a published loop, on images that are stored as bytes, or on tensors that are ready."""
    blocks, cut = [*MODELS[model](data.shape, 10).children()], AT_CLIENT[model]
    pixels = data.inputs.mul(64).add(128).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
    make, inputs = (TensorDataset, data.inputs) if ready else (Images, pixels)
    own = [make(x, y) for x, y in zip(inputs.chunk(clients), data.labels.chunk(clients), strict=True)]
    return Job(nn.Sequential(*blocks[:cut]), nn.Sequential(*blocks[cut:]), own, steps, BATCH, RULES[rule][1])


def published(name: str, work: Job, threads: int = 1) -> float:
    """Client-steps per second of a published loop."""
    torch.set_num_threads(threads)
    begin = perf_counter()
    LOOPS[name](work)
    return len(work.clients) * work.steps / (perf_counter() - begin)


def contenders(args: argparse.Namespace, clients: int, steps: int) -> dict[str, Loop]:
    """The bare loop, ours and the published loops."""
    cores, few = args.cores, max(1, clients // args.cores)
    work = (args.model, dataset(SHAPES[args.model], clients), clients)
    scheme = replace(splitfed(steps), optimizer=RULES[args.optimizer][0])
    whole = job(*work, steps, args.optimizer, args.ready)
    part = replace(whole, clients=whole.clients[:few])
    loops = {
        "bare, 1 thread": partial(plain, *work, "splitfed_v1", steps),
        "ours, 1 thread": partial(ours, *work, scheme),
        **{f"{peer}, 1 thread": partial(published, peer, whole) for peer in args.peers},
    }
    if cores > 1:
        loops[f"ours, {cores} processes"] = partial(ours, *work, scheme, "processes", cores)
        for peer in args.peers:
            loops[f"{peer}, {cores} threads"] = partial(published, peer, whole, cores)
            loops[f"{peer}, {cores} copies"] = partial(forked, cores, partial(published, peer, part))
    return loops


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=SHAPES, default="lenet")
    parser.add_argument("--clients", type=int, nargs="+", default=[10, 50, 100])
    parser.add_argument("--steps", type=int, help="by default as many as take some seconds for 50 clients")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--optimizer", choices=RULES, default="sgd", help="of all but the bare loop, which has SGD")
    parser.add_argument("--ready", action="store_true", help="published loops read tensors, not images of bytes")
    parser.add_argument("--peers", choices=LOOPS, nargs="+", default=[*LOOPS])
    args = parser.parse_args()
    steps = args.steps or STEPS[args.model]
    print(f"{args.model}, batch {BATCH}, {steps} local steps, median of {args.repeats} in turn\n")
    print("| clients | run | client-steps/s | ours to it, 1 thread | ours to it, processes |\n|---|---|---|---|---|")
    for clients in args.clients:
        in_turn(contenders(args, clients, 1), 1)
        speeds = in_turn(contenders(args, clients, steps), args.repeats)
        own = [speed for name, speed in speeds.items() if name.startswith("ours")]
        for name, speed in speeds.items():
            cells = [clients, name, f"{median(speed):.1f}", *(*(ratio(each, speed) for each in own), "")[:2]]
            print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()
