"""What every executor promises, whichever it is. A new executor is one more line in ``EXECUTORS``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from tests.learning.plain import batches, same, values
from wirelessfsl.learning.executors.cluster import Ray
from wirelessfsl.learning.executors.contract import Executor
from wirelessfsl.learning.executors.promises import settled
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.executors.stacked import Stacked
from wirelessfsl.learning.kernels import Kernel, average, backward, forward, serve, train
from wirelessfsl.learning.models import ModelSpec
from wirelessfsl.learning.optim import SGD, Adam
from wirelessfsl.learning.stage import Part, Stage, initial_parts, split
from wirelessfsl.rays import connect

TOLERANCE: dict[Any, float] = {Stacked: 1e-5}
"""Of executors whose values are not bit for bit those of the kernels: absolute and relative."""


def on_ray() -> Executor:
    """All on one Ray of this machine."""
    ray = pytest.importorskip("ray")
    if not ray.is_initialized():
        connect(ray, None, 2)
    return Ray()


EXECUTORS = [
    Sequential,
    Stacked,
    pytest.param(on_ray, marks=[pytest.mark.slow, pytest.mark.filterwarnings("default")], id="Ray"),
]
every_executor = pytest.mark.parametrize("make", EXECUTORS)
MODEL, OPTIMIZER = "small_cnn_bn", SGD(lr=0.1, momentum=0.9)


@pytest.fixture(autouse=True, scope="module")
def one_torch_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True, scope="module")
def no_ray_is_left() -> Iterator[None]:
    yield
    if (ray := sys.modules.get("ray")) is not None:
        ray.shutdown()


def _sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def _fail(text: str) -> None:
    raise ArithmeticError(text)


def _free(*_: Any) -> float:
    return 0.0


SLEEP = Kernel("sleep", "client_forward", _sleep, _free)
FAIL = Kernel("fail", "client_forward", _fail, _free)


def stages_and_parts(*cuts: str) -> tuple[tuple[Stage, ...], tuple[Part, ...]]:
    stages = split(ModelSpec(MODEL, (1, 8, 8), 10), cuts)
    return stages, tuple(part.begin(OPTIMIZER, 1) for part in initial_parts(stages, 1))


def call(kernel: Kernel, *args: Any) -> Any:
    return kernel(*args)


def three_steps(run: Callable[..., Any]) -> list[torch.Tensor]:
    """Split training and averaging, each kernel on what the ones before returned."""
    (client_stage, server_stage), (client, server) = stages_and_parts("block1")
    losses = []
    for x, y in batches(MODEL, 3):
        client, smashed, tape = run(forward, client_stage, client, x)
        server, gradient, loss = run(serve, server_stage, OPTIMIZER, server, smashed, y)
        client = run(backward, client_stage, OPTIMIZER, client, tape, x, gradient)
        losses.append(loss)
    mean = run(average, [client.weights, client.weights], [1, 3])
    return [*losses, *values(client), *values(server), *mean]


@every_executor
def test_values_equal_calling_the_kernels(make: Callable[[], Executor]) -> None:
    executor = make()
    promised = three_steps(lambda kernel, *args: executor.submit(kernel, *args).result())
    assert same(settled(promised), three_steps(call), TOLERANCE.get(make, 0.0))


@every_executor
@pytest.mark.parametrize("optimizer", [OPTIMIZER, Adam(eps=1e-3)], ids=["momentum", "adam"])
def test_work_under_way_at_once_does_not_mix(make: Callable[[], Executor], optimizer: SGD | Adam) -> None:
    executor = make()
    (stage,), _ = stages_and_parts()
    (start,) = (part.begin(optimizer, 1) for part in initial_parts((stage,), 1))
    jobs = batches(MODEL, 6)
    works = [executor.submit(train, stage, optimizer, start, x, y) for x, y in jobs]
    for at in (3, 0, 5, 1, 4, 2):  # demanded in another order than submitted
        part, loss = settled(works[at].result())
        expected, expected_loss = train(stage, optimizer, start, *jobs[at])
        assert same((loss, values(part)), (expected_loss, values(expected)), TOLERANCE.get(make, 0.0))


@every_executor
def test_arguments_stay_as_they_were(make: Callable[[], Executor]) -> None:
    (stage,), (part,) = stages_and_parts()
    ((x, y),) = batches(MODEL, 1)
    before = [t.clone() for t in (x, y, *values(part))]
    settled(make().submit(train, stage, OPTIMIZER, part, x, y).result())
    assert same([x, y, *values(part)], before)


@every_executor
def test_cancelling_before_the_result_is_harmless(make: Callable[[], Executor]) -> None:
    executor = make()
    (stage,), (part,) = stages_and_parts()
    jobs = batches(MODEL, 3)
    dropped, kept, idle = (executor.submit(train, stage, OPTIMIZER, part, x, y) for x, y in jobs)
    dropped.cancel()
    dropped.cancel()
    got, _ = settled(kept.result())
    idle.cancel()
    assert same(values(got), values(train(stage, OPTIMIZER, part, *jobs[1])[0]), TOLERANCE.get(make, 0.0))
    again, _ = settled(executor.submit(train, stage, OPTIMIZER, part, *jobs[0]).result())
    assert same(values(again), values(train(stage, OPTIMIZER, part, *jobs[0])[0]), TOLERANCE.get(make, 0.0))


@every_executor
def test_cancelling_after_the_result_changes_nothing(make: Callable[[], Executor]) -> None:
    (stage,), (part,) = stages_and_parts()
    ((x, y),) = batches(MODEL, 1)
    work = make().submit(train, stage, OPTIMIZER, part, x, y)
    promised = work.result()
    work.cancel()
    got, loss = settled(promised)
    expected, expected_loss = train(stage, OPTIMIZER, part, x, y)
    assert same(loss, expected_loss, TOLERANCE.get(make, 0.0))
    assert same(values(got), values(expected), TOLERANCE.get(make, 0.0))


@every_executor
def test_what_a_kernel_raises_surfaces_at_the_result_and_not_before(make: Callable[[], Executor]) -> None:
    executor = make()
    work = executor.submit(FAIL, "no number")
    with pytest.raises(ArithmeticError, match=r"^no number$"):
        work.result()
    work.cancel()
    assert executor.submit(SLEEP, 0.0).result() == 0.0


@every_executor
def test_a_failure_that_nobody_asks_for_is_not_heard(make: Callable[[], Executor]) -> None:
    executor = make()
    executor.submit(FAIL, "no number").cancel()
    assert executor.submit(SLEEP, 0.0).result() == 0.0


@every_executor
def test_kernels_and_their_host_seconds_are_counted(make: Callable[[], Executor]) -> None:
    executor = make()
    assert (executor.kernels, executor.busy_s) == (0, 0.0)
    works = [executor.submit(SLEEP, 0.02) for _ in range(3)]
    time.sleep(0.1)  # not a kernel's time
    for work in works:
        work.result()
    assert executor.kernels == 3
    assert executor.spent["sleep"][0] == 3
    assert executor.spent["sleep"][1] >= 0.06
    assert executor.busy_s >= (0.0 if executor.remote else 0.06)
