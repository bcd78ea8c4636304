"""What every executor promises, whichever it is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from tests.contracts.conftest import Kind
from tests.contracts.graphs import Direct, story, told
from tests.learning.plain import batches, values
from wirelessfsl.learning.executors.contract import Executor, Failed
from wirelessfsl.learning.executors.promises import settled
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.kernels import Hidden, Kernel, average, backward, blank, forward, serve, train
from wirelessfsl.learning.models import ModelSpec
from wirelessfsl.learning.optim import SGD, Adam
from wirelessfsl.learning.stage import Part, Stage, initial_parts, split

MODEL, OPTIMIZER = "small_cnn_bn", SGD(lr=0.1, momentum=0.9)
NUMBER, FOUR = blank((), torch.float32), blank((4,), torch.float32)


class Odd(Exception):
    """Cannot be sent to another process: it is made of two things, and says one."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} and {other}")


class Pair(NamedTuple):
    left: Any
    right: Any


def _sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def _fail(text: str, *_: Any) -> Tensor:
    raise ArithmeticError(text)


def _fail_oddly(one: str, other: str) -> Tensor:
    raise Odd(one, other)


def _fail_silently() -> Tensor:
    raise MemoryError


def _echo(value: Any) -> Any:
    return value


def _form(x: Tensor) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """What kernels may choose by: shape, strides, and where in a cache line the values begin."""
    return tuple(x.shape), tuple(x.stride()), x.data_ptr() % 64


def _sum(*numbers: Tensor) -> Tensor:
    total = torch.zeros(())
    for number in numbers:
        total = total + number
    return total


def _zeros(elements: int) -> Tensor:
    return torch.zeros(elements)


def _threads(_: Any = None) -> float:
    return float(torch.get_num_threads())


def _free(*_: Any) -> float:
    return 0.0


SLEEP = Kernel("sleep", "client_forward", _sleep, _free)
FAIL = Kernel("fail", "client_forward", _fail, _free)
FAIL_LATER = Kernel("fail", "client_forward", _fail, _free, lambda *_: NUMBER)
FAIL_ODDLY = Kernel("fail", "client_forward", _fail_oddly, _free)
FAIL_SILENTLY = Kernel("fail", "client_forward", _fail_silently, _free, lambda: NUMBER)
ECHO = Kernel("echo", "client_forward", _echo, _free, lambda value: value)
HIDE = Kernel("hide", "client_forward", _echo, _free, lambda value: Hidden())
FORM = Kernel("form", "client_forward", _form, _free)
SUM = Kernel("sum", "client_forward", _sum, _free, lambda *_: NUMBER)
ZEROS = Kernel("zeros", "client_forward", _zeros, _free, lambda elements: blank((elements,), torch.float32))
ALONE = Kernel("threads", "server_step", _threads, lambda *_: 1e12, alone=True)
TOGETHER = Kernel("threads", "server_step", _threads, lambda *_: 1e12)


def heard(ask: Callable[[], Any], kind: type[Exception] = Failed) -> str:
    """What is said of a failure to who asks."""
    try:
        ask()
    except kind as error:
        return told(error)
    raise AssertionError("it did not fail")


def stages_and_parts(*cuts: str) -> tuple[tuple[Stage, ...], tuple[Part, ...]]:
    stages = split(ModelSpec(MODEL, (1, 8, 8), 10), cuts)
    return stages, tuple(part.begin(OPTIMIZER, 1) for part in initial_parts(stages, 1))


def call(kernel: Kernel, *args: Any) -> Any:
    return kernel(*args)


def three_steps(run: Callable[..., Any]) -> list[Tensor]:
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


# Values


def test_values_equal_calling_the_kernels(executor: Executor, kind: Kind) -> None:
    promised = three_steps(lambda kernel, *args: executor.submit(kernel, *args).result())
    assert kind.equal(promised, three_steps(call))


def test_values_cross_from_chain_to_chain(executor: Executor, kind: Kind) -> None:
    chains = {forward: "client", backward: "client", serve: "server", average: "aside"}
    promised = three_steps(lambda kernel, *args: executor.submit(kernel, *args, chain=chains[kernel]).result())
    assert kind.equal(promised, three_steps(call))


@pytest.mark.parametrize("optimizer", [OPTIMIZER, Adam(eps=1e-3)], ids=["momentum", "adam"])
def test_work_under_way_at_once_does_not_mix(executor: Executor, kind: Kind, optimizer: SGD | Adam) -> None:
    (stage,), _ = stages_and_parts()
    (start,) = (part.begin(optimizer, 1) for part in initial_parts((stage,), 1))
    jobs = batches(MODEL, 6)
    works = [executor.submit(train, stage, optimizer, start, x, y, chain=str(n)) for n, (x, y) in enumerate(jobs)]
    for at in (3, 0, 5, 1, 4, 2, 3):  # demanded in another order than submitted, and again
        part, loss = settled(works[at].result())
        expected, expected_loss = train(stage, optimizer, start, *jobs[at])
        assert kind.equal(loss, expected_loss)
        assert kind.equal(values(part), values(expected))


def test_arguments_stay_as_they_were(executor: Executor, kind: Kind) -> None:
    (stage,), (part,) = stages_and_parts()
    ((x, y),) = batches(MODEL, 1)
    before = [t.clone() for t in (x, y, *values(part))]
    settled(executor.submit(train, stage, OPTIMIZER, part, x, y).result())
    assert kind.equal([x, y, *values(part)], before)


def test_what_many_clients_make_and_share_is_averaged(executor: Executor, kind: Kind) -> None:
    (stage,), (part,) = stages_and_parts()
    jobs, count = batches(MODEL, 2), 12
    common = executor.submit(ECHO, part).result()
    own = [common] * count
    for x, y in jobs:
        for k in range(count):
            own[k], _ = executor.submit(train, stage, OPTIMIZER, own[k], x + k, y, chain=f"client-{k}").result()
    mean = executor.submit(average, [each.weights for each in own], range(1, count + 1)).result()
    expected = [part] * count
    for x, y in jobs:
        expected = [train(stage, OPTIMIZER, each, x + k, y)[0] for k, each in enumerate(expected)]
    assert kind.equal(mean, average([each.weights for each in expected], range(1, count + 1)))
    assert kind.equal(values(settled(own[5])), values(expected[5]))


FLAT = torch.arange(64, dtype=torch.float32)
ODD = {
    "transposed": FLAT.view(8, 8).T,
    "channels last": FLAT.view(2, 4, 4, 2).permute(0, 3, 1, 2),
    "expanded": FLAT[:4].view(4, 1).expand(4, 3),
    "every second": FLAT[1::2],
    "within a line": FLAT[3:7],
    "no elements": torch.empty(0, 3),
    "no elements, odd strides": torch.empty_strided((0, 3), (7, 2)),
    "a number": torch.tensor(0.1, dtype=torch.float64),
    "not a number": torch.tensor([math.nan, math.inf, -math.inf, -0.0]),
    "bfloat16": FLAT.bfloat16()[1:],
    "float16": FLAT.half(),
    "float64": FLAT.double().view(8, 8)[:, 2],
    "bool": FLAT[1:8] > 3,
    "bytes": FLAT.to(torch.uint8)[3:],
    "int64": FLAT.long().view(4, 16).T,
    "complex": torch.view_as_complex(FLAT.view(32, 2)),
}


@pytest.mark.parametrize("name", ODD)
def test_a_tensor_is_the_same_to_its_form_wherever_it_goes(executor: Executor, kind: Kind, name: str) -> None:
    tensor = ODD[name]
    here = executor.submit(ECHO, tensor, chain="a").result()
    there = executor.submit(ECHO, here, chain="b").result()
    hidden = executor.submit(HIDE, [there, {"in a dict": here}], chain="a").result()
    back, again = (settled(value) for value in (there, hidden))
    for found in (back, settled(here), again[0], again[1]["in a dict"]):
        assert (found.dtype, _form(found)[:2]) == (tensor.dtype, _form(tensor)[:2])
        assert kind.equal(*(each.nan_to_num(7.0) if name == "not a number" else each for each in (found, tensor)))
    forms = [executor.submit(FORM, each, chain=chain).result() for each in (tensor, here, there) for chain in "ab"]
    assert tensor.numel() == 0 or forms == [_form(tensor)] * 6


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.bool], ids=str)
def test_numbers_are_exact(executor: Executor, dtype: torch.dtype) -> None:
    numbers = [torch.tensor(value, dtype=dtype) for value in (0.1, 1e30 if dtype.is_floating_point else 3, -0.0)]
    found = [executor.submit(ECHO, number, chain=str(at)).result() for at, number in enumerate(numbers)]
    executor.settle()
    for number, own in zip(numbers, found, strict=True):
        assert own.read().dtype == dtype
        assert own.read().view(torch.uint8 if dtype == torch.bool else dtype).item() == number.item()
        assert math.copysign(1.0, own) == math.copysign(1.0, number)


def test_values_keep_the_form_of_what_they_are_in(executor: Executor, kind: Kind) -> None:
    value = Pair((FLAT, None), [Pair("text", 3), {"a dict": FLAT[1:]}, {1, 2}, 2.5, torch.float16, b"bytes"])
    promised = executor.submit(HIDE, value, chain="a").result()
    found = settled(executor.submit(HIDE, Pair(promised, {"of": promised}), chain="b").result())
    for each in (promised.read(), found.left, found.right["of"]):
        assert type(each) is Pair
        assert kind.equal(each.left, (FLAT, None))
        assert [*each.right[:1], *each.right[2:]] == [Pair("text", 3), {1, 2}, 2.5, torch.float16, b"bytes"]
        assert kind.equal(each.right[1]["a dict"], FLAT[1:])


def test_random_graphs_come_out_as_called_one_by_one(executor: Executor, kind: Kind) -> None:
    for seed in range(20):
        assert kind.equal(story(seed, executor), story(seed, Direct())), seed


# Work that is not asked for


def test_cancelling_before_the_result_is_harmless(executor: Executor, kind: Kind) -> None:
    (stage,), (part,) = stages_and_parts()
    jobs = batches(MODEL, 3)
    dropped, kept, idle = (executor.submit(train, stage, OPTIMIZER, part, x, y) for x, y in jobs)
    dropped.cancel()
    dropped.cancel()
    got, _ = settled(kept.result())
    idle.cancel()
    assert kind.equal(values(got), values(train(stage, OPTIMIZER, part, *jobs[1])[0]))
    again, _ = settled(executor.submit(train, stage, OPTIMIZER, part, *jobs[0]).result())
    assert kind.equal(values(again), values(train(stage, OPTIMIZER, part, *jobs[0])[0]))


def test_cancelling_after_the_result_changes_nothing(executor: Executor, kind: Kind) -> None:
    (stage,), (part,) = stages_and_parts()
    ((x, y),) = batches(MODEL, 1)
    work = executor.submit(train, stage, OPTIMIZER, part, x, y)
    promised = work.result()
    work.cancel()
    got, loss = settled(promised)
    expected, expected_loss = train(stage, OPTIMIZER, part, x, y)
    assert kind.equal(loss, expected_loss)
    assert kind.equal(values(got), values(expected))


def test_a_failure_that_nobody_asks_for_is_not_heard(executor: Executor) -> None:
    executor.submit(FAIL, "no number").cancel()
    executor.submit(FAIL_LATER, "no number").result()
    executor.settle()
    assert executor.submit(SLEEP, 0.0).result() == 0.0


# Failures


@pytest.mark.parametrize(
    ("kernel", "args", "text"),
    [
        (FAIL, ("no number",), "no number"),
        (FAIL_ODDLY, ("odd", "even"), "odd and even"),
        (FAIL_SILENTLY, (), "MemoryError"),
    ],
    ids=["as usual", "an error that cannot be sent", "an error without words and a kernel without arguments"],
)
def test_who_asks_hears_where_it_was_and_what(executor: Executor, kernel: Kernel, args: Any, text: str) -> None:
    work = executor.submit(kernel, *args, chain="a", about="fail at client-2, step 3, simulated time 4 s")
    for _ in range(2):
        assert heard(lambda: settled(work.result())) == f"fail at client-2, step 3, simulated time 4 s: {text}"


def test_what_a_kernel_raises_is_raised_as_it_is_where_nothing_is_said_of_it(executor: Executor) -> None:
    work = executor.submit(FAIL, "no number")
    assert heard(work.result, ArithmeticError) == "no number"
    work.cancel()
    assert executor.submit(SLEEP, 0.0).result() == 0.0


@pytest.mark.parametrize("asked", ["result", "settle"])
def test_what_follows_from_a_failure_fails_as_it_did_and_nothing_else_does(executor: Executor, asked: str) -> None:
    origin = executor.submit(FAIL_LATER, "no number", chain="a", about="origin").result()
    other = executor.submit(FAIL_LATER, "no other", chain="b", about="other").result()
    fine = executor.submit(ECHO, torch.ones(4), chain="b").result()
    late = executor.submit(SUM, torch.ones(()), origin, other, chain="c", about="late").result()
    (mean,) = executor.submit(average, [(fine,), (late,)], [1, 1], chain="d", about="mean").result()
    for _ in range(2):
        assert heard(executor.settle if asked == "settle" else mean.read) == "origin: no number"
        asked = "read"
    assert heard(other.read) == "other: no other"
    assert fine.tolist() == [1.0] * 4
    del origin, other, late, mean
    executor.settle()
    assert executor.submit(SUM, torch.ones(()), chain="a").result().item() == 1.0


def test_a_result_of_another_form_than_promised_fails(executor: Executor) -> None:
    wrong = Kernel("wrong", "client_forward", _echo, _free, lambda value: (NUMBER, NUMBER, NUMBER))
    first, *_ = executor.submit(wrong, (1.0, 2.0), about="here").result()
    assert heard(first.read).startswith("here: ")


def test_random_graphs_fail_as_called_one_by_one_in_the_same_words(executor: Executor, kind: Kind) -> None:
    failures = 0
    for seed in range(20):
        found, expected = story(seed, executor, fails=True), story(seed, Sequential(), fails=True)
        failures += sum(isinstance(each, str) for each in found)
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert one == other if isinstance(other, str) else kind.equal(one, other), seed
    assert failures > 100


# The host


def test_kernels_and_their_host_seconds_are_counted(executor: Executor) -> None:
    kernels, busy_s = executor.kernels, executor.busy_s
    calls, spent_s = executor.spent.get("sleep", (0, 0.0))
    works = [executor.submit(SLEEP, 0.02, chain=str(n)) for n in range(3)]
    time.sleep(0.1)  # not a kernel's time
    for work in works:
        work.result()
    assert executor.kernels == kernels + 3
    assert executor.spent["sleep"][0] == calls + 3
    assert executor.spent["sleep"][1] - spent_s >= 0.06
    assert executor.remote or executor.busy_s - busy_s >= 0.06


def test_workers_tell_their_peak_memory(executor: Executor) -> None:
    elements = 1000
    executor.submit(ZEROS, elements, chain="one").result().sum().item()
    assert bool(executor.peaks) == executor.remote
    assert all(50e6 < size < 2**40 for size in executor.peaks.values())


def test_who_is_waited_for_by_all_has_all_threads(executor: Executor) -> None:
    before, executor.threads = executor.threads, 2
    try:
        found = [executor.submit(kernel, FLAT).result() for kernel in (TOGETHER, ALONE, TOGETHER)]
    finally:
        executor.threads = before
    assert found == [1.0, 2.0, 1.0]
