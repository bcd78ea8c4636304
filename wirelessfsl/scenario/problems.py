"""What is wrong with a scenario: one problem, all of them as an exception, and the nearest right word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

Path = tuple[str | int, ...]
"""Keys and list positions from the top of a scenario to a node."""
Unused = Iterator[tuple[Path, str, *tuple[Path, ...]]]
"""Paths of knobs, why they have no effect, and the paths that decide."""


class Problem(NamedTuple):
    """One mistake.

    path: the node that is wrong.
    text: what was got, what is allowed, what may have been meant.
    at_key: whether the key is to blame rather than its value.
    reads: nodes that the verdict rests on; if one of them is wrong itself, nothing can be said yet.
    meant: the node that the user may have had in mind; what is read there cannot be trusted.
    """

    path: Path
    text: str
    at_key: bool = False
    reads: tuple[Path, ...] = ()
    meant: Path = ()


class ScenarioError(ValueError):
    """A scenario that cannot run; ``problems`` are the messages, one for each mistake."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def closest(got: object, allowed: Iterable[str]) -> str:
    """The allowed word that is most like the given one, empty if none is."""
    return next(iter(difflib.get_close_matches(str(got), list(allowed), n=1)), "")


def near(got: object, allowed: Iterable[str]) -> str:
    """Hint at the closest allowed word, empty if there is none.

    >>> near("rayleih", ["none", "rayleigh"])
    ' (did you mean rayleigh?)'
    """
    word = closest(got, allowed)
    return f" (did you mean {word}?)" if word else ""
