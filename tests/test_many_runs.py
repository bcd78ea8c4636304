"""Many runs in one process leave memory, files, threads, processes and shared memory where they were."""

from __future__ import annotations

import gc
import os
import threading
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path
from shutil import rmtree
from typing import NamedTuple

import pytest
import torch

from tests.golden.golden import FOLDER
from tests.shared_memory import left_there, shared_files
from wirelessfsl.api import simulate
from wirelessfsl.executing import Wish
from wirelessfsl.scenario import load_scenario

WISHES = [Wish("sequential"), Wish("processes", 2)]


class Left(NamedTuple):
    """What this process holds."""

    objects: int
    tensors: int
    files: int
    maps: int
    threads: int
    children: int

    @classmethod
    def now(cls) -> Left:
        gc.collect()
        objects = gc.get_objects()
        maps = Path("/proc/self/maps").read_text().count("memfd:")
        files = len(os.listdir("/proc/self/fd"))
        tensors = sum(issubclass(type(each), torch.Tensor) for each in objects)
        return cls(len(objects), tensors, files, maps, threading.active_count(), len(active_children()))


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def runs(count: int, wish: Wish, folder: Path) -> None:
    scenario = load_scenario(FOLDER / "splitfed_dropouts.yaml")
    scenario = replace(scenario, algorithm=replace(scenario.algorithm, rounds=1))
    for seed in range(count):
        simulate(replace(scenario, seed=seed), folder / "run", executor=wish)
        rmtree(folder / "run")


@pytest.mark.usefixtures("nothing_older")
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc")
@pytest.mark.parametrize("wish", WISHES, ids=lambda wish: wish.name)
@pytest.mark.parametrize("count", [5, pytest.param(200, marks=pytest.mark.slow)])
def test_runs_in_a_row_leave_what_there_was(tmp_path: Path, wish: Wish, count: int) -> None:
    runs(4, wish, tmp_path)
    before, before_bytes, before_shared = Left.now(), resident_bytes(), shared_files()
    runs(count, wish, tmp_path)
    after = Left.now()
    assert after._replace(objects=0) == before._replace(objects=0)
    assert not left_there(before_shared)
    assert after.objects - before.objects < count  # not one a run, whatever is cached once
    assert count < 100 or resident_bytes() - before_bytes < 30e6
