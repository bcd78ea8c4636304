"""Values that are kept come back bit by bit and type by type, through JSON and safetensors."""

from __future__ import annotations

import json
import math
import struct
from collections import OrderedDict
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from wirelessfsl.learning.evaluate import Mixture
from wirelessfsl.learning.keeping import pack, unpack
from wirelessfsl.learning.stage import Part


class Node:
    """Something that is only referred to."""


@dataclass
class Held:
    first: Any
    second: Any = 0


class Pair(NamedTuple):
    left: Any
    right: Any


THINGS = {"client-0": Node(), "client-1": Node()}
CLASSES = (Held, Pair)


def back(value: Any) -> Any:
    """A value as it comes out of a file."""
    tree, tensors = pack(value, THINGS, CLASSES)
    return unpack(json.loads(json.dumps(tree, allow_nan=False)), load(save(tensors)), THINGS, CLASSES)


def same(a: Any, b: Any) -> bool:
    """Whether two values are the same in type, structure and every bit (all NaN are one)."""
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        alike = a.dtype == b.dtype and a.stride() == b.stride() and a.shape == b.shape and a.device == b.device
        return alike and (a.is_meta or a.contiguous().view(-1).numpy().tobytes() == b.contiguous().numpy().tobytes())
    if isinstance(a, np.ndarray | np.generic):
        return (a.dtype, a.shape, a.strides, a.tobytes()) == (b.dtype, b.shape, b.strides, b.tobytes())
    if isinstance(a, float):
        return struct.pack("d", a) == struct.pack("d", b) or (math.isnan(a) and math.isnan(b))
    if isinstance(a, dict):
        return same([*a.items()], [*b.items()])
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if is_dataclass(a):
        return all(same(getattr(a, field.name), getattr(b, field.name)) for field in fields(a))
    return bool(a == b)


numbers = st.floats() | st.integers(-(2**70), 2**70) | st.booleans() | st.none()
keys = numbers.filter(lambda each: each == each) | st.text() | st.binary() | st.sampled_from([*THINGS.values()])
atoms = keys | st.floats() | st.floats(width=32).map(np.float32) | st.integers(0, 2**64 - 1).map(np.uint64)
values = st.recursive(
    atoms | st.sets(keys) | st.frozensets(keys),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(keys | st.tuples(keys, keys), inner)
        | st.builds(Held, inner, inner)
        | st.builds(Pair, inner, inner)
    ),
    max_leaves=10,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(values)
def test_any_value_comes_back_as_it_was(value: Any) -> None:
    assert same(back(value), value)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "int64", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(), (0, 3), (4,), (2, 3, 4)], ids=str)
def test_a_tensor_keeps_type_shape_and_every_bit(dtype: str, shape: tuple[int, ...]) -> None:
    numbers = torch.randint(256, (*shape, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    of = getattr(torch, dtype)
    tensor = numbers[..., 0].bool() if of == torch.bool else numbers.view(of)[..., 0].contiguous()
    found = back(tensor)
    assert (found.dtype, found.shape) == (of, shape)
    assert torch.equal(found.reshape(-1).view(torch.uint8), tensor.reshape(-1).view(torch.uint8))


def test_infinities_negative_zero_and_the_bits_of_nan_survive_in_tensors_and_arrays() -> None:
    odd = np.array([np.nan, -np.inf, -0.0, 5e-324]), np.array([0x7FF0000000000001], dtype=np.uint64).view(np.float64)
    assert same(back(odd), odd)
    assert same(back(tuple(map(torch.from_numpy, odd))), tuple(map(torch.from_numpy, odd)))


def test_strides_are_kept_because_kernels_choose_by_them() -> None:
    image = torch.rand(2, 3, 4, 5)
    held = (
        image.to(memory_format=torch.channels_last),
        image.transpose(0, 3),
        torch.rand(6, 1, 5, 5).as_strided((6, 1, 5, 5), (25, 1, 5, 1)),
    )
    assert not held[0].is_contiguous()
    assert same(back(held), held)
    columns = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert same(back(columns), columns)


def test_what_has_gaps_or_overlaps_comes_back_without_them() -> None:
    row = torch.arange(12.0)
    for tensor in (row[::3], row.view(3, 4)[:, 1:3], row[:3].expand(2, 3)):
        found = back(tensor)
        assert torch.equal(found, tensor)
        assert found.untyped_storage().nbytes() == found.nbytes


def test_what_is_in_several_places_is_kept_once_and_views_of_it_on_their_own() -> None:
    tensor, array = torch.arange(6.0), np.arange(3)
    value = {"a": tensor, "b": [tensor, tensor.detach()], "c": tensor.view(2, 3), "d": tensor[2:], "e": (array, array)}
    tree, tensors = pack(value, {})
    assert len(tensors) == 4
    assert len({each.untyped_storage().data_ptr() for each in tensors.values()}) == 4
    found = unpack(tree, load(save(tensors)), {})
    assert len({each.data_ptr() for each in (found["a"], *found["b"])}) == 1
    assert found["e"][0] is found["e"][1]
    assert same(found, value)


def test_a_part_a_mixture_and_what_has_no_values_come_back() -> None:
    part = Part((torch.rand(3), torch.rand(0)), (), (torch.zeros(()),), 2**63 + 5, (None, torch.ones(3)), 0.25)
    blank = Part((torch.empty(3, 2, device="meta"),), (torch.empty((), dtype=torch.int64, device="meta"),))
    value = {"part": part, "mixture": Mixture((0.5, 0.5), ((part,), (part,))), "blank": blank}
    assert same(back(value), value)


def test_things_come_back_as_themselves() -> None:
    one, other = THINGS.values()
    found = back({one: [other], "all": {one, other}})
    assert found == {one: [other], "all": {one, other}}
    assert next(iter(found)) is one


def test_the_tree_of_a_set_does_not_depend_on_where_objects_lie() -> None:
    things = {f"client-{k}": Node() for k in range(50)}
    first, second = (pack(set(own.values()), own)[0] for own in (things, {k: Node() for k in reversed(things)}))
    assert first == second


class Unknown(Held):
    """Not among the classes."""


@pytest.mark.parametrize(
    "value",
    [lambda: 0, iter([]), Unknown(1), Node(), OrderedDict(), torch.nn.Linear(1, 1), torch.nn.Parameter(torch.ones(1))],
    ids=lambda value: type(value).__name__,
)
def test_whatever_else_there_is_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be kept"):
        back([value])


def test_a_class_or_a_thing_that_is_not_there_any_more_is_named() -> None:
    tree, tensors = pack([Held(next(iter(THINGS.values())))], THINGS, CLASSES)
    with pytest.raises(KeyError, match=r"test_keeping\.Held"):
        unpack(tree, tensors, THINGS)
    with pytest.raises(KeyError, match="client-0"):
        unpack(tree, tensors, {}, CLASSES)
