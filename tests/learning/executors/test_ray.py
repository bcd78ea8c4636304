"""Kernels on a Ray of this machine: what is lost on the way, and what is left behind. The contract is in contracts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.golden.golden import FOLDER, NAMES
from tests.test_resuming import EVERY, facts, interrupted
from tests.worlds import run
from wirelessfsl.api import resume
from wirelessfsl.learning.executors.cluster import TRIES, Ray
from wirelessfsl.learning.executors.contract import Failed
from wirelessfsl.learning.executors.promises import settled
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.kernels import Kernel, blank
from wirelessfsl.rays import connect
from wirelessfsl.scenario import load_scenario

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # Ray's own


def _free(*_: Any) -> float:
    return 0.0


def _add(x: torch.Tensor, y: float) -> torch.Tensor:
    return x + y


def _die_once(x: torch.Tensor, file: str) -> torch.Tensor:
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return x * 2
    os.kill(os.getpid(), signal.SIGKILL)
    return x


def _die(x: torch.Tensor) -> torch.Tensor:
    os.kill(os.getpid(), signal.SIGKILL)
    return x


def _same(x: torch.Tensor, *_: Any) -> torch.Tensor:
    return blank(tuple(x.shape), x.dtype)


def _process() -> int:
    return os.getpid()


PROCESS = Kernel("process", "client_forward", _process, _free)
SLEEP = Kernel("sleep", "client_forward", time.sleep, _free)
ADD = Kernel("add", "client_forward", _add, _free, _same)
DIE_ONCE = Kernel("die_once", "client_forward", _die_once, _free, _same)
DIE = Kernel("die", "client_forward", _die, _free, _same)
X = torch.arange(100_000.0)


@pytest.fixture(scope="module")
def local() -> Iterator[Any]:
    ray = pytest.importorskip("ray")
    connect(ray, None, 2)
    yield ray
    ray.shutdown()


@pytest.fixture
def executor(local: Any) -> Iterator[Ray]:
    executor = Ray()
    yield executor
    executor.close()


def tensors(value: Any) -> list[torch.Tensor]:
    """All tensors of what a run ends with."""
    value = settled(value)
    if isinstance(value, torch.Tensor):
        return [value]
    inside = (
        value.values() if isinstance(value, dict) else vars(value).values() if hasattr(value, "__dict__") else value
    )
    return (
        [each for own in inside for each in tensors(own)]
        if isinstance(value, tuple | list | dict) or hasattr(value, "__dict__")
        else []
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_run_is_that_of_the_sequential_executor_bit_for_bit(executor: Ray, name: str) -> None:
    scenario, sequential = load_scenario(FOLDER / f"{name}.yaml"), Sequential()
    log, outcome = run(scenario, executor)
    expected_log, expected = run(scenario, sequential)
    assert log.events == expected_log.events
    assert list(map(repr, log.metrics)) == list(map(repr, expected_log.metrics))
    got, wanted = (tensors((own.parts, own.models)) for own in (outcome, expected))
    assert len(wanted) > 1
    assert all(map(torch.equal, got, wanted))
    assert len(got) == len(wanted)
    assert (executor.kernels, executor.widths) == (sequential.kernels, sequential.widths)
    assert {k: calls for k, (calls, _) in executor.spent.items()} == {
        k: calls for k, (calls, _) in sequential.spent.items()
    }


def test_a_run_that_was_interrupted_here_goes_on_elsewhere_and_one_from_elsewhere_here(
    executor: Ray, tmp_path: Path
) -> None:
    scenario = load_scenario(FOLDER / "splitfed_fdma.yaml")
    whole = facts(EVERY(scenario, tmp_path / "whole").path)
    for name, first, then in ("a", executor, Sequential()), ("b", Sequential(), executor):
        folder = interrupted(tmp_path / name, 1, scenario, executor=first)
        resume(folder, executor=then)
        assert facts(folder) == whole


def test_a_worker_that_dies_changes_nothing(executor: Ray, tmp_path: Path) -> None:
    a = executor.submit(ADD, X, 1.0, chain="a").result()
    b = executor.submit(DIE_ONCE, a, str(tmp_path / "died"), chain="a").result()
    c = executor.submit(ADD, b, 1.0, chain="c").result()
    executor.settle()
    assert (tmp_path / "died").exists()
    assert torch.equal(c.read(), (X + 1) * 2 + 1)
    assert torch.equal(a.read(), X + 1)
    assert executor.kernels == 3


def test_a_kernel_that_kills_every_worker_is_an_error(executor: Ray) -> None:
    x = executor.submit(DIE, X, chain="a", about="a kernel of client-1").result()
    with pytest.raises(Failed, match=f"^a kernel of client-1: its worker .*; tries: {TRIES}$"):
        executor.settle()
    with pytest.raises(Failed, match=r"^a kernel of client-1"):
        x.read()


def lose_a_machine() -> None:
    """In a process of its own: two machines of a cluster, of which one is lost with all that was made there."""
    import ray
    from ray.cluster_utils import Cluster

    size = {"object_store_memory": 10**8}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **size})
    lost = cluster.add_node(num_cpus=1, **size)
    executor = Ray(cluster.address)
    try:
        a = executor.submit(ADD, X, 1.0, chain="a").result()
        b = executor.submit(ADD, a, 1.0, chain="b").result()
        executor.settle()
        c = executor.submit(ADD, b, 1.0, chain="c").result()
        cluster.remove_node(lost, allow_graceful=False)
        cluster.add_node(num_cpus=1, **size)
        assert torch.equal(c.read(), X + 3)
        assert torch.equal(a.read(), X + 1)
    finally:
        executor.close()
        assert not ray.is_initialized()
        cluster.shutdown()


def test_what_a_lost_machine_made_is_made_again() -> None:
    pytest.importorskip("ray")
    with own_process("lose_a_machine") as process:
        assert process.wait() == 0


def own_process(function: str) -> subprocess.Popen[str]:
    code = f"from tests.learning.executors.test_ray import {function}; {function}()"
    return subprocess.Popen([sys.executable, "-c", code], text=True, stdout=subprocess.PIPE)


def work_until_it_is_stopped() -> None:
    """In a process of its own: says which processes there are, and has work for minutes."""
    executor = Ray(workers=2)
    numbers = [executor.submit(PROCESS, chain=f"{k}").result() for k in range(2)]
    print(os.getpid(), *numbers, flush=True)
    works = [executor.submit(SLEEP, 100.0, chain=f"{k}") for k in range(8)]
    try:
        for work in works:
            work.result()
    except KeyboardInterrupt:
        executor.close()
        raise


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
def test_whoever_started_a_ray_leaves_no_process_behind(how: signal.Signals) -> None:
    pytest.importorskip("ray")
    psutil = pytest.importorskip("psutil")  # which Ray brings
    with own_process("work_until_it_is_stopped") as process:
        assert process.stdout is not None
        process.stdout.readline()
        begun = psutil.Process(process.pid).children(recursive=True)
        assert len(begun) > 3
        process.send_signal(how)
        process.wait(60.0)
    _, left = psutil.wait_procs(begun, timeout=30.0)
    assert not left


def test_a_ray_that_this_process_uses_is_used_and_left(local: Any) -> None:
    executor = Ray()
    assert executor.submit(ADD, X, 1.0).result().read()[0] == 1.0
    executor.close()
    assert local.is_initialized()
    with pytest.raises(ValueError, match=r"^executor: this process is connected to a Ray; leave its address and"):
        Ray(workers=2)
