"""Host speed of split training: the whole simulation against a bare imperative PyTorch loop that does the same work.

Both train N clients for some local steps on batches of 32, one client after another, with a server replica each, and
average both halves at the end of the round. The bare loop has no clock, no network, no payloads and no log. Both run in
this process, in turn, on one torch thread; the medians are compared.

    python benchmarks/split_training.py [--model lenet|resnet8] [--clients 10 50 100] [--repeats 5] [--profile]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from torch import nn

from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.learning.data import ClientData, Dataset
from wirelessfsl.learning.models import MODELS
from wirelessfsl.learning.optim import SGD
from wirelessfsl.learning.partition import Iid
from wirelessfsl.results.store import RunWriter
from wirelessfsl.scenario import Data, EvaluationSettings, Model, Scenario
from wirelessfsl.simulation import Outcome, play

BATCH, LR = 32, 0.05
SHAPES = {"lenet": (1, 28, 28), "resnet8": (3, 32, 32)}


def dataset(shape: tuple[int, ...], clients: int) -> Dataset:
    count = 320 * clients
    torch.manual_seed(0)
    x, y = torch.randn(count, *shape), torch.randint(10, (count,))
    return Dataset(x, y, x[:10], y[:10], classes=10)


def simulated(model: str, data: Dataset, clients: int, steps: int) -> Outcome:
    scenario = Scenario(
        data=Data(name="blobs", clients=clients, partition=Iid()),
        model=Model(name=model),
        algorithm=SplitFedV1(rounds=1, local_steps=steps, batch_size=BATCH, optimizer=SGD(lr=LR)),
        evaluation=EvaluationSettings(every_rounds=1000),
    )
    with tempfile.TemporaryDirectory() as folder:
        log = RunWriter(Path(folder))
        outcome = play(scenario, log, dataset=data)
        log.close()
    return outcome


def bare(model: str, data: Dataset, clients: int, steps: int) -> float:
    """Client-steps per second of the plain loop."""

    def half(blocks: list[nn.Module]) -> tuple[nn.Module, torch.optim.Optimizer]:
        chain = nn.Sequential(*blocks)
        return chain, torch.optim.SGD(chain.parameters(), lr=LR)

    halves = []
    for _ in range(clients):
        blocks = list(MODELS[model](data.shape, 10).children())
        halves.append((half(blocks[:1]), half(blocks[1:])))
    own = [ClientData(x, y, f"client-{k}", 1) for k, (x, y) in enumerate(zip(*_dealt(data, clients), strict=True))]
    begin = perf_counter()
    for k, ((client, client_sgd), (server, server_sgd)) in enumerate(halves):
        for step in range(steps):
            x, y = own[k].batch(step, BATCH)
            smashed = client(x)
            received = smashed.detach().requires_grad_()
            loss = nn.functional.cross_entropy(server(received), y)
            server_sgd.zero_grad()
            loss.backward()
            server_sgd.step()
            client_sgd.zero_grad()
            smashed.backward(received.grad)
            client_sgd.step()
            loss.item()
    for side in (0, 1):
        states = [pair[side][0].state_dict() for pair in halves]
        mean = {name: torch.stack([s[name].float() for s in states]).mean(0) for name in states[0]}
        for pair in halves:
            pair[side][0].load_state_dict(mean)
    return clients * steps / (perf_counter() - begin)


def _dealt(data: Dataset, clients: int) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    return list(data.inputs.chunk(clients)), list(data.labels.chunk(clients))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=SHAPES, default="lenet")
    parser.add_argument("--clients", type=int, nargs="+", default=[10, 50, 100])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--profile", action="store_true", help="print where the host time of one simulation goes")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{args.model}, batch {BATCH}, {args.steps} local steps, one torch thread, median of {args.repeats} in turn")
    print("clients  simulated/s  bare/s  ratio  overhead_fraction")
    for clients in args.clients:
        data = dataset(SHAPES[args.model], clients)
        simulated(args.model, data, clients, 1)
        bare(args.model, data, clients, 1)
        if args.profile:
            _profile(args.model, data, clients, args.steps)
        runs, loops = [], []
        for _ in range(args.repeats):
            runs.append(simulated(args.model, data, clients, args.steps))
            loops.append(bare(args.model, data, clients, args.steps))
        speed = [run.client_steps / run.wall_s for run in runs]
        ratio = median(a / b for a, b in zip(speed, loops, strict=True))
        overhead = median(run.overhead_fraction for run in runs)
        print(f"{clients:7d}  {median(speed):11.0f}  {median(loops):6.0f}  {ratio:5.3f}  {overhead:.3f}")


def _profile(model: str, data: Dataset, clients: int, steps: int) -> None:
    import cProfile
    import pstats

    with cProfile.Profile() as profile:
        simulated(model, data, clients, steps)
    pstats.Stats(profile).sort_stats("tottime").print_stats(30)


if __name__ == "__main__":
    main()
