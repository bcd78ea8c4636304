"""What stacked kernels take and return: tensors of many in one, on the device where kernels run.

A tensor without dimensions is a count of steps (of an optimiser, of a normalisation). It stays in the host's memory and
is one for all of a stack; who is at another step is in another stack. Hidden leaves that are stacked are tapes: tuples
of tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from wirelessfsl.lazy import torch
from wirelessfsl.learning.data import ClientData, Clients
from wirelessfsl.learning.executors.promises import Promise
from wirelessfsl.learning.stage import Many, Part, Stage

if TYPE_CHECKING:
    from torch import Tensor


class Pile:
    """A leaf of what kernels returned where they ran: of one, or of ``many``, whose tensors are stacked.

    A promise of one of many has the number of that as its value until it is read. ``here`` is a copy in the host's
    memory, once somebody needed one of all.
    """

    __slots__ = ("_alike", "_asked", "here", "many", "value")

    def __init__(self, value: Any, many: int | None = None) -> None:
        self.value, self.many = value, many
        self.here: Any = None
        self._alike: Any = None
        self._asked = 0

    def ask(self, promise: Promise) -> None:
        """Somebody will read a promise: if it is not the only one all are copied at once."""
        self._asked += 1

    def fulfil(self, promise: Promise) -> Any:
        """A copy in the host's memory for who reads a promise; kernels go on with what is here."""
        if self._asked > 1 or self._is_numbers():
            copy_here([self])
        if self.here is None:
            return _each(lambda tensor: tensor.cpu(), self.of(promise.value))
        return _one_of(self.here, promise.value)

    def there(self, promise: Promise) -> Any:
        """What was promised, where it is."""
        return self.of(promise.value)

    def of(self, at: int | None) -> Any:
        """What one of many returned."""
        return _one_of(self.value, at)

    def some(self, at: list[int]) -> Any:
        """What some of many returned, stacked."""
        if self._is_numbers():
            return self.of(at[0])
        if at == [*range(self.many or 0)]:
            return self.value
        return _each(lambda tensor: tensor.index_select(0, torch.tensor(at).to(tensor.device)), self.value)

    def likeness(self, at: int | None) -> Any:
        """Shape and dtype of what one of many returned; of a number the value."""
        if self._alike is None:
            own = slice(self.many is not None, None)
            shapes = _each(lambda tensor: (tensor.shape[own], tensor.dtype), self.value)
            self._alike = self.value.cpu().tolist() if self._is_numbers() else shapes
        return self._alike if at is None or not isinstance(self._alike, list) else self._alike[at]

    def _is_numbers(self) -> bool:
        return isinstance(self.value, torch.Tensor) and self.value.ndim <= (self.many is not None)


def likeness(value: Any) -> Any:
    """What arguments have in common that can be stacked. Raises TypeError if nobody can tell."""
    kind = type(value)
    if kind is Promise:
        return value.source.likeness(value.value) if isinstance(value.source, Pile) else likeness(value.value)
    if isinstance(value, torch.Tensor):
        return (value.shape, value.dtype) if value.ndim else value.item()
    if kind is Part:
        return tuple(likeness(each) for name, each in zip(Part._fields, value, strict=True) if name != "key")
    if isinstance(value, tuple | list):
        return tuple(map(likeness, value))
    if kind is ClientData:
        return value.source
    hash(value)
    return value


class Place:
    """The device where kernels run, and what was brought there.

    Raises ValueError for a device that is not there.
    """

    def __init__(self, device: str) -> None:
        self.device = torch.empty(0, device=device).device  # with its number
        self._data: WeakKeyDictionary[ClientData, ClientData] = WeakKeyDictionary()
        self._tensors = torch.utils.weak.WeakTensorKeyDictionary()

    def moved(self, tensor: Tensor) -> Tensor:
        """A tensor here; it is brought once."""
        if tensor.device == self.device or not tensor.ndim:
            return tensor
        if tensor not in self._tensors:
            self._tensors[tensor] = tensor.to(self.device)
        there: Tensor = self._tensors[tensor]
        return there

    def own(self, value: Any) -> Any:
        """An argument of one kernel."""
        kind = type(value)
        if kind is Promise:
            source = value.source
            return source.of(value.value) if isinstance(source, Pile) else self.own(value.value)
        if isinstance(value, torch.Tensor):
            return self.moved(value)
        if kind is ClientData:
            if value not in self._data:
                self._data[value] = value.on(self.moved)
            return self._data[value]
        return _inside(self.own, value)

    def joined(self, values: Sequence[Any]) -> Any:
        """An argument of many kernels, all alike, as kernels take it that stack."""
        first, kind = values[0], type(values[0])
        if kind is Promise or isinstance(first, torch.Tensor):
            pile = first.source if kind is Promise else None
            if isinstance(pile, Pile) and pile.many and all(_is_of(each, pile) for each in values):
                return pile.some([each.value for each in values])
            found = [_found(each) for each in values]
            if isinstance(found[0], torch.Tensor):
                return self._stacked(found) if found[0].ndim else found[0]
            return tuple(map(self._stacked, zip(*found, strict=True)))  # a tape
        if kind is Part:
            keys: Any = np.array([each.key for each in values], dtype=object)
            bare = [each._replace(key=0) for each in values]
            return Part(*map(self.joined, zip(*bare, strict=True)))._replace(key=keys)
        if isinstance(first, tuple | list):
            return tuple(map(self.joined, zip(*values, strict=True)))
        if kind is ClientData:
            return Clients([self.own(each) for each in values])
        return Many(first) if kind is Stage else first

    def _stacked(self, values: Sequence[Tensor]) -> Tensor:
        first = values[0]
        if all(each is first for each in values):
            return self.moved(first).expand(len(values), *first.shape)
        if len({each.device for each in values}) > 1:
            values = [*map(self.moved, values)]
        return torch.stack([*values]).to(self.device)


def in_memory(value: Any) -> Any:
    """An argument of a kernel that runs in the host's memory."""
    if type(value) is Promise:
        pile = value.source
        return _one_of(pile.here, value.value) if isinstance(pile, Pile) else value.value
    return _inside(in_memory, value)


def copy_here(piles: Iterable[Pile]) -> None:
    """Copy piles to the host's memory, unless they are there."""
    piles = [pile for pile in piles if pile.here is None]
    tensors: list[Tensor] = []
    for pile in piles:
        _each(tensors.append, pile.value)
    copies = iter(together(tensors, torch.device("cpu")))
    for pile in piles:
        pile.here = _each(lambda _: next(copies), pile.value)


def moved(value: Any, device: torch.device) -> Any:
    """The same with its tensors on a device, in tuples, lists and dicts; those without dimensions stay."""
    tensors: list[Tensor] = []
    _each(lambda tensor: tensors.append(tensor) if tensor.ndim else None, value)
    there = iter(together(tensors, device))
    return _each(lambda tensor: next(there) if tensor.ndim else tensor, value)


def together(tensors: Sequence[Tensor], device: torch.device) -> list[Tensor]:
    """Tensors on a device, to which all that are elsewhere go in one transfer."""
    out = [*tensors]
    # Wide numbers first, so that each begins where numbers of its width do.
    away = sorted((at for at, each in enumerate(out) if each.device != device), key=lambda at: -out[at].dtype.itemsize)
    if away:
        rows = [out[at].reshape(-1).view(torch.uint8) for at in away]
        pieces = torch.split(torch.cat(rows).to(device), [*map(len, rows)])
        for at, piece in zip(away, pieces, strict=True):
            out[at] = piece.view(out[at].dtype).view(out[at].shape)
    return out


def _each(function: Callable[[Tensor], Any], value: Any) -> Any:
    """The same with something in place of every tensor, in tuples, lists and dicts."""
    if isinstance(value, torch.Tensor):
        return function(value)
    return _inside(lambda each: _each(function, each), value)


def _inside(function: Callable[[Any], Any], value: Any) -> Any:
    """The same with something in place of each of what is in a tuple, list or dict."""
    kind = type(value)
    if issubclass(kind, tuple):
        items = map(function, value)
        return kind(*items) if hasattr(kind, "_fields") else tuple(items)
    if kind is list:
        return [*map(function, value)]
    return {key: function(each) for key, each in value.items()} if kind is dict else value


def _one_of(value: Any, at: int | None) -> Any:
    return value if at is None else _each(lambda tensor: tensor[at] if tensor.ndim else tensor, value)


def _is_of(value: Any, pile: Pile) -> bool:
    return type(value) is Promise and value.source is pile


def _found(value: Any) -> Any:
    """A value where it is."""
    if type(value) is not Promise:
        return value
    return value.source.of(value.value) if isinstance(value.source, Pile) else value.value
