"""Worker processes: what goes wrong in them and with them, and what they leave behind."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.shared_memory import left_there, shared_files
from wirelessfsl.learning.executors import worker
from wirelessfsl.learning.executors.contract import Failed, Lost
from wirelessfsl.learning.executors.processes import Processes
from wirelessfsl.learning.executors.promises import settled
from wirelessfsl.learning.kernels import Hidden, Kernel, average, blank

LINE = blank((1000,), torch.float32)


def _free(*_: Any) -> float:
    return 0.0


def _kill(number: int) -> Tensor:
    os.kill(os.getpid(), number)
    raise AssertionError("alive")


def _exit(status: int) -> Tensor:
    os._exit(status)


def _sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def _overflow(text: str) -> Tensor:
    raise ArithmeticError(text)


def _double(x: Tensor) -> Tensor:
    return x * 2


def _halve(x: Tensor) -> Tensor:
    return x / 2


def _name(x: Tensor) -> dict[str, Any]:
    return {"as it came": x, "in a list": [x[1:]]}


def _mean(line: Tensor, named: dict[str, Any]) -> float:
    return float(line.mean() + named["as it came"].mean() + named["in a list"][0].mean())


KILL = Kernel("kill", "client_step", _kill, _free, lambda _: LINE)
EXIT = Kernel("exit", "client_step", _exit, _free, lambda _: LINE)
SLEEP = Kernel("sleep", "client_step", _sleep, _free)
OVERFLOW = Kernel("overflow", "client_step", _overflow, _free, lambda _: LINE)
HALVE = Kernel("halve", "client_step", _halve, _free, lambda x: x)
DOUBLE = Kernel("double", "client_step", _double, _free, lambda x: x)
NAME = Kernel("name", "client_step", _name, _free, lambda x: Hidden())
MEAN = Kernel("mean", "client_step", _mean, _free)


@pytest.fixture
def pool() -> Iterator[Processes]:
    made = Processes(2)
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Processes]:
    made = Processes(2)
    yield made
    made.close()


# Trouble


@pytest.mark.parametrize(
    ("kernel", "argument", "text"),
    [
        (KILL, signal.SIGKILL, "was killed by SIGKILL (by the system, if memory is short: take fewer workers)"),
        (KILL, signal.SIGTERM, "was killed by SIGTERM"),
        (EXIT, 3, "ended with status 3"),
    ],
    ids=["killed", "asked to end", "ended by a kernel"],
)
def test_a_worker_that_is_gone_is_told_with_what_it_was_at(
    pool: Processes, kernel: Kernel, argument: int, text: str
) -> None:
    assert [work.result() for work in [pool.submit(SLEEP, 0.1, chain=chain) for chain in "ab"]] == [0.1, 0.1]
    other = pool.submit(DOUBLE, torch.ones(1000), chain="b").result()
    lost = pool.submit(kernel, argument, chain="a", about="training at client-2, simulated time 3 s").result()
    with pytest.raises(Lost) as error:
        lost.read()
    assert str(error.value).startswith("training at client-2, simulated time 3 s: worker process ")
    assert str(error.value).endswith(f" {text}; what it had made is lost")
    for again in (pool.settle, lost.read, lambda: pool.submit(DOUBLE, other)):
        with pytest.raises(Lost):
            again()


def test_a_worker_that_cannot_begin_points_to_the_usual_reason(pool: Processes) -> None:
    lost = pool.submit(EXIT, 1).result()
    with pytest.raises(
        Failed, match=r'before it could begin, .* must do so under: if __name__ == "__main__":$'
    ) as error:
        lost.read()
    assert not isinstance(error.value, Lost)  # to go on would lead there again


def test_code_that_only_this_process_has_is_told(pool: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("made_up")
    exec("class Settings:\n    pass", vars(module))
    monkeypatch.setitem(sys.modules, "made_up", module)
    value = pool.submit(NAME, module.Settings(), chain="a", about="here").result()
    with pytest.raises(Lost, match=r"^here: a worker process cannot take its work: .*No module named 'made_up'$"):
        value.read()


def test_a_kernel_that_no_other_process_can_have_fails_where_it_belongs(shared: Processes) -> None:
    alone = Kernel("alone", "client_step", lambda x: x, _free, lambda x: x)
    value = shared.submit(alone, torch.ones(3), about="here").result()
    after = shared.submit(DOUBLE, value, chain="b", about="there").result()
    with pytest.raises(Failed, match=r"^here: Can't pickle .*lambda"):
        after.read()


def test_workers_end_with_whom_they_work_for_whatever_they_are_at(pool: Processes) -> None:
    works = [pool.submit(SLEEP, 1000.0, chain=chain) for chain in "ab"]
    pool._flush()
    for each in pool._workers:
        each.connection.close()
    for each in pool._workers:
        each.process.join(20.0)
        assert each.process.exitcode == 0
    del works


# What is left


def held() -> tuple[int, int]:
    """Open files, and maps of shared memory."""
    return len(os.listdir("/proc/self/fd")), Path("/proc/self/maps").read_text().count("memfd:wirelessfsl")


@pytest.mark.usefixtures("nothing_older")
@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="no /proc")
@pytest.mark.parametrize("end", ["done", "failed", "killed"])
def test_nothing_is_left_of_a_pool(shared: Processes, end: str) -> None:
    kernel, argument = {"done": (DOUBLE, torch.ones(3)), "failed": (OVERFLOW, "text"), "killed": (KILL, 9)}[end]
    gc.collect()
    before, shared_before = held(), shared_files()
    pool = Processes(2)
    pids = [each.process.pid for each in pool._workers]
    value = pool.submit(kernel, argument, about="here").result()
    with suppress(Failed):
        value.read()
    pool.close()
    del pool, value
    gc.collect()
    assert held() == before
    assert not left_there(shared_before)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def _top() -> tuple[int, int]:
    """How much of its segment a worker ever used, and how many things it holds."""
    (own,) = (each for each in gc.get_objects() if type(each) is worker._Worker)
    held = own.held, own.blocks, own.wanted, own.unwanted, own.waiting, own.known
    return own.segments[own.number]._top, sum(map(len, held))


TOP = Kernel("top", "client_step", _top, _free)


def test_memory_that_is_shared_is_used_again_round_after_round(shared: Processes) -> None:
    tops, things, first = [], [], torch.arange(1000.0)
    own = [first + k for k in range(6)]
    for number in range(100):
        for k, line in enumerate(own):
            there = shared.submit(DOUBLE, line, chain=f"client-{k}").result()
            own[k] = shared.submit(HALVE, there, chain=f"client-{5 - k}").result()
        (mean,) = shared.submit(average, [(line,) for line in own], [1] * 6).result()
        shared.settle()
        own = [each + 0.0 for each in settled(own)] if number % 2 else own
        del there, line, mean
        shared.settle()  # what was dropped is told
        if number in (9, 99):
            workers = [shared.submit(TOP, chain=f"client-{k}").result() for k in (0, 1)]
            tops.append([shared._segments[0]._top, *(top for top, _ in workers)])
            things.append([held for _, held in workers])
    # How much is under way at once is a matter of time; a block a round would be 20 times as much.
    assert all(late <= 3 * early for early, late in zip(*tops, strict=True))
    assert all(late <= early + 3 for early, late in zip(*things, strict=True))
    assert all(line[1].item() == 1.0 + k for k, line in enumerate(settled(own)))


def test_what_is_made_of_shared_memory_does_not_change_when_that_is_used_again(shared: Processes) -> None:
    # The dict keeps what the kernel was given, from here and from the other worker.
    line = torch.arange(1000.0)
    twice = shared.submit(DOUBLE, line, chain="b").result()
    named = [shared.submit(NAME, each, chain="a").result() for each in (line, twice)]
    shared.settle()
    del line, twice
    others = [shared.submit(DOUBLE, torch.full((1000,), -1.0), chain=chain).result() for chain in "ab" * 5]
    found = [shared.submit(MEAN, other, each, chain="a").result() for other in others for each in named]
    assert set(found) == {-2 + 499.5 + 500.0, -2 + 999.0 + 1000.0}


def test_a_pool_keeps_nothing_of_the_run_before() -> None:
    pool, sizes = Processes(1), []  # of its own, since what another test still holds keeps more
    for number in range(5):
        things = Things(torch.full((1000,), float(number)))
        value = pool.submit(LOOK, things, chain=f"client-{number}").result()
        assert value.read()[0] == number
        del things, value
        pool.settle()
        sizes.append((len(pool._lasting), len(pool._chains), [len(w.known) for w in pool._workers]))
    pool.close()
    assert sizes[1] == sizes[-1]


class Things:
    """Data that a kernel looks into, known by who they are."""

    def __init__(self, line: Tensor) -> None:
        self.line = line


def _look(things: Things) -> Tensor:
    return things.line + 0.0


LOOK = Kernel("look", "client_step", _look, _free, lambda _: LINE)
