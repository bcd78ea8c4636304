"""Tests compute on one thread, as runs do: threads of several test processes would get in each other's way.

Where the tests run in the background of a shell, Ctrl-C is ignored by them and would be by the programs that they start
and interrupt: it is not.
"""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
import torch

from wirelessfsl import simulation

torch.set_num_threads(1)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
gc.disable()  # or the collector walks over all that is collected again and again, a quarter of the time it takes


def pytest_collection_finish() -> None:
    gc.enable()


@pytest.fixture
def nothing_older(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The collector knows of nothing that other tests hold: to walk over all of it takes seconds each time."""
    monkeypatch.setattr(simulation, "calm_collector", nullcontext)  # which would bring it back
    gc.freeze()
    yield
    gc.unfreeze()
