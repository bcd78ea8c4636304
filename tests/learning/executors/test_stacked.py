"""Equal kernels at once: which go together, what becomes of one that fails, and what is copied between devices."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.golden.golden import FOLDER, NAMES
from tests.learning.executors.elsewhere import Elsewhere, There
from tests.learning.plain import batches, same, values
from tests.worlds import run
from wirelessfsl.cli import main
from wirelessfsl.executing import Wish, at_work, chosen
from wirelessfsl.learning.executors import stacked
from wirelessfsl.learning.executors.contract import Failed
from wirelessfsl.learning.executors.piles import Pile, copy_here
from wirelessfsl.learning.executors.promises import Promise, gathered, settled
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.executors.stacked import Stacked
from wirelessfsl.learning.kernels import Kernel, backward, blank, forward, infer, serve, train
from wirelessfsl.learning.models import ModelSpec
from wirelessfsl.learning.optim import SGD, Adam
from wirelessfsl.learning.rounding import rounded
from wirelessfsl.learning.stage import Part, Stage, initial_parts, split
from wirelessfsl.scenario import Scenario, ScenarioError, load_scenario
from wirelessfsl.scenario.settings import Codecs
from wirelessfsl.simulation import Outcome
from wirelessfsl.streams import key, subkey

TOLERANCE = 1e-4
"""Relative, of each tensor's norm after a few rounds: sums in another order, amplified by training. Measured: 3e-6."""
QUICK = ("splitfed_v2",)
CLIENTS = 5


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    with Elsewhere() as device:
        yield device


def parts(stages: tuple[Stage, ...], optimizer: SGD | Adam, count: int = CLIENTS) -> list[tuple[Part, ...]]:
    """Of every client, with weights and keys of its own."""
    return [tuple(p.begin(optimizer, seed) for p in initial_parts(stages, seed)) for seed in range(count)]


def distance(left: Outcome, right: Outcome) -> float:
    """The largest relative distance of a tensor from the other's, over all models of two runs."""
    worst = 0.0
    for a, b in zip(_weights(left), _weights(right), strict=True):
        norm = float(a.double().norm())
        worst = max(worst, float((a.double() - b.double()).norm()) / norm if norm else 0.0)
    return worst


def _weights(outcome: Outcome) -> list[torch.Tensor]:
    models = (model for own in outcome.models.values() for model in getattr(own, "models", (own,)))
    return [tensor for model in (outcome.parts, *models) for part in model for tensor in part.weights]


def schemes() -> list[Any]:
    return [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]


def plain(name: str) -> Scenario:
    """A golden run without codecs: a quantiser makes of a last digit a whole step."""
    scenario = load_scenario(FOLDER / f"{name}.yaml")
    return replace(scenario, codecs=Codecs()) if scenario.codecs != Codecs() and name != "fedlite" else scenario


@pytest.mark.parametrize("name", schemes())
def test_every_scheme_has_the_same_log_on_another_device_and_nearly_the_same_weights(
    name: str, elsewhere: Elsewhere
) -> None:
    log, outcome = run(plain(name))
    executor = Stacked("lazy")
    log_there, there = run(plain(name), executor)
    assert log_there.events == log.events
    assert distance(outcome, there) < TOLERANCE
    assert max(executor.widths) > 1 or name in ("centralised", "fedem", "split_learning")
    assert executor.kernels == sum(width * count for width, count in executor.widths.items())


@pytest.mark.parametrize("name", ["splitfed_fdma", pytest.param("async_sl", marks=pytest.mark.slow)])
@pytest.mark.parametrize("device", ["cpu", "lazy"])
def test_through_codecs_of_fixed_size_the_log_is_the_same(name: str, device: str, elsewhere: Elsewhere) -> None:
    scenario = load_scenario(FOLDER / f"{name}.yaml")
    log, outcome = run(scenario)
    log_stacked, of_stacked = run(scenario, Stacked(device))
    assert log_stacked.events == log.events
    assert distance(outcome, of_stacked) < 0.05  # levels of 8 bits, some of them the next one


def test_clients_go_in_step_also_where_the_server_takes_one_after_the_other() -> None:
    widths: dict[str, Counter[int]] = {}

    class Watched(Stacked):
        def account(self, kernel: Kernel, begin: float, width: int = 1) -> None:
            widths.setdefault(kernel.name, Counter())[width] += 1
            super().account(kernel, begin, width)

    run(plain("splitfed_v2"), Watched())
    steps, clients = 6, 4
    assert widths["forward"] == widths["backward"] == widths["batch"] == {clients: steps}
    assert widths["serve"] == {1: steps * clients}


def test_no_more_go_in_step_than_the_width() -> None:
    executor = Stacked(width=3)
    (stage,) = split(ModelSpec("small_cnn", (1, 8, 8), 10), ())
    jobs = zip(parts((stage,), SGD()), batches("small_cnn", CLIENTS), strict=True)
    works = [executor.submit(train, stage, SGD(), *own, *xy, chain=f"{k}") for k, (own, xy) in enumerate(jobs)]
    results = [work.result() for work in works]
    executor.settle()
    assert executor.widths == {3: 1, 2: 1}
    assert len(results) == CLIENTS


def test_kernels_of_one_name_that_do_something_else_are_not_stacked() -> None:
    executor, zeros = Stacked(), torch.zeros(4)
    by_one, by_two = (
        Kernel("add", "server_step", partial(torch.add, other=n), _free, _same, stacks=True) for n in (1, 2)
    )
    works = [executor.submit(each, zeros, chain=f"{k}") for k, each in enumerate((by_one, by_two, by_one))]
    assert [float(work.result()[0]) for work in works] == [1.0, 2.0, 1.0]
    assert executor.widths == {2: 1, 1: 1}


def test_what_cannot_be_told_from_others_runs_by_itself() -> None:
    executor, named = Stacked(), {"x": torch.ones(4)}
    take = Kernel("take", "server_step", lambda values: values["x"] + 1, _free, lambda values: values["x"], stacks=True)
    works = [executor.submit(take, named, chain=f"{k}") for k in range(3)]
    assert [float(work.result()[0]) for work in works] == [2.0] * 3
    assert executor.widths == {1: 3}


def _free(*_: Any) -> float:
    return 0.0


def _same(x: torch.Tensor) -> torch.Tensor:
    return x


@pytest.mark.parametrize("model", ["small_cnn_bn", "femnist_cnn"])  # statistics; dropout
@pytest.mark.parametrize(
    "optimizer", [SGD(lr=0.1, momentum=0.9, weight_decay=0.01), Adam(eps=1e-3)], ids=["sgd", "adam"]
)
def test_split_training_of_many_is_that_of_each(model: str, optimizer: SGD | Adam) -> None:
    side, cut = (28, "conv2") if model == "femnist_cnn" else (8, "block1")
    stages = split(ModelSpec(model, (1, side, side), 10), (cut,))
    data = [(torch.rand(4, 1, side, side, generator=_random(k)), torch.arange(4) + k) for k in range(CLIENTS)]

    def trained(executor: Any) -> Any:
        out = []
        for k, (client, server) in enumerate(parts(stages, optimizer)):
            x, y = data[k]
            for _ in range(2):
                args = {"chain": f"client-{k}"}
                client, smashed, tape = executor.submit(forward, stages[0], client, x, **args).result()
                given = (stages[1], optimizer, server, smashed, y)
                server, gradient, loss = executor.submit(serve, *given, **args).result()
                client = executor.submit(backward, stages[0], optimizer, client, tape, x, gradient, **args).result()
            seen = executor.submit(infer, stages[0], client, x, **args).result()
            out.append((client, server, loss, seen))
        executor.settle()
        return [(values(settled(c)), values(settled(s)), settled(loss), settled(seen)) for c, s, loss, seen in out]

    executor = Stacked()
    assert same(trained(executor), trained(Sequential()), 1e-5)
    assert executor.widths == {CLIENTS: 7}


def test_gradients_of_many_are_rounded_as_those_of_each() -> None:
    keys = [key(seed, "rounding") for seed in range(CLIENTS)]
    gradients = [torch.randn(CLIENTS, *shape, generator=_random(1)) for shape in ((3, 4), (7,))]
    together = rounded(gradients, 4, subkey(np.array(keys, dtype=object), 9))  # type: ignore[arg-type]
    each = [rounded(own, 4, subkey(k, 9)) for *own, k in zip(*gradients, keys, strict=True)]
    assert same(together, tuple(map(torch.stack, zip(*each, strict=True))))


def _random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_who_is_at_another_step_of_adam_is_in_another_stack() -> None:
    (stage,) = split(ModelSpec("small_cnn", (1, 8, 8), 10), ())
    data, optimizer = batches("small_cnn", 1)[0], Adam()
    first, second = (own for (own,) in parts((stage,), optimizer, 2))
    second, _ = train(stage, optimizer, second, *data)
    executor = Stacked()
    got = [executor.submit(train, stage, optimizer, own, *data).result() for own in (first, second)]
    expected = [train(stage, optimizer, own, *data) for own in (first, second)]
    assert same([values(settled(own)) for own, _ in got], [values(own) for own, _ in expected])
    assert executor.widths == {1: 2}


def _halve(x: torch.Tensor, most: int) -> torch.Tensor:
    if len(x) > most:
        raise torch.OutOfMemoryError
    return x / 2


def _root(x: torch.Tensor) -> torch.Tensor:
    if bool((x < 0).any()):
        raise ArithmeticError("below zero")
    return x.sqrt()


def _free(*_: Any) -> float:
    return 0.0


HALVE = Kernel("halve", "client_forward", _halve, _free, lambda x, most: x, stacks=True)
ROOT = Kernel("root", "client_forward", _root, _free, lambda x: x, stacks=True)


def test_a_batch_that_is_too_large_for_the_memory_is_halved_for_good() -> None:
    executor = Stacked()
    promises = [executor.submit(HALVE, torch.tensor([float(k)]), 3, chain=f"{k}").result() for k in range(8)]
    executor.settle()
    assert torch.cat(settled(promises)).tolist() == [k / 2 for k in range(8)]
    assert executor.widths == {2: 4}
    later = [executor.submit(HALVE, torch.tensor([float(k)]), 3, chain=f"{k}").result() for k in range(4)]
    executor.settle()
    assert len(later) == 4
    assert executor.widths == {2: 6}


def test_one_that_fails_leaves_the_others_what_they_ask_for() -> None:
    executor = Stacked()
    good, bad, other = (executor.submit(ROOT, torch.tensor([x])).result() for x in (4.0, -1.0, 9.0))
    after = executor.submit(ROOT, bad).result()
    assert good.item() == 2.0
    assert other.item() == 3.0
    for promise in (bad, after):
        with pytest.raises(ArithmeticError, match="below zero"):
            promise.read()


def test_what_a_batch_has_made_is_gone_when_its_halves_are_run() -> None:
    made: list[weakref.ref[torch.Tensor]] = []

    def thrice(x: torch.Tensor) -> torch.Tensor:
        for _ in range(3):  # three numbers a client, of which the memory holds twelve
            if sum(own.numel() for each in made if (own := each()) is not None) + x.numel() > 12:
                raise torch.OutOfMemoryError
            x = x + 1
            made.append(weakref.ref(x))
        return x

    kernel = Kernel("thrice", "client_forward", thrice, _free, lambda x: x, stacks=True)
    executor = Stacked()
    promises = [executor.submit(kernel, torch.tensor([float(k)]), chain=f"{k}").result() for k in range(8)]
    assert torch.cat([promise + 0 for promise in promises[:4]]).tolist() == [3.0, 4.0, 5.0, 6.0]
    assert executor.widths == {4: 2}


def test_one_that_fails_is_no_reason_not_to_stack_the_next() -> None:
    executor = Stacked()
    for first in (-1.0, 1.0):
        made = [executor.submit(ROOT, torch.tensor([x]), chain=f"{x}").result() for x in (first, 4.0, 9.0)]
        with suppress(ArithmeticError):
            executor.settle()
        assert made[1].item() == 2.0
    assert executor.widths == {1: 2, 3: 1}


def test_convolutions_on_a_gpu_keep_their_digits() -> None:
    Stacked()
    cudnn: Any = torch.backends.cudnn
    assert cudnn.conv.fp32_precision == cudnn.rnn.fp32_precision == "ieee"


def test_some_of_what_was_stacked_in_another_order_are_stacked_anew() -> None:
    executor = Stacked()
    roots = [executor.submit(ROOT, torch.tensor([float(k**4)]), chain=f"{k}").result() for k in range(4)]
    executor.settle()
    again = [executor.submit(ROOT, roots[k], chain=f"{3 - k}").result() for k in (3, 1)]
    executor.settle()
    assert executor.widths == {4: 1, 2: 1}
    assert torch.cat(settled(again)).tolist() == [3.0, 1.0]


# Devices


def test_a_transfer_that_is_too_large_goes_in_halves_and_if_it_is_of_one_is_told_as_what_it_is(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scarce(piles: Iterable[Pile]) -> None:
        piles = [*piles]
        if sum(pile.value.numel() for pile in piles) > room:
            raise torch.OutOfMemoryError("no memory left")
        copy_here(piles)

    monkeypatch.setattr(stacked, "copy_here", scarce)
    weigh = Kernel("weigh", "encode", lambda x: x.sum(), _free, lambda x: blank((), x.dtype), host=True)
    executor = Stacked("lazy")
    room = 2
    for error in (None, Failed):
        roots = [executor.submit(HALVE, torch.tensor([2.0 * k]), 1, about="here").result() for k in range(4)]
        sums = [
            executor.submit(weigh, root, chain=f"{k}", about=f"client {k}").result() for k, root in enumerate(roots)
        ]
        if error is None:
            assert [float(each) for each in sums] == [0.0, 1.0, 2.0, 3.0]
            room = 0
        else:
            with pytest.raises(Failed, match=r"^client 0: no memory left"):
                float(sums[0])


def test_what_bytes_are_made_of_is_copied_at_once_and_what_is_read_of_many_too(elsewhere: Elsewhere) -> None:
    weigh = Kernel("weigh", "encode", lambda x: float(x.sum()), _free, host=True)
    executor = Stacked("lazy")
    xs = [torch.rand(3, generator=_random(k)) for k in range(CLIENTS)]
    roots = [executor.submit(ROOT, x, chain=f"{k}").result() for k, x in enumerate(xs)]
    weights = [executor.submit(weigh, root, chain=f"{k}") for k, root in enumerate(roots)]
    assert [work.result() for work in weights] == [float(x.sqrt().sum()) for x in xs]
    assert elsewhere.copies == {"lazy": 1, "cpu": 1}

    elsewhere.copies.clear()
    twice = [executor.submit(ROOT, root, chain=f"{k}").result() for k, root in enumerate(roots)]
    executor.settle()
    read = gathered(tuple(twice))
    assert elsewhere.copies == {"cpu": 1}
    assert not any(isinstance(each, There | Promise) for each in read)


def test_what_was_read_stays_on_the_device_for_the_next_kernel(elsewhere: Elsewhere) -> None:
    executor = Stacked("lazy")
    half = executor.submit(HALVE, torch.rand(3), 3).result()
    assert half.read().tolist() == half.to("cpu").tolist()
    again = executor.submit(HALVE, half, 3).result()
    assert isinstance(again.to("lazy"), There)
    assert elsewhere.copies == {"lazy": 1, "cpu": 2}


def test_weights_that_all_clients_begin_with_are_brought_to_the_device_once(elsewhere: Elsewhere) -> None:
    executor = Stacked("lazy")
    start = torch.rand(3)
    for _ in range(2):
        for k in range(CLIENTS):
            executor.submit(ROOT, start, chain=f"{k}").result().read()
    assert elsewhere.copies["lazy"] == 1


def test_devices_do_not_mix_elsewhere(elsewhere: Elsewhere) -> None:
    with pytest.raises(RuntimeError, match="tensors on two devices"):
        torch.zeros(2, device="lazy") + torch.zeros(2)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told_by_check_and_by_run_and_the_scenario_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lacks = "host.device: got cuda, and torch finds no GPU here; set host.device=cpu, or run where one is"
    path, on_gpu = str(FOLDER / "fedlite.yaml"), ["--set", "host.device=cuda"]
    assert load_scenario(FOLDER / "fedlite.yaml", on_gpu[1:]).host.device == "cuda"
    assert main(["check", path, *on_gpu]) == 2
    assert capsys.readouterr().err == f"{path}: {lacks}\n"
    assert main(["run", path, *on_gpu, "--out", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err.endswith(f"{lacks}\n")
    assert not (tmp_path / "run").exists()
    with pytest.raises(ValueError, match=lacks):
        Stacked("cuda")


def test_on_a_gpu_nothing_is_compiled_and_threads_are_of_no_account() -> None:
    for knob in ("compile=true", "torch_threads=2"):
        with pytest.raises(ScenarioError, match=rf"host.{knob.split('=')[0]}: has no effect: it is for kernels on"):
            load_scenario(FOLDER / "fedlite.yaml", ["host.device=cuda", f"host.{knob}"])


def test_on_a_gpu_kernels_are_stacked_or_run_one_by_one_and_not_in_worker_processes() -> None:
    scenario = load_scenario(FOLDER / "fedlite.yaml", ["host.device=cuda"])
    assert chosen(scenario) == ("stacked", "the model is computed on cuda")
    with (
        pytest.raises(ValueError, match="processes is for processors; on cuda take stacked"),
        at_work(Wish("processes"), scenario, timing_only=False),
    ):
        pass
    with at_work(Wish("stacked"), load_scenario(FOLDER / "fedlite.yaml"), timing_only=False) as (executor, why):
        assert isinstance(executor, Stacked)
        assert why == "asked for"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", NAMES)
def test_every_scheme_has_the_same_log_on_a_gpu_and_nearly_the_same_weights(name: str) -> None:
    log, outcome = run(plain(name))
    log_there, there = run(replace(plain(name), host=replace(plain(name).host, device="cuda")), Stacked("cuda"))
    assert log_there.events == log.events
    assert distance(outcome, there) < TOLERANCE
