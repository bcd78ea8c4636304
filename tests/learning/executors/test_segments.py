"""Memory that is shared, as it is taken and freed again: nothing is overwritten, and little is left unused."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator
from itertools import pairwise
from random import Random

import pytest
import torch

from wirelessfsl.learning.executors.segments import Block, Segment, new_file

SIZES: dict[str, Callable[[Random, int], int]] = {
    "one size": lambda rng, put: 40_000,
    "a codec's": lambda rng, put: 40_000 + rng.randint(-8_000, 8_000),
    "any": lambda rng, put: rng.randint(0, 100_000),
    "of all orders": lambda rng, put: int(2 ** rng.uniform(0, 18)),
    "shrinking": lambda rng, put: 100_000 - 40 * put,
    "growing": lambda rng, put: 1_000 + 40 * put if put % 2 else 64,
}


@pytest.fixture
def file() -> Iterator[int]:
    file = new_file()
    yield file
    os.close(file)


@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "all at once"])
@pytest.mark.parametrize("name", SIZES)
def test_whatever_the_sizes_less_than_twice_of_what_was_in_use_is_ever_taken(
    name: str, at_once: bool, file: int
) -> None:
    for seed, most_held in (1, 3), (2, 40):
        segment, rng = Segment(0, file), Random(seed)
        held: list[tuple[int, Block]] = []
        most = 0

        def free(segment: Segment, number: int, block: Block) -> None:
            assert bool((segment.view(block) == number).all())
            segment.free(block)

        for put in range(1200):
            bytes_of = SIZES[name](rng, put)
            held.append((put % 251, segment.put(torch.full((bytes_of,), put % 251, dtype=torch.uint8))))
            most = max(most, sum(block.taken[1] for _, block in held))
            while held and len(held) > most_held * (not at_once or len(held) == most_held + 1):
                free(segment, *held.pop(rng.randrange(len(held))))
            if at_once and len(held) == most_held:
                for each in held:
                    free(segment, *each)
                held.clear()
        assert segment._top < 2 * most


def test_no_two_blocks_that_are_in_use_share_a_byte(file: int) -> None:
    segment, rng = Segment(0, file), Random(1)
    held: list[Block] = []
    for _ in range(2000):
        held.append(segment.put(torch.zeros(rng.randint(0, 4000))))
        if len(held) > 30:
            segment.free(held.pop(rng.randrange(len(held))))
        taken = sorted(block.taken for block in held if block.span)
        assert all(begin + size <= after for (begin, size), (after, _) in pairwise(taken))


@pytest.mark.skipif(not hasattr(mmap, "MADV_REMOVE"), reason="this system takes no pages back")
def test_pages_go_back_where_tensors_become_smaller(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wirelessfsl.learning.executors.segments.LARGE", 100_000)
    segment, rng = Segment(0, file), Random(1)
    held: list[Block] = []
    pages = []
    for step in range(2000):
        held.append(segment.put(torch.ones(200_000 - 95 * step, dtype=torch.uint8)))
        if len(held) > 8:
            segment.free(held.pop(rng.randrange(len(held))))
        pages.append(os.fstat(file).st_blocks)
    assert pages[-1] < max(pages) / 2
