"""Presets of the literature: defaults that a scenario's own keys override, written out in full when resolved."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from ruamel.yaml import YAML

from wirelessfsl.citing import cite, references
from wirelessfsl.cli import main
from wirelessfsl.devices.compute import CmosProcessor, MeasuredProcessor
from wirelessfsl.devices.nr_ue import NrUe
from wirelessfsl.engine.access import ConstantLink, Tdma
from wirelessfsl.scenario import ScenarioError, load_scenario, resolve, to_yaml
from wirelessfsl.scenario.presets import MARKS, PRESETS, PresetName
from wirelessfsl.units import dbm_to_watt

OWN = {"data": {"name": "digits"}, "model": {"name": "small_cnn"}, "algorithm": {"kind": "splitfed_v1", "rounds": 1}}


def written(folder: Path, **more: Any) -> Path:
    path = folder / "s.yaml"
    YAML(typ="safe", pure=True).dump(OWN | more, path)
    return path


def value_at(plain: Any, path: str) -> Any:
    for name in path.split("."):
        plain = plain[0][name] if isinstance(plain, list) else plain[name]
    return plain


def test_the_names_that_a_scenario_may_give_are_those_of_the_presets() -> None:
    assert get_args(PresetName) == tuple(PRESETS) == tuple(sorted(PRESETS))


@pytest.mark.parametrize("name", PRESETS)
def test_every_value_of_a_preset_is_in_the_resolved_scenario_which_is_the_same_when_loaded_again(
    name: str, tmp_path: Path
) -> None:
    resolved = resolve(load_scenario(written(tmp_path, preset=name)))
    for path, value in PRESETS[name].values.items():
        expected = value.value * resolved["data"]["clients"] if value.per_client else value.value
        assert value_at(resolved, path) == expected, path
    (tmp_path / "again.yaml").write_text(to_yaml(resolved))
    assert resolve(load_scenario(tmp_path / "again.yaml")) == resolved


def test_energy_and_rates_of_yang_are_those_of_its_formulas(tmp_path: Path) -> None:
    scenario = load_scenario(written(tmp_path, preset="yang-2021"))
    (group,) = scenario.devices
    assert group.count == scenario.data.clients == 50
    assert isinstance(group.processor, CmosProcessor)
    assert group.processor.energy_j(1e9) == pytest.approx(1e-28 * (2e9) ** 2 * 1e9)
    assert group.radio is not None
    assert group.radio.transmit_w == pytest.approx(0.01)
    assert scenario.network.medium.bandwidth_hz == 20e6  # type: ignore[union-attr]


def test_noise_of_mao_is_1e_13_w_over_its_band(tmp_path: Path) -> None:
    scenario = load_scenario(written(tmp_path, preset="mao-2016"))
    assert scenario.server.radio is not None
    assert scenario.server.radio.noise_figure_db == 0
    assert dbm_to_watt(scenario.network.channel.noise_density_dbm_hz) * 1e6 == pytest.approx(1e-13)


def test_own_keys_override_and_what_is_not_given_stays_the_presets(tmp_path: Path) -> None:
    network = {"channel": {"shadowing": {"std_db": 6}}, "medium": {"bandwidth_hz": 10e6}}
    scenario = load_scenario(written(tmp_path, preset="yang-2021", network=network), ["data.clients=7"])
    assert scenario.devices[0].count == 7
    assert scenario.network.medium.bandwidth_hz == 10e6  # type: ignore[union-attr]
    channel = resolve(scenario)["network"]["channel"]
    assert channel["shadowing"] == {"kind": "log_normal", "std_db": 6.0}
    assert channel["path_loss"]["kind"] == "urban_macro"


def test_of_a_slot_with_another_kind_nothing_of_the_preset_is_left(tmp_path: Path) -> None:
    other = {"network": {"medium": {"kind": "tdma"}}, "devices": [{"count": 50, "radio": {"kind": "nr_ue"}}]}
    scenario = load_scenario(written(tmp_path, preset="yang-2021", **other))
    assert scenario.network.medium == Tdma()
    assert scenario.devices[0].radio == NrUe()


def test_what_an_own_key_makes_idle_of_a_preset_is_no_mistake_and_not_written(tmp_path: Path) -> None:
    scenario = load_scenario(written(tmp_path, preset="yang-2021", network={"medium": {"kind": "constant"}}))
    assert scenario.network.medium == ConstantLink()
    assert not {"layout", "channel"} & resolve(scenario)["network"].keys()
    network = {"medium": {"kind": "constant"}, "layout": {"kind": "disc", "radius_m": 50.0}}
    with pytest.raises(ScenarioError, match="has no effect"):
        load_scenario(written(tmp_path, preset="yang-2021", network=network))


def test_a_device_that_names_a_profile_is_that_device(tmp_path: Path) -> None:
    groups = [{"count": 30, "profile": "raspberry-pi-5"}, {"count": 20}]
    first, second = load_scenario(written(tmp_path, preset="yang-2021", devices=groups)).devices
    assert first.processor is None
    assert isinstance(second.processor, CmosProcessor)


def test_a_preset_can_be_set_on_the_command_line_and_bandwidth_grows_with_clients(tmp_path: Path) -> None:
    scenario = load_scenario(written(tmp_path), ["preset=chen-2021", "data.clients=12"])
    assert scenario.network.medium.bandwidth_hz == 12 * 150e3  # type: ignore[union-attr]
    assert isinstance(load_scenario(written(tmp_path), ["preset=adaptsfl-2024"]).server.processor, MeasuredProcessor)


def test_a_wrong_name_is_told_with_the_nearest_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(written(tmp_path, preset="yang-2012"))]) == 2
    told = capsys.readouterr().err
    assert "preset: got 'yang-2012', allowed: adaptsfl-2024, chen-2021" in told
    assert "did you mean yang-2021?" in told
    assert main(["describe", "yang-202"]) == 2
    assert "did you mean yang-2021?" in capsys.readouterr().err


def test_presets_are_listed_described_with_marks_and_cited(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "presets"]) == 0
    assert "yang-2021" in capsys.readouterr().out
    assert main(["describe", "yang-2021"]) == 0
    told = capsys.readouterr().out
    assert "data.clients: 50   [code]" in told
    assert "network.medium.bandwidth_hz: 20000000.0   [quoted]" in told
    assert all(text in told for text in MARKS.values())
    assert not PRESETS.keys() - set().union(*(entry.keywords for entry in references()))
    cited = cite(resolve(load_scenario(written(tmp_path, preset="yang-2021"))))
    assert "yang2021energy" in cited
    assert "chen2021joint" not in cited


@pytest.mark.parametrize(
    ("section", "value"),
    [("preset", ["yang-2021"]), ("data", None), ("devices", None), ("server", 3), ("network", "x"), ("algorithm", 1),
     ("data", {"name": "digits", "clients": "many"})],
)  # fmt: skip
def test_what_is_malformed_beside_a_preset_is_told_as_without(section: str, value: Any, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=rf"\b{section}\b"):
        load_scenario(written(tmp_path, **({"preset": "yang-2021"} | {section: value})))


@pytest.mark.parametrize("kind", ["centralised", "local_only", "fedavg"])
def test_every_scheme_takes_of_a_preset_what_it_uses(kind: str, tmp_path: Path) -> None:
    for name in PRESETS:
        algorithm = {"kind": kind, "rounds": 1}
        scenario = load_scenario(written(tmp_path, preset=name, algorithm=algorithm))
        assert ("network" in resolve(scenario)) == (kind == "fedavg")
