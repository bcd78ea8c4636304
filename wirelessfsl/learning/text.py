"""Text as samples: so many consecutive characters, and as label the one after them.

The text is cut in parts, which are equal runs of it or what each speaker of a play says, and the end of every part is
held out for testing before windows are cut. So no window of the test set shares a character with one of training, and
each part has test samples of its own. After LEAF's Shakespeare (Caldas et al., 2018, arXiv:1812.01097), whose clients
are speakers. Words, and characters that no text of the user's has, are left out.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]


class Windows(NamedTuple):
    """How samples are cut from a text.

    length: characters of a sample.
    stride: characters from one sample of a part to the next.
    parts: number of equal runs that the text is cut into; None for what each speaker says.
    """

    length: int = 80
    stride: int = 80
    parts: int | None = 1


class Samples(NamedTuple):
    """Windows of characters, shape (n, length), the character after each, and the number of the part it is from."""

    inputs: Codes
    labels: Codes
    parts: Codes


def text(path: Path, windows: Windows, test_fraction: float) -> tuple[Samples, Samples, int]:
    """Text of your own, a UTF-8 file or a folder of .txt files, for predicting the next character.

    A character is its place among all distinct characters of the text, sorted by code point. The last ``test_fraction``
    of each part is held out; a part that is too short for one training sample is left out.

    Returns training samples, test samples and the number of distinct characters. Raises ValueError if nothing can be
    read there, if there are no speakers where they are asked for, or if the text is too short.
    """
    whole = _read(path)
    points = np.frombuffer(whole.encode("utf-32-le"), np.uint32)
    vocabulary, codes = np.unique(points, return_inverse=True)
    if windows.parts is None:
        spoken = (np.frombuffer(said.encode("utf-32-le"), np.uint32) for said in speeches(whole, path).values())
        parts = [np.searchsorted(vocabulary, said) for said in spoken]
    else:
        parts = np.array_split(codes, windows.parts)
    train, test = [], []
    for number, part in enumerate(parts):
        kept = len(part) - round(test_fraction * len(part))
        if kept > windows.length:
            train.append((number, _cut(part[:kept], windows)))
            test.append((number, _cut(part[kept:], windows)))
    halves = [_joined(each) for each in (train, test)]
    if not all(len(half.labels) for half in halves):
        text = f"{path}: {len(whole)} characters are too few for samples of {windows.length} and one more"
        raise ValueError(f"{text} in training and test; lower data.sequence_length")
    return halves[0], halves[1], len(vocabulary)


def speeches(whole: str, path: Path) -> dict[str, str]:
    """What each speaker of a play says, in the order of their first words.

    A speech begins after a blank line with the speaker's name and a colon on a line of their own; it goes on over blank
    lines up to the next. Speakers of one name are one, also those of different plays.

    Raises ValueError if there is none.

    >>> speeches("ANNA:\\nWho is there?\\n\\nBEN:\\nI.\\n\\nANNA:\\nAh.\\n", Path("play.txt"))
    {'ANNA': 'Who is there?\\nAh.\\n', 'BEN': 'I.\\n'}
    """
    said: defaultdict[str, str] = defaultdict(str)
    name = ""
    for paragraph in re.split(r"\n\s*\n", whole.strip()):
        first, _, rest = paragraph.partition("\n")
        if first.endswith(":") and rest:
            name, paragraph = first[:-1], rest
        said[name] += paragraph + "\n"
    said.pop("", None)
    if not said:
        raise ValueError(f"{path}: has no speakers, whose name and a colon stand on a line after a blank one")
    return dict(said)


def _read(path: Path) -> str:
    files = sorted(path.glob("*.txt")) if path.is_dir() else [path]
    try:
        whole = "\n\n".join(file.read_text(encoding="utf-8") for file in files)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"not UTF-8: {error}"
        raise ValueError(f"{path}: cannot be read: {reason}; set data.root to a text, or a folder of .txt") from error
    if not whole:
        raise ValueError(f"{path}: no text in it; set data.root to a text, or a folder of .txt")
    return whole


def _cut(codes: Codes, windows: Windows) -> Codes:
    """Windows of a part, each with the character after it, shape (n, length + 1)."""
    if len(codes) <= windows.length:
        return np.empty((0, windows.length + 1), np.int64)
    return np.lib.stride_tricks.sliding_window_view(codes, windows.length + 1)[:: windows.stride]


def _joined(parts: list[tuple[int, Codes]]) -> Samples:
    if not parts:
        return Samples(*(np.empty(0, np.int64) for _ in range(3)))
    cut = np.concatenate([windows for _, windows in parts])
    return Samples(cut[:, :-1], cut[:, -1], np.repeat([n for n, _ in parts], [len(windows) for _, windows in parts]))
