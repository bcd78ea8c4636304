"""Tensors on their way through Ray: what comes out is what went in, to the strides and the alignment."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import torch

from tests.learning.plain import same
from wirelessfsl.learning.executors.parcels import Parcel

BASE = torch.arange(4096.0)
TENSORS = {
    "plain": BASE,
    "not aligned": BASE[3:99],
    "transposed": BASE.view(64, 64).t(),
    "with gaps": BASE.view(64, 64)[::3, 1::2],
    "repeated": BASE[:5, None].expand(5, 7),
    "a number": torch.tensor(3.5),
    "empty": torch.empty(0, 4),
    "flags": BASE[:10] > 4,
    "half": BASE.bfloat16(),
    "leaf of training": torch.ones(3, requires_grad=True),
}


def sent(value: Any, aside: int = 0) -> Any:
    """Through a pickle whose buffers lie elsewhere, so many bytes from where torch would have them, to be read only."""
    buffers: list[pickle.PickleBuffer] = []
    content = pickle.dumps(Parcel(value), 5, buffer_callback=buffers.append)
    room = torch.empty(sum(each.raw().nbytes + 128 for each in buffers), dtype=torch.uint8)
    moved, at = [], aside - room.data_ptr() % 64 + 64
    for each in buffers:
        end = at + each.raw().nbytes
        room.numpy()[at:end] = each.raw()
        moved.append(memoryview(room.numpy().data[at:end]).toreadonly())
        at = end + -(end - at) % 64
    return pickle.loads(content, buffers=moved)


@pytest.mark.parametrize("aside", [0, 8])
@pytest.mark.parametrize("name", TENSORS)
def test_a_tensor_comes_out_as_it_was(name: str, aside: int) -> None:
    tensor = TENSORS[name]
    got, others = sent(({"x": tensor}, (1, "two")), aside)
    assert others == (1, "two")
    assert same(got["x"], tensor.detach())
    assert got["x"].stride() == tensor.stride()
    if tensor.numel():
        assert got["x"].data_ptr() % 64 == tensor.data_ptr() % 64


def test_what_lies_as_torch_would_have_it_is_not_copied() -> None:
    buffers: list[pickle.PickleBuffer] = []
    content = pickle.dumps(Parcel((BASE, BASE[1:])), 5, buffer_callback=buffers.append)
    there, moved = pickle.loads(content, buffers=buffers)
    assert there.data_ptr() == BASE.data_ptr()
    there, moved = sent((BASE, BASE[1:]))
    assert there.data_ptr() % 64 == 0
    assert moved.data_ptr() % 64 == 4
    assert len(content) < 1000
