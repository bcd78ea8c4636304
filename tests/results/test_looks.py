"""Looks of schemes: each its own, the same in every figure, and told apart where figures show them together."""

from __future__ import annotations

from colorsys import rgb_to_hls
from itertools import combinations
from typing import get_args, get_type_hints

from wirelessfsl.results.looks import BLACK, SchemeLook, scheme_look, scheme_looks
from wirelessfsl.scenario import Scenario

MAIN = ("pfsl", "fedlite", "fedsl", "mtsl", "fedavg", "split_learning", "splitfed_v1")


def kinds() -> list[str]:
    """Of all algorithms that a scenario may name."""
    union = get_args(get_type_hints(Scenario, include_extras=True)["algorithm"])[0]
    return [cls.__dataclass_fields__["kind"].default for cls in get_args(union)]


def test_the_systems_of_the_papers_and_the_main_baselines_differ_in_colour() -> None:
    assert len({scheme_look(kind).colour for kind in MAIN}) == len(MAIN)


def test_every_scheme_has_a_look_of_its_own_in_colour_and_in_grey_and_black_is_no_other_main_one() -> None:
    found = kinds()
    assert len(found) > 15
    assert len({scheme_look(kind) for kind in found}) == len(found)
    assert len({scheme_look(kind)[1:] for kind in MAIN}) == len(MAIN)
    own = {look.dash for look in map(scheme_look, ("my_pkg.mod:Mine", "other:Scheme"))}
    assert own.isdisjoint(scheme_look(kind).dash for kind in found)


def test_variants_of_a_scheme_keep_hue_and_marker_and_go_from_dark_to_light() -> None:
    found = [*zip(["pfsl"] * 5 + ["splitfed_v1"] * 3, scheme_looks(["pfsl"] * 5 + ["splitfed_v1"] * 3), strict=True)]
    for (kind, look), (next_kind, following) in combinations(found, 2):
        if kind == next_kind:
            assert hls(look)[1] < hls(following)[1]
            assert abs(hls(look)[0] - hls(following)[0]) < 0.01
            assert look.marker == following.marker == scheme_look(kind).marker
    assert found[5][1].colour == BLACK
    assert scheme_looks(["mtsl", "pfsl"]) == [scheme_look("mtsl"), scheme_look("pfsl")]


def hls(look: SchemeLook) -> tuple[float, float, float]:
    red, green, blue = (int(look.colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return rgb_to_hls(red, green, blue)
