"""Named random streams: the same name gives the same numbers, whoever asks and in whatever order.

``stream(seed, "batches", "client-3", 7)`` is a NumPy generator of its own. Nothing about one stream depends on how
much was drawn from another, so two schemes see the same channel, and a checkpoint has no generator state to save.

Where a random number is needed for many links at many instants (fading), ``uniforms`` evaluates a counter-based
generator for an array of stream keys at once: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), which is a pure function
of key and counter.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Floats = NDArray[np.float64]

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = 0xFFFFFFFFFFFFFFFF
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_SHIFTS = tuple(np.uint64(n) for n in (30, 27, 31, 12))


def key(seed: int, *name: str | int) -> int:
    """64-bit key of a named stream: BLAKE2b over the seed and the parts of the name, unambiguously joined.

    >>> key(1, "fading", "client-0") == key(1, "fading", "client-0")
    True
    >>> key(1, "a", "bc") == key(1, "ab", "c")
    False
    """
    text = repr((int(seed), *name)).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")


def subkey(key: int, number: int) -> int:
    """64-bit key of the ``number``-th stream below a key: SplitMix64's mixing function, twice.

    >>> subkey(1, 0) != subkey(0, 1)
    True
    """
    return _mixed(_mixed(key) + number)


def stream(seed: int, *name: str | int) -> np.random.Generator:
    """Generator of the named stream (Philox, keyed by :func:`key`).

    >>> bool(stream(1, "layout").random() == stream(1, "layout").random())
    True
    """
    return np.random.Generator(np.random.Philox(key=key(seed, *name)))


def keys(seed: int, names: list[tuple[str | int, ...]]) -> Keys:
    """Keys of many named streams, shape (len(names),), for :func:`uniforms`."""
    return np.array([key(seed, *name) for name in names], dtype=np.uint64)


def uniforms(stream_keys: Keys, counter: int) -> Floats:
    """The ``counter``-th uniform number in (0, 1) of every stream; shape as ``stream_keys``.

    >>> bool((uniforms(keys(1, [("a",), ("b",)]), 5)[1:] == uniforms(keys(1, [("b",)]), 5)).all())
    True
    """
    z = stream_keys + np.uint64(_GOLDEN * (counter + 1) & _MASK)
    z = (z ^ (z >> _SHIFTS[0])) * _MIX_1
    z = (z ^ (z >> _SHIFTS[1])) * _MIX_2
    z = z ^ (z >> _SHIFTS[2])
    return ((z >> _SHIFTS[3]).astype(np.float64) + 0.5) * 2.0**-52


def _mixed(z: int) -> int:
    z = (z + _GOLDEN) & _MASK
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _MASK
    return z ^ (z >> 31)
