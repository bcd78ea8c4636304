"""What outlives a round: the attributes that a stateful object names in ``KEPT``, as data.

Between two rounds nothing is in flight, so a run is what its objects keep, what is in the agenda, and the state of the
scheme. Everything else is a function of scenario, seed and time, or is about what is in flight. A test looks at all
that a run changes, and fails for what is neither.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

V = TypeVar("V")


class Made(dict[tuple[Any, ...], V], Generic[V]):
    """Stateful objects by what they are made of, each when it is first asked for."""

    def __init__(self, make: Callable[..., V]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: tuple[Any, ...]) -> V:
        made = self[key] = self._make(*key)
        return made


def kept(thing: Any) -> dict[str, Any]:
    """What an object carries from one round to the next, by attribute; of objects inside it what they carry."""
    return {name: _data(getattr(thing, name)) for name in thing.KEPT}


def keep_on(thing: Any, data: dict[str, Any]) -> None:
    """Let an object that was made anew go on with what :func:`kept` said of another."""
    for name, value in data.items():
        own = getattr(thing, name)
        if hasattr(own, "KEPT"):
            keep_on(own, value)
        elif isinstance(own, Made):
            for key, each in value.items():
                keep_on(own[key], each)
        elif isinstance(own, dict):
            own.clear()
            own.update(value)
        else:
            setattr(thing, name, type(own)._make(value) if hasattr(own, "_make") else value)


def _data(value: Any) -> Any:
    if hasattr(value, "KEPT"):
        return kept(value)
    if isinstance(value, Made):
        return {key: kept(each) for key, each in value.items()}
    return tuple(value) if hasattr(value, "_make") else dict(value) if isinstance(value, dict) else value
