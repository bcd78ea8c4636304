"""Which kernels take more than one thread."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from wirelessfsl.learning import kernels
from wirelessfsl.learning.kernels import Kernel, serve, serve_aggregated, serve_all, train, train_there
from wirelessfsl.learning.threads import ENOUGH_FLOPS, most_threads, threads_of


def of(kernel: Kernel, flops: float) -> Kernel:
    return replace(kernel, flops=lambda: flops)


def test_large_kernels_that_everybody_waits_for_take_all_threads() -> None:
    for kernel in serve_all, serve_aggregated, train_there:
        assert threads_of(of(kernel, ENOUGH_FLOPS), (), 4) == 4
        assert threads_of(of(kernel, 0.99 * ENOUGH_FLOPS), (), 4) == 1


def test_kernels_of_one_client_take_one_thread_however_large() -> None:
    assert threads_of(of(train, 1e12), (), 4) == threads_of(of(serve, 1e12), (), 4) == 1
    of_clients = [k for k in vars(kernels).values() if isinstance(k, Kernel) and k.phase.startswith("client")]
    assert train in of_clients
    assert not any(kernel.alone for kernel in of_clients)


def test_auto_is_the_number_of_cores_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    assert most_threads(3) == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 2, 5}, raising=False)
    assert most_threads("auto") == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert most_threads("auto") == 8
