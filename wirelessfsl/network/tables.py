"""Tables that the user gives as CSV files: named columns, numbers, and where exactly one is wrong."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from hashlib import sha256
from math import inf, isfinite
from pathlib import Path
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Row(NamedTuple):
    """A row: its line in the file, its numbers and its words, each in the order in which they were asked for."""

    line: int
    numbers: tuple[float, ...]
    words: tuple[str, ...]


def read_lines(path: str) -> list[str]:
    """Lines of a text file. Raises ValueError if it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        looked = "" if Path(path).is_absolute() else f", looked for {Path(path).absolute()}"
        raise ValueError(f"{path}: cannot be read: {reason}{looked}") from error


def digest_of(paths: Sequence[str]) -> str:
    """SHA-256 of files, one after the other, hexadecimal. Raises ValueError if one cannot be read."""
    digest = sha256()
    for path in paths:
        try:
            digest.update(Path(path).read_bytes())
        except OSError as error:
            raise ValueError(f"{path}: {error.strerror}") from error
    return digest.hexdigest()


def read_table(path: str, numbers: Sequence[str], words: Sequence[str] = (), lowest: float = -inf) -> list[Row]:
    """Rows of a CSV file with a line of headings; lines that begin with # and other columns are passed over.

    path: the file; a relative path is from the folder where the tool runs.
    numbers: columns of numbers, which must be there, each finite and at least ``lowest``.
    words: columns of text, which may be missing; then the text is empty.

    Raises ValueError with file and line if it cannot be read, lacks a column or has something else than a number.
    """
    lines = [(at, line) for at, line in enumerate(read_lines(path), 1) if line.strip() and not line.startswith("#")]
    if not lines:
        raise ValueError(f"{path}: is empty, must have a line of headings: {','.join(numbers)}")
    cells = csv.reader([line for _, line in lines], skipinitialspace=True)
    headings = [heading.strip() for heading in next(cells)]
    if lacking := [name for name in numbers if name not in headings]:
        text = f"got the headings {','.join(headings)}, must have {','.join(numbers)} (missing: {','.join(lacking)})"
        raise ValueError(f"{path}:{lines[0][0]}: {text}")
    rows = []
    for (at, _), row in zip(lines[1:], cells, strict=True):
        if len(row) != len(headings):
            raise ValueError(f"{path}:{at}: got {len(row)} columns, must be {len(headings)} as in the line of headings")
        named = dict(zip(headings, row, strict=True))
        read = tuple(_number(named[name], f"{path}:{at}: {name}", lowest) for name in numbers)
        rows.append(Row(at, read, tuple(named.get(name, "").strip() for name in words)))
    if not rows:
        raise ValueError(f"{path}: has no rows below its line of headings")
    return rows


def dealt(found: Mapping[str, T], names: Sequence[str]) -> list[T]:
    """What each of the names has: its own where all have, else one after the other in turn.

    >>> dealt({"b": 1, "a": 2}, ["a", "b"]), dealt({"x": 1, "y": 2}, ["a", "b", "c"])
    ([2, 1], [1, 2, 1])
    """
    every = list(found.values())
    own = found.keys() >= set(names)
    return [found[name] if own else every[i % len(every)] for i, name in enumerate(names)]


def _number(text: str, where: str, lowest: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = inf
    if not isfinite(value) or value < lowest:
        least = f" >= {lowest:g}" if lowest > -inf else ""
        raise ValueError(f"{where}: got {text.strip()!r}, must be a number{least}")
    return value
