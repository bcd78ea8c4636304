"""Named random streams: the same name gives the same numbers, and different names have nothing to do with each other.

Statistical tests have fixed seeds; tolerances are four standard errors unless said otherwise.
"""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wirelessfsl.streams import key, keys, stream, uniforms

NAMES = st.lists(st.one_of(st.text(max_size=5), st.integers()), max_size=4).map(tuple)


def test_the_numbers_of_a_stream_are_frozen() -> None:
    # Runs of earlier versions can be repeated only as long as these hold.
    assert key(1, "fading", "client-0", 7) == 0x38BA61D9A8476668
    drawn = stream(1, "batches", "client-0", 0).bit_generator.random_raw(2)
    assert drawn.tolist() == [0x527ABD58F4482A17, 0x8AE39960F862D935]
    assert uniforms(keys(1, [("a",), ("b",)]), 3).tolist() == [0.9613882274997106, 0.12227664976678876]


@given(st.tuples(st.integers(0, 2**64), NAMES), st.tuples(st.integers(0, 2**64), NAMES))
def test_different_names_have_different_keys(one: tuple[int, tuple[str]], other: tuple[int, tuple[str]]) -> None:
    assert (key(one[0], *one[1]) == key(other[0], *other[1])) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a", "bc"), ("ab", "c")), (("1",), (1,)), (("a", "b"), ("a, b",)), ((), ("",)), ((1, 23), (12, 3))],
)
def test_names_are_joined_without_ambiguity(one: tuple[str | int], other: tuple[str | int]) -> None:
    assert key(1, *one) != key(1, *other)


def test_a_numpy_integer_is_the_same_seed() -> None:
    assert key(int(np.int64(5)), "a") == key(np.int64(5), "a")  # type: ignore[arg-type]


def test_a_key_does_not_depend_on_the_process() -> None:
    code = "from wirelessfsl.streams import key; print(key(3, 'layout', 'client-7'))"
    told = set()
    for salt in ("0", "1"):
        salted = os.environ | {"PYTHONHASHSEED": salt}
        told.add(subprocess.run([sys.executable, "-c", code], env=salted, capture_output=True, check=True).stdout)
    assert told == {f"{key(3, 'layout', 'client-7')}\n".encode()}


def test_drawing_from_one_stream_leaves_the_others_alone() -> None:
    alone = stream(1, "b").random(5)
    first, second = stream(1, "a"), stream(1, "b")
    first.random(1000)
    assert second.random(5).tolist() == alone.tolist()


def test_another_seed_is_another_stream() -> None:
    assert stream(1, "a").random() != stream(2, "a").random()


def test_keys_are_those_of_the_single_names() -> None:
    names: list[tuple[str | int, ...]] = [("fading", i) for i in range(5)]
    assert keys(9, names).tolist() == [key(9, *name) for name in names]
    assert keys(9, []).shape == (0,)


def test_uniforms_are_splitmix64() -> None:
    # First outputs of SplitMix64 from state 0 (Steele, Lea and Flood 2014; the vectors that every implementation has).
    vectors = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    zero = np.zeros(1, dtype=np.uint64)
    assert [float(uniforms(zero, n)[0]) for n in range(3)] == [((v >> 12) + 0.5) * 2.0**-52 for v in vectors]


def test_uniforms_do_not_depend_on_who_else_asks() -> None:
    many = keys(1, [("fading", i) for i in range(20)])
    together = uniforms(many, 11)
    assert together.shape == (20,)
    assert together.tolist() == [float(uniforms(many[i : i + 1], 11)[0]) for i in range(20)]
    assert uniforms(many[::-1].reshape(4, 5), 11).ravel().tolist() == together[::-1].tolist()


@pytest.mark.parametrize(("word", "number"), [(0, 2.0**-53), (2**64 - 1, 1 - 2.0**-53)])
def test_the_least_and_the_greatest_uniform_lie_strictly_between_zero_and_one(word: int, number: float) -> None:
    # The key whose first word is the given one: SplitMix64 backwards.
    z = word ^ word >> 31 ^ word >> 62
    z = z * pow(0x94D049BB133111EB, -1, 2**64) % 2**64
    z ^= z >> 27 ^ z >> 54
    z = z * pow(0xBF58476D1CE4E5B9, -1, 2**64) % 2**64
    z ^= z >> 30 ^ z >> 60
    extreme = np.array([(z - 0x9E3779B97F4A7C15) % 2**64], dtype=np.uint64)
    assert uniforms(extreme, 0).tolist() == [number]


@pytest.mark.parametrize("counter", [0, 1, 2**31, 2**63, 2**64 - 2])
def test_any_counter_gives_numbers_between_zero_and_one(counter: int) -> None:
    drawn = uniforms(keys(1, [(i,) for i in range(100)]), counter)
    assert ((drawn > 0) & (drawn < 1)).all()


@pytest.mark.parametrize("along", ["streams", "counters"])
def test_uniforms_are_uniform(along: str) -> None:
    n = 20_000
    if along == "streams":
        drawn = uniforms(keys(1, [("fading", i) for i in range(n)]), 0)
    else:
        one = keys(1, [("fading", 0)])
        drawn = np.array([float(uniforms(one, counter)[0]) for counter in range(n)])
    assert abs(drawn.mean() - 0.5) < 4 * np.sqrt(1 / 12 / n)
    assert abs(drawn.var() - 1 / 12) < 4 * np.sqrt(1 / 180 / n)
    # Pearson's statistic over 100 cells: mean 99, standard deviation sqrt(2 * 99).
    cells = np.bincount((drawn * 100).astype(int), minlength=100)
    assert abs(((cells - n / 100) ** 2 / (n / 100)).sum() - 99) < 4 * np.sqrt(2 * 99)


def test_neighbouring_streams_and_counters_are_uncorrelated() -> None:
    n = 20_000
    some = keys(1, [("fading", i) for i in range(n + 1)])
    now, later = uniforms(some, 5), uniforms(some, 6)
    for left, right in ((now[:-1], now[1:]), (now, later)):
        assert abs(np.corrcoef(left, right)[0, 1]) < 4 / np.sqrt(n)
