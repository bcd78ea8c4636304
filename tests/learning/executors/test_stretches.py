"""What goes to Ray as one task, and what comes out of it; on a Ray that is played here, by pickling to and fro."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.learning.plain import batches, same, values
from tests.worlds import run, tiny
from wirelessfsl.algorithms.parallel_sl import ParallelSL
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.learning.executors.cluster import LONG, TERMS, Ray
from wirelessfsl.learning.executors.contract import Failed
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.kernels import Kernel, average, backward, blank, forward, serve
from wirelessfsl.learning.models import ModelSpec
from wirelessfsl.learning.optim import SGD
from wirelessfsl.learning.stage import initial_parts, split


class Object:
    """What stands for a value that Ray has."""

    def __init__(self, value: Any) -> None:
        self.buffers: list[pickle.PickleBuffer] = []
        self.content = pickle.dumps(value, 5, buffer_callback=self.buffers.append)
        self.buffers = [pickle.PickleBuffer(bytes(each.raw())) for each in self.buffers]

    def read(self) -> Any:
        return pickle.loads(self.content, buffers=self.buffers)


class Task:
    """A function, run at once; ``told`` gets its arguments and what comes out."""

    def __init__(self, function: Callable[..., Any], told: list[tuple[Any, list[Any]]], returns: int = 1) -> None:
        self.function, self.told, self.returns = function, told, returns

    def options(self, num_returns: int) -> Task:
        return Task(self.function, self.told, num_returns)

    def remote(self, *args: Any) -> Any:
        read = [each.read() if isinstance(each, Object) else Object(each).read() for each in args]
        made = self.function(*read)
        made = made if self.returns > 1 else [made]
        assert len(made) == self.returns
        self.told.append((read, [Object(each).read() for each in made]))
        return [Object(each) for each in made] if self.returns > 1 else Object(made[0])


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Any, list[Any]]]]:
    """Arguments and results of the tasks that the played Ray runs."""
    told: list[tuple[Any, list[Any]]] = []
    played = SimpleNamespace(
        is_initialized=lambda: True,
        remote=lambda **_: lambda function: Task(function, told),
        put=Object,
        get=Object.read,
        cancel=lambda _: None,
        exceptions=SimpleNamespace(RayError=EOFError, RayTaskError=EOFError),
    )
    monkeypatch.setitem(sys.modules, "ray", played)
    threads = torch.get_num_threads()
    yield told
    torch.set_num_threads(threads)


def _add(x: torch.Tensor, y: float) -> torch.Tensor:
    return x + y


def _fail(x: torch.Tensor) -> torch.Tensor:
    raise ArithmeticError("no number")


def _free(*_: Any) -> float:
    return 0.0


def _same(x: torch.Tensor, *_: Any) -> torch.Tensor:
    return blank(tuple(x.shape), x.dtype)


ADD = Kernel("add", "client_forward", _add, _free, _same)
FAIL = Kernel("fail", "client_forward", _fail, _free, _same)
X = torch.arange(1000.0)


def runs(tasks: list[tuple[Any, list[Any]]]) -> list[int]:
    """Kernels of each task."""
    return [len(steps) for (_, steps, *_), _ in tasks]


@pytest.mark.parametrize("scheme", [SplitFedV1, ParallelSL])
def test_a_run_is_that_of_the_sequential_executor(tasks: Any, scheme: Any) -> None:
    scenario = tiny(3, algorithm=scheme(rounds=2, local_steps=2, batch_size=16))
    (log, outcome), (expected_log, expected) = (run(scenario, each) for each in (Ray(), Sequential()))
    assert log.events == expected_log.events
    assert log.metrics == expected_log.metrics
    assert all(same(values(a), values(b)) for a, b in zip(outcome.parts, expected.parts, strict=True))


def test_a_clients_round_is_one_task_and_an_average_another(tasks: Any) -> None:
    run(tiny(3, algorithm=SplitFedV1(rounds=2, local_steps=2, batch_size=16)), Ray())
    assert len(tasks) == 2 * (3 + 2)  # both halves are averaged
    assert min(sorted(runs(tasks))[-6:]) > 10


def test_what_only_a_task_itself_needs_does_not_leave_it(tasks: Any) -> None:
    executor, optimizer = Ray(), SGD(lr=0.1)
    stages = split(ModelSpec("small_cnn", (1, 8, 8), 10), ("block1",))
    client, server = (part.begin(optimizer, 1) for part in initial_parts(stages, 1))
    for x, y in batches("small_cnn", 3):
        client, smashed, tape = executor.submit(forward, stages[0], client, x, chain="a").result()
        server, gradient, loss = executor.submit(serve, stages[1], optimizer, server, smashed, y, chain="a").result()
        client = executor.submit(backward, stages[0], optimizer, client, tape, x, gradient, chain="a").result()
    del x, y, smashed, tape, gradient
    executor.settle()
    ((_, out),) = tasks
    left = [value for each in (out[0].values, *out[1:]) for value in each.values()]
    assert len(left) == len(values(client)) + len(values(server)) + 1
    assert float(loss) > 0.0
    assert len(tasks) == 1


def test_a_task_ends_where_another_chain_needs_something_and_when_it_is_long(tasks: Any) -> None:
    executor = Ray()
    a = executor.submit(ADD, X, 1.0, chain="a").result()
    a = executor.submit(ADD, a, 1.0, chain="a").result()
    assert runs(tasks) == []
    b = executor.submit(ADD, a, 1.0, chain="b").result()
    assert runs(tasks) == [2]
    for _ in range(LONG):
        b = executor.submit(ADD, b, 1.0, chain="b").result()
    assert runs(tasks) == [2, LONG]
    assert torch.equal(b.read(), X + 3 + LONG)
    assert runs(tasks) == [2, LONG, 1]


def test_what_somebody_waits_for_comes_out_alone(tasks: Any) -> None:
    executor = Ray()
    kept = executor.submit(ADD, X, 1.0, chain="a").result()
    taken = executor.submit(ADD, kept, 1.0, chain="a").result()
    executor.submit(ADD, taken, 1.0, chain="b").result()
    ((_, (report, awaited, rest)),) = tasks
    assert report.values == {}
    (one,), (other,) = awaited.values(), rest.values()
    assert torch.equal(one, X + 2)
    assert torch.equal(other, X + 1)


def test_an_average_of_many_is_several_tasks_of_few_terms(tasks: Any) -> None:
    executor, many = Ray(), 2 * TERMS + 1
    weights = [(executor.submit(ADD, X, float(k), chain=f"{k}").result(),) for k in range(many)]
    mean = executor.submit(average, weights, [1] * many).result()
    (got,) = (each.read() for each in mean)
    assert torch.equal(got, average([(X + float(k),) for k in range(many)], [1] * many)[0])
    assert sorted(runs(tasks)) == [1] * many + [2, TERMS, TERMS]


def test_what_nobody_keeps_is_not_run(tasks: Any) -> None:
    executor = Ray()
    executor.submit(FAIL, X, chain="a").cancel()
    kept = executor.submit(ADD, X, 1.0, chain="a").result()
    executor.submit(ADD, kept, 1.0, chain="a").result()
    executor.settle()
    assert runs(tasks) == [1]
    assert executor.kernels == 1


def test_a_failure_is_told_with_what_was_at_work_however_many_tasks_it_has_gone_through(tasks: Any) -> None:
    executor = Ray()
    x = executor.submit(FAIL, X, chain="a", about="fail of client-1").result()
    y = executor.submit(ADD, x, 1.0, chain="b", about="add of client-2").result()
    z = executor.submit(ADD, y, 1.0, chain="c", about="add of client-3").result()
    del x, y
    with pytest.raises(Failed, match=r"^fail of client-1: no number$") as told:
        executor.settle()
    assert isinstance(told.value.__cause__, ArithmeticError)
    with pytest.raises(Failed, match=r"^fail of client-1: no number$"):
        z.read()


def test_a_tensor_of_this_process_is_put_once(tasks: Any) -> None:
    executor = Ray()
    kept = [executor.submit(ADD, X, 1.0, chain=f"{k}").result() for k in range(3)]
    executor.settle()
    assert len({next(iter(given)) for (_, _, _, given), _ in tasks}) == 1
    assert all(torch.equal(each.read(), X + 1) for each in kept)


def test_what_is_read_is_ones_own(tasks: Any) -> None:
    executor = Ray()
    x = executor.submit(ADD, X, 1.0, chain="a").result()
    x.read().zero_()
    assert torch.equal(executor.submit(ADD, x, 1.0, chain="a").result().read(), X + 2)
