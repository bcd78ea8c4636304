"""Which kernels are computed, in which order, and what is in memory meanwhile."""

from __future__ import annotations

from typing import Any
from weakref import ref

import pytest
import torch
from torch import Tensor

from tests.learning.plain import same
from wirelessfsl.learning.executors import graph
from wirelessfsl.learning.executors.contract import Failed
from wirelessfsl.learning.executors.promises import settled
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.kernels import Hidden, Kernel, average, blank

NUMBER = blank((), torch.float32)


class Diary:
    """Makes kernels that write down that they ran."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.executor = Sequential()

    def submit(self, name: str, *args: Any, chain: str = "", **more: Any) -> Any:
        """A promise of the number that comes after the sum of the others."""

        def run(*args: Any) -> Tensor:
            self.ran.append(name)
            return torch.tensor(1.0 + sum(map(float, args)))

        outline = more.pop("outline", lambda *_: NUMBER)
        kernel = Kernel(name, "client_step", run, lambda *_: 0.0, outline, settles=more.pop("settles", False))
        return self.executor.submit(kernel, *args, chain=chain, **more).result()

    def fail(self, name: str, *args: Any, about: object = None) -> Any:
        def run(*_: Any) -> Tensor:
            self.ran.append(name)
            raise ArithmeticError("overflow")

        kernel = Kernel(name, "client_step", run, lambda *_: 0.0, lambda *_: NUMBER)
        return self.executor.submit(kernel, *args, about=about).result()


# What is computed


def test_nothing_is_computed_before_somebody_reads_and_then_only_what_that_needs() -> None:
    diary = Diary()
    first = diary.submit("first")
    second, other = diary.submit("second", first), diary.submit("other", chain="another")
    assert (diary.ran, diary.executor.kernels) == ([], 0)
    assert float(second) == 2.0
    assert diary.ran == ["first", "second"]
    assert diary.executor.kernels == 2
    assert float(first) == 1.0
    assert float(other) == 1.0
    assert diary.ran == ["first", "second", "other"]


def test_what_nobody_keeps_is_never_computed() -> None:
    diary = Diary()
    kept = diary.submit("kept", diary.submit("needed"))
    diary.submit("dropped", kept)
    diary.executor.settle()
    assert diary.ran == ["needed", "kept"]
    diary.executor.settle()
    assert diary.ran == ["needed", "kept"]


def test_work_that_is_cancelled_is_never_computed() -> None:
    diary = Diary()
    kernel = Kernel("cancelled", "client_step", lambda: diary.ran.append("cancelled"), lambda: 0.0, lambda: NUMBER)
    work = diary.executor.submit(kernel)
    work.cancel()
    diary.executor.settle()
    assert diary.ran == []


@pytest.mark.parametrize(
    "more", [{"outline": None}, {"settles": True}], ids=["no outline", "an outline that is a guess"]
)
def test_where_nobody_can_tell_the_form_it_is_computed_when_it_is_asked_for(more: dict[str, Any]) -> None:
    diary = Diary()
    value = diary.submit("second", diary.submit("first"), **more)
    assert diary.ran == ["first", "second"]
    assert type(value) is Tensor


def test_arguments_and_results_are_let_go_of_when_nobody_keeps_them() -> None:
    diary = Diary()
    argument = torch.zeros(3)
    first = diary.executor.submit(
        Kernel("first", "client_step", lambda x: x + 1, lambda _: 0.0, lambda x: x), argument
    ).result()
    second = diary.submit("second", 0.0)
    alive = ref(argument)
    del argument
    assert alive() is not None
    first.read()
    assert alive() is None
    made = ref(first.read())
    del first
    assert made() is None
    assert float(second) == 1.0


def test_the_number_of_kernels_that_wait_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "MOST", 10)
    diary, last = Diary(), None
    waiting = []
    for number in range(100):
        last = diary.submit(str(number), *([] if last is None else [last]), chain="one")
        waiting.append(number + 1 - len(diary.ran))
    assert max(waiting) == 11
    assert float(last) == 100.0
    assert diary.ran == [str(number) for number in range(100)]


# In which order


def test_what_is_asked_for_first_comes_first_and_then_its_chain() -> None:
    diary = Diary()
    ends = {}
    for step in range(3):
        for client in "ab":
            before = [ends[client]] if client in ends else []
            ends[client] = diary.submit(f"{client}{step}", *before, chain=client)
    middle = diary.submit("b9", ends["b"], chain="b")
    float(ends["b"])
    assert diary.ran == ["b0", "b1", "b2", "b9"]
    settled((middle, ends["a"]))
    assert diary.ran == ["b0", "b1", "b2", "b9", "a0", "a1", "a2"]


def test_one_after_another_through_the_server_they_stay_in_order() -> None:
    # Each client needs what the server made of the one before.
    diary, server = Diary(), None
    for client in "abc":
        sent = diary.submit(client, *([] if server is None else [server]), chain=client)
        server = diary.submit(f"serve {client}", sent, chain=client)
    assert float(server) == 6.0
    assert diary.ran == ["a", "serve a", "b", "serve b", "c", "serve c"]


@pytest.mark.parametrize("asked", ["settle", "read"])
@pytest.mark.parametrize(("parts", "chain"), [(1, ""), (2, ""), (1, "server")])
def test_averages_take_each_clients_weights_as_they_come(parts: int, chain: str, asked: str) -> None:
    # A client's parts are made in three steps of one chain; of each part the average is all that is kept.
    clients, most = 40, 0
    made: list[ref[Tensor]] = []

    def step(*before: Tensor) -> tuple[tuple[Tensor], ...]:
        nonlocal most
        after = [each + 1 for each in before] or [torch.zeros(1000) for _ in range(parts)]
        made.extend(map(ref, after))
        most = max(most, sum(each() is not None for each in made))
        return tuple((each,) for each in after)

    kernel = Kernel("step", "client_step", step, lambda *_: 0.0, lambda *_: ((blank((1000,), torch.float32),),) * parts)
    executor = Sequential()
    uploads = []
    for client in range(clients):
        own: tuple[Any, ...] = ()
        for _ in range(3):
            own = executor.submit(kernel, *(each for (each,) in own), chain=f"client-{client}").result()
        uploads.append(own)
    shares = [1] * clients
    means = [executor.submit(average, [*part], shares, chain=chain).result() for part in zip(*uploads, strict=True)]
    del uploads, own
    executor.settle() if asked == "settle" else means[0][0].read()
    assert len(made) == parts * 3 * clients
    assert most == parts * 2
    for (mean,) in means:
        torch.testing.assert_close(settled(mean), torch.full((1000,), 2.0))


def test_an_average_in_terms_is_the_average() -> None:
    weights = [
        tuple(torch.randn(size, generator=torch.Generator().manual_seed(k)) for size in (3, 5)) for k in range(9)
    ]
    weights = [(*own, torch.tensor(k)) for k, own in enumerate(weights)]
    shares = [*range(1, 10)]
    assert same(settled(Sequential().submit(average, weights, shares).result()), average(weights, shares))


# How much


def test_a_chain_of_ten_thousand_kernels_does_not_recurse() -> None:
    add = Kernel("add", "client_step", lambda x: x + 1, lambda _: 0.0, lambda x: x)
    for asked in True, False:
        executor, value = Sequential(), torch.zeros(())
        for _ in range(10_000):
            value = executor.submit(add, value).result()
        if asked:
            assert float(value) == 10_000.0
            assert executor.spent["add"][0] == executor.widths[1] == 10_000
        del value  # where nobody asks, a long chain goes at once


# What fails


def test_a_kernel_that_fails_raises_for_all_who_ask_and_names_the_place() -> None:
    diary = Diary()
    broken = diary.fail("broken", diary.submit("before"), about="broken at client-0, round 3")
    after = [diary.submit(f"after {n}", broken, about=f"after {n} at the server") for n in range(2)]
    fine = diary.submit("fine", chain="another")
    for promise in (broken, *after, after[1], diary.submit("late", after[0]), broken):
        with pytest.raises(Failed, match=r"^broken at client-0, round 3: overflow$") as caught:
            promise.read()
        assert isinstance(caught.value.__cause__, ArithmeticError)
    assert diary.ran == ["before", "broken"]
    assert float(fine) == 1.0


def test_without_a_place_the_error_itself_is_raised() -> None:
    with pytest.raises(ArithmeticError, match=r"^overflow$"):
        float(Diary().fail("broken"))


def test_settling_raises_what_failed_of_what_is_kept() -> None:
    diary = Diary()
    diary.fail("dropped", about="nobody's")
    diary.executor.settle()
    kept = diary.fail("broken", about="somewhere")
    with pytest.raises(Failed, match="somewhere"):
        diary.executor.settle()
    del kept


def test_what_a_message_says_survives_a_copy_by_its_arguments() -> None:
    # SimPy raises errors of processes anew in this way.
    failed = Failed("forward at client-0: overflow")
    assert str(type(failed)(*failed.args)) == str(failed)


# What it costs


def test_seconds_and_kernels_are_counted_by_name_and_what_is_no_training_is_not_busy() -> None:
    executor = Sequential()
    of_training, of_codecs = (
        Kernel(name, "client_step", lambda: 1.0, lambda: 0.0, Hidden, trains=trains)
        for name, trains in (("train", True), ("encode", False))
    )
    kept = [executor.submit(kernel).result() for kernel in (of_training, of_codecs, of_codecs)]
    executor.settle()
    assert (executor.kernels, dict(executor.widths)) == (1, {1: 1})
    assert {name: calls for name, (calls, _) in executor.spent.items()} == {"train": 1, "encode": 2}
    assert executor.busy_s == executor.spent["train"][1]
    del kept
