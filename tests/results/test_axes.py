"""Axes of settings: values from the scenario of each run, words where there are no numbers, units from names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wirelessfsl.results.axes import setting
from wirelessfsl.results.store import Run


def run(name: str, **settings: Any) -> Run:
    return Run(Path(name), {"scenario": settings})


CODECS = {"activations": [{"kind": "quantize", "bits": 4}, {"kind": "zstd"}], "gradients": []}
NETWORK = {"medium": {"bandwidth_hz": 2e7}, "channel": {"path_loss": {"exponent": 3}, "fading": {"kind": "none"}}}
ONE = run("one", network=NETWORK, codecs=CODECS, model={"cuts": ["block1"]}, economy={"deadline_s": None, "on": True})


@pytest.mark.parametrize(
    ("path", "value", "label"),
    [
        ("network.medium.bandwidth_hz", 2e7, "bandwidth (MHz)"),
        ("network.channel.path_loss.exponent", 3.0, "path loss exponent"),
        ("network.channel.fading.kind", "none", "fading"),
        ("codecs.activations.0.bits", 4.0, "activations bits"),
        ("codecs.activations", "quantize + zstd", "activations"),
        ("codecs.gradients", "none", "gradients"),
        ("model.cuts", "block1", "cuts"),
        ("economy.deadline_s", "none", "deadline"),
        ("economy.on", "on", "on"),
    ],
)
def test_a_setting_is_found_by_its_path_and_named_with_its_unit(path: str, value: float | str, label: str) -> None:
    axis = setting([ONE], path)
    assert axis.values == {Path("one"): value}
    assert axis.label == label


def test_numbers_are_in_order_and_words_as_they_come() -> None:
    numbers = setting([run(str(i), data={"clients": n}) for i, n in enumerate((8, 2, 16))], "data.clients")
    assert numbers.places == [2.0, 8.0, 16.0]
    words = setting([run(str(i), model={"cuts": cuts}) for i, cuts in enumerate((["c"], ["a", "b"]))], "model.cuts")
    assert words.places == ["c", "a + b"]
    mixed = setting([run(str(i), p={"deadline_s": s}) for i, s in enumerate((2.5, None))], "p.deadline_s")
    assert (mixed.places, mixed.label, mixed.is_words) == (["2.5", "none"], "deadline (s)", True)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("network.mediun.kind", r"one: network has no 'mediun'; allowed: medium, channel"),
        ("codecs.activations.2.bits", r"one: codecs.activations has no '2'; allowed: 0, 1"),
        ("codecs.gradients.0", r"one: codecs.gradients has no '0'; allowed: nothing, it is empty"),
        ("model.cuts.0.x", r"one: model.cuts.0 is 'block1' and has nothing below it; leave .x out"),
        ("network.channel", r"one: network.channel is a group of settings; name one of network.channel.path_loss, "),
    ],
)
def test_a_path_that_leads_nowhere_is_refused_with_what_there_is(path: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        setting([ONE], path)
