"""Promises: tensors whose shape and dtype are known, and whose numbers are computed when somebody reads them.

A kernel's outline says what it will return. Its tensors become promises: what reads one, be it a function of torch, a
method, an operator or ``float``, gets the number and waits for it. Who only passes it on or asks for its shape does
not.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from wirelessfsl.lazy import torch
from wirelessfsl.learning.kernels import Hidden

if TYPE_CHECKING:
    from torch import Tensor

Template: TypeAlias = "int | tuple[Template, ...] | None"
"""Where the promised leaves of a kernel's result are: their numbers, None for what is known, tuples of such."""


class Source(Protocol):
    """What will make promises good."""

    def fulfil(self, promise: Promise) -> Any:
        """The value of one of them. Raises why that failed, if it did."""
        ...

    def ask(self, promise: Promise) -> None:
        """One of them will be read: its value may set out."""
        ...


class Promise:
    """A tensor to come, or something that only kernels look into (its shape and dtype are None then).

    ``number`` is its place among the promises of its source, which is None when nothing is left to be done. Nothing is
    run when it goes, since an interrupt that met that would be lost.
    """

    __slots__ = ("__weakref__", "_wirelessfsl_home", "dtype", "number", "shape", "source", "value")

    def __init__(self, source: Source, number: int, shape: torch.Size | None, dtype: torch.dtype | None) -> None:
        self.source: Source | None = source
        self.number, self.shape, self.dtype = number, shape, dtype
        self.value: Any = None

    def read(self) -> Any:
        """The value; waits for it. Raises what its kernel raised."""
        return self.value if self.source is None else self.source.fulfil(self)

    def there(self) -> Any:
        """The value where it is, which may be a device."""
        found = getattr(self.source, "there", None)
        return found(self) if found else self.read()

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        """As of a tensor; what is already there is not copied."""
        moved: Tensor = self.there().to(*args, **kwargs)
        return moved

    def fulfilled(self, value: Any) -> None:
        self.value, self.source = value, None

    def __len__(self) -> int:
        return len(self.read()) if self.shape is None else self.shape[0]

    def numel(self) -> int:
        """Number of elements."""
        count: int = self.read().numel() if self.shape is None else prod(self.shape)
        return count

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.read(), name)

    def __array__(self, *args: Any) -> Any:
        return self.read().__array__(*args)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.read())

    def __repr__(self) -> str:
        return f"Promise({None if self.shape is None else tuple(self.shape)}, {self.dtype})"

    @classmethod
    def __torch_function__(cls, function: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return function(*settled(args), **settled(kwargs or {}))


def _operator(name: str) -> Any:
    def run(self: Promise, *others: Any) -> Any:
        return getattr(self.read(), name)(*settled(others))

    return run


_OPERATORS = """
    add sub mul truediv floordiv mod pow matmul and or xor lshift rshift
    radd rsub rmul rtruediv rfloordiv rmod rpow rmatmul rand ror rxor rlshift rrshift
    neg pos abs invert lt le gt ge eq ne getitem contains bool int float index complex format
"""
for _name in _OPERATORS.split():
    setattr(Promise, f"__{_name}__", _operator(f"__{_name}__"))


def settled(value: Any) -> Any:
    """The same with values in place of promises, in tuples, lists and dicts; waits for them."""
    kind = type(value)
    if kind is Promise:
        return value.read()
    if issubclass(kind, tuple):
        items = [settled(each) for each in value]
        return kind(*items) if hasattr(kind, "_fields") else tuple(items)
    if kind is list:
        return [settled(each) for each in value]
    if kind is dict:
        return {key: settled(each) for key, each in value.items()}
    return value


def gathered(value: Any) -> Any:
    """As :func:`settled`, of much that may be far away: all is asked for before the first is waited for."""
    for promise in promises_in(value):
        if promise.source is not None:
            promise.source.ask(promise)
    return settled(value)


def promises_in(value: Any) -> list[Promise]:
    """The promises in tuples, lists and dicts."""
    found: list[Promise] = []
    _find(value, found)
    return found


def _find(value: Any, found: list[Promise]) -> None:
    kind = type(value)
    if kind is Promise:
        found.append(value)
    elif kind is dict:
        _find([*value.values()], found)
    elif issubclass(kind, tuple | list):
        for each in value:
            _find(each, found)


def promised(source: Source, outline: Any, leaves: list[Promise]) -> tuple[Any, Template]:
    """An outline with promises in place of its tensors and hidden things, and where they are; ``leaves`` gets them."""
    kind = type(outline)
    if issubclass(kind, tuple):
        items, template = [], []
        for each in outline:
            item, place = promised(source, each, leaves)
            items.append(item)
            template.append(place)
        return kind(items) if kind is tuple else kind(*items), tuple(template)
    if kind is Promise or isinstance(outline, torch.Tensor):
        leaf = Promise(source, len(leaves), outline.shape, outline.dtype)
    elif kind is Hidden:
        leaf = Promise(source, len(leaves), None, None)
    else:
        return outline, None
    leaves.append(leaf)
    return leaf, len(leaves) - 1


def taken_apart(value: Any, template: Template, leaves: list[Any]) -> list[Any]:
    """The leaves of a kernel's result, in order. Raises ValueError if it has another form than its outline."""
    if template is None:
        return leaves
    if isinstance(template, int):
        leaves.append(value)
    else:
        for each, place in zip(value, template, strict=True):
            taken_apart(each, place, leaves)
    return leaves
