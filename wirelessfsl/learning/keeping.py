"""Values to keep for later, as a tree that is JSON and the tensors that it names; no code is ever run to read them.

A value is what training is made of: tensors, arrays, numbers, texts and flags, tuples, lists, dicts and sets of them,
and objects of a few classes. It comes back bit by bit and type by type, tensors with their strides, since kernels may
choose by them. A tensor or array that is in several places is kept once and comes back as one. Whatever else there is
is refused. Left out: lists and dicts in several places, which come back as several; and devices, as all that comes back
is on the CPU.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from wirelessfsl.lazy import torch
from wirelessfsl.learning.evaluate import Mixture
from wirelessfsl.learning.executors.promises import Promise
from wirelessfsl.learning.stage import Part

if TYPE_CHECKING:
    from torch import Tensor

Tensors = dict[str, "Tensor"]
_TREE = "tree"


def pack(value: Any, things: Mapping[str, Any], classes: Iterable[type] = ()) -> tuple[Any, Tensors]:
    """A value as a tree that :mod:`json` writes and reads without loss, and its tensors by the names used there.

    things: objects that are only referred to, by name.
    classes: whose objects may be in the value, besides Part and Mixture: dataclasses and NamedTuples.

    Returns tensors that are contiguous and share no memory, as safetensors asks for. Raises TypeError for what cannot
    be kept.
    """
    packing = _Packing(things, _named(classes))
    return packing.tree(value), packing.tensors


def unpack(tree: Any, tensors: Tensors, things: Mapping[str, Any], classes: Iterable[type] = ()) -> Any:
    """The value of which :func:`pack` made the tree and the tensors, with things and classes of the same names.

    Raises KeyError if the tree names what is not there.
    """
    return _Unpacking(tensors, things, _named(classes)).value(tree)


def to_bytes(tree: Any, tensors: Tensors, blobs: Mapping[str, bytes]) -> bytes:
    """A tree, its tensors, and by their names contents of files (not empty), as one safetensors file."""
    from safetensors.torch import save

    whole = {_TREE: json.dumps(tree, separators=(",", ":")).encode(), **blobs}
    numbers = {name: torch.frombuffer(bytearray(blob), dtype=torch.uint8) for name, blob in whole.items()}
    return save(tensors | numbers)


def from_bytes(content: bytes, names: Iterable[str]) -> tuple[Any, Tensors, dict[str, bytes]]:
    """The tree, the tensors, and the contents of files with these names, of :func:`to_bytes`."""
    from safetensors.torch import load

    tensors = load(content)
    blobs = {name: tensors.pop(name).numpy().tobytes() for name in (_TREE, *names)}
    return json.loads(blobs.pop(_TREE)), tensors, blobs


def _named(classes: Iterable[type]) -> dict[str, type]:
    return {f"{cls.__module__}.{cls.__qualname__}": cls for cls in (Part, Mixture, *classes)}


def _fields(cls: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cls)) if is_dataclass(cls) else cls._fields


class _Packing:
    def __init__(self, things: Mapping[str, Any], classes: Mapping[str, type]) -> None:
        self.tensors: Tensors = {}
        self._things = {id(thing): name for name, thing in things.items()}
        self._classes = {cls: name for name, cls in classes.items()}
        self._kept: dict[tuple[Any, ...], list[Any]] = {}
        self._memory: set[int] = set()

    def tree(self, value: Any) -> Any:
        kind = type(value)
        if kind is Promise:
            return self.tree(value.read())
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if isfinite(value) else {"float": str(value)}
        if kind is list:
            return [self.tree(each) for each in value]
        if kind is tuple:
            return {"tuple": [self.tree(each) for each in value]}
        if kind in (set, frozenset):  # in an order that does not depend on where objects lie in memory
            return {kind.__name__: sorted(map(self.tree, value), key=json.dumps)}
        if kind is dict:
            return {"dict": [[self.tree(key), self.tree(each)] for key, each in value.items()]}
        if kind is bytes:
            return {"bytes": value.hex()}
        if kind is torch.Tensor:
            return {"blank": _blank(value)} if value.is_meta else {"tensor": self._held(value, _place(value))}
        if kind is np.ndarray:
            return {"array": self._held(torch.from_numpy(np.array(value)), (id(value),))}
        if isinstance(value, np.number | np.bool_):
            return {"scalar": [value.dtype.str, value.tobytes().hex()]}
        if kind in self._classes:
            return {"object": [self._classes[kind], {name: self.tree(getattr(value, name)) for name in _fields(kind)}]}
        if id(value) in self._things:
            return {"thing": self._things[id(value)]}
        raise TypeError(f"{kind.__module__}.{kind.__qualname__} cannot be kept: {value!r:.80}")

    def _held(self, tensor: Tensor, place: tuple[Any, ...]) -> list[Any]:
        """Name of a tensor, under which it is put aside, and what strides it has besides."""
        if place not in self._kept:
            own = tensor.detach().contiguous()
            memory = own.untyped_storage()
            if memory.nbytes() > own.nbytes or memory.data_ptr() in self._memory:
                own = own.clone()
            self._memory.add(own.untyped_storage().data_ptr())
            name = str(len(self.tensors))
            self.tensors[name] = own
            self._kept[place] = [name, *_strides(tensor)]
        return self._kept[place]


class _Unpacking:
    def __init__(self, tensors: Tensors, things: Mapping[str, Any], classes: Mapping[str, Any]) -> None:
        self._tensors, self._things, self._classes = tensors, things, classes
        self._made: dict[str, Any] = {}

    def value(self, tree: Any) -> Any:
        if type(tree) is list:
            return [self.value(each) for each in tree]
        if type(tree) is not dict:
            return tree
        ((kind, held),) = tree.items()
        match kind:
            case "float":
                return float(held)
            case "tuple":
                return tuple(map(self.value, held))
            case "set":
                return set(map(self.value, held))
            case "frozenset":
                return frozenset(map(self.value, held))
            case "dict":
                return {self.value(key): self.value(each) for key, each in held}
            case "bytes":
                return bytes.fromhex(held)
            case "blank":
                dtype, shape, *strides = held
                strided = strides or [_in_rows(tuple(shape))]
                return torch.empty_strided(shape, *strided, dtype=getattr(torch, dtype), device="meta")
            case "tensor" | "array":
                return self._held(kind, *held)
            case "scalar":
                return np.frombuffer(bytes.fromhex(held[1]), held[0])[0]
            case "object":
                name, own = held
                return self._classes[name](**{field: self.value(each) for field, each in own.items()})
            case "thing":
                return self._things[held]
        raise KeyError(kind)

    def _held(self, kind: str, name: str, *strides: list[int]) -> Any:
        if name not in self._made:
            kept = self._tensors[name]
            made = torch.empty_strided(kept.shape, *strides or [_in_rows(kept.shape)], dtype=kept.dtype).copy_(kept)
            self._made[name] = made.numpy() if kind == "array" else made
        made = self._made[name]
        return made if kind == "array" else made.detach()


def _place(tensor: Tensor) -> tuple[Any, ...]:
    return tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride()


def _strides(tensor: Tensor) -> list[list[int]]:
    """Strides of a tensor that does not lie row by row; if it has gaps or overlaps, those of the same order without."""
    if tensor.stride() == _in_rows(tensor.shape):
        return []
    return [list(torch.empty_like(tensor, device="meta").stride())]


@lru_cache(4096)
def _in_rows(shape: tuple[int, ...]) -> tuple[int, ...]:
    return torch.empty(shape, device="meta").stride()


def _blank(tensor: Tensor) -> list[Any]:
    return [str(tensor.dtype).removeprefix("torch."), list(tensor.shape), *_strides(tensor)]
