"""Code from outside: refused unless allowed, and then it is a setting like any other."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.scenario.outside import First, Halves, Steady
from tests.worlds import ListLog
from wirelessfsl.engine.access import Fdma
from wirelessfsl.radio.allocation import MaxMin
from wirelessfsl.scenario import ScenarioError, load_scenario, resolve, to_yaml
from wirelessfsl.simulation import play

HERE = "tests.scenario.outside"
TEXT = f"""data: {{name: blobs, clients: 2, partition: {{kind: '{HERE}:First', each: 40}}}}
model: {{name: '{HERE}:net', cuts: [body]}}
algorithm: {{kind: splitfed_v1, rounds: 1, local_steps: 1}}
network: {{channel: {{fading: {{kind: '{HERE}:Steady', levels: [0.25, 0.5]}}}}}}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "s.yaml"
    file.write_text(TEXT)
    return file


def test_code_that_is_not_allowed_is_not_even_imported(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path.parent / "trap.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(path.parent))
    path.write_text(TEXT.replace(HERE, "trap"))
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    assert [message.removeprefix(f"{path}:") for message in caught.value.problems] == [
        "1:51 data.partition.kind: got 'trap:First': runs code from outside; allow it with --allow-code",
        "2:15 model.name: got 'trap:net': runs code from outside; allow it with --allow-code",
        "4:36 network.channel.fading.kind: got 'trap:Steady': runs code from outside; allow it with --allow-code",
    ]
    assert "trap" not in sys.modules


def test_code_that_is_allowed_runs_for_a_round(path: Path) -> None:
    scenario = load_scenario(path, allow_code=True)
    assert isinstance(scenario.network.channel.fading, Steady)
    assert isinstance(scenario.data.partition, First)
    log = ListLog()
    assert play(scenario, log).status == "completed"
    assert log.metrics


@pytest.mark.parametrize("form", ["'{word}'", "{{kind: '{word}'}}"], ids=["word", "mapping"])
def test_an_allocation_may_be_named_by_a_word_alone(form: str, path: Path) -> None:
    for word, cls in {"max_min": MaxMin, f"{HERE}:Halves": Halves}.items():
        medium = f"medium: {{kind: fdma, allocation: {form.format(word=word)}}}"
        path.write_text(TEXT.replace("network: {", f"network: {{{medium}, "))
        scenario = load_scenario(path, allow_code=True)
        assert isinstance(scenario.network.medium, Fdma)
        assert scenario.network.medium.allocation == cls()
        log = ListLog()
        assert play(scenario, log).status == "completed"
        path.write_text(to_yaml(resolve(scenario)))
        assert load_scenario(path, allow_code=True) == scenario


def test_a_resolved_scenario_names_code_by_its_import_path(path: Path) -> None:
    scenario = load_scenario(path, allow_code=True)
    resolved = resolve(scenario)
    assert resolved["network"]["channel"]["fading"] == {"kind": f"{HERE}:Steady", "levels": [0.25, 0.5]}
    path.write_text(to_yaml(resolved))
    assert load_scenario(path, allow_code=True) == scenario


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("levels: [0.25, 0.5]", "levels: [0.25, 11]", "4:82 network.channel.fading.levels.1: got 11, must be <= 10"),
        ("levels:", "level:", "4:67 network.channel.fading.level: unknown key, allowed: levels (did you mean levels?)"),
        ("each: 40", "each: many", "1:87 data.partition.each: got 'many', must be a whole number"),
        (", each: 40", "", "1:44 data.partition.each: missing, must be given"),
        (
            "outside:Steady",
            "outside:Stedy",
            "4:36 network.channel.fading.kind: got 'tests.scenario.outside:Stedy', cannot be imported: AttributeError:",
        ),
        ("outside:Steady", "outsied:Steady", "4:36 network.channel.fading.kind: got 'tests.scenario.outsied:Steady',"),
        (
            "outside:Steady",
            "outside:NUMBER",
            "4:36 network.channel.fading.kind: got 'tests.scenario.outside:NUMBER', must be a class made with",
        ),
        (
            "outside:net",
            "outside:nett",
            "2:15 model.name: got 'tests.scenario.outside:nett': module 'tests.scenario.outside' has no attribute",
        ),
        ("outside:net", "outside:broken", "2:15 model.name: got 'tests.scenario.outside:broken', which cannot be made"),
        ("[body]", "[boddy]", "2:50 model.cuts.0: got 'boddy', allowed cuts of tests.scenario.outside:net: body (did"),
    ],
)
def test_a_mistake_in_the_use_of_code_is_told_with_its_place(old: str, new: str, message: str, path: Path) -> None:
    path.write_text(TEXT.replace("'", "").replace(old, new))
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path, allow_code=True)
    (told,) = caught.value.problems
    assert told.startswith(f"{path}:{message}")
