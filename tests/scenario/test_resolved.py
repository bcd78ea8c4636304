"""A resolved scenario is the whole scenario: loading it gives an equal one, and all that is in it has an effect."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wirelessfsl.scenario import Scenario, ScenarioError, digest, load_scenario, pinned, resolve, to_yaml

ROOT = Path(__file__).parents[2]
START = "data: {name: blobs}\nmodel: {name: mlp}\nalgorithm: {kind: splitfed_v1}\n"


def loaded(folder: Path, text: str, *sets: str) -> Scenario:
    path = folder / "s.yaml"
    path.write_text(text)
    return load_scenario(path, sets)


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*.yaml")), ids=lambda path: path.name)
def test_a_scenario_of_the_package_resolves_to_itself(path: Path, tmp_path: Path) -> None:
    changes = ["data.name=digits", "data.root=null", "data.test_fraction=0.2", "model.name=small_cnn"]
    scenario = load_scenario(path, changes if path.name == "mnist.yaml" else [])
    again = loaded(tmp_path, to_yaml(resolve(scenario)))
    assert again == scenario
    assert resolve(again) == resolve(scenario)


BUS = ROOT / "scenarios" / "traces" / "bus.csv"
CHOICES = {
    "algorithm": ["{kind: fedavg, weighting: uniform}", "{kind: centralised}", "{kind: splitfed_v1, rounds: 7}"],
    "algorithm.optimizer": ["{kind: adam, eps: 1e-12}", "{kind: sgd, momentum: 0.9}"],
    "codecs.model_upload": ["{kind: cast, dtype: bfloat16}", "[{kind: quantize, bits: 3}]"],
    "data.partition": ["{kind: shards}", "{kind: iid}", "{kind: dirichlet, alpha: 1e5}", "{kind: classes}"],
    "data.clients": ["3"],
    "devices": ["[{count: 1}, {count: 2, profile: phone-mid}]", "[{count: 3, processor: {kind: dvfs}, radio: {}}]"],
    "devices.0": ["{count: 3, failures: {kind: at, times_s: [1, 2e9], repair_s: 5}}", "{battery: {kind: battery}}"],
    "server": ["{processor: {kind: cmos, kappa: 1e-27}}", "{radio: {sleep_after_s: 0.5, sleep_w: 0.0}}"],
    "network.medium": [
        "{kind: constant}",
        f"{{kind: trace, uplink: [{BUS}], latency: [{BUS.with_name('delay.csv')}]}}",
        "{kind: tdma, downlink_bandwidth_hz: 12345678.9}",
    ],
    "network.channel.phy": ["{kind: fixed}"],
    "network.channel.path_loss": [
        "{kind: urban_macro}",
        "{kind: log_distance, reference_loss_db: 40}",
        "{kind: umi, indoor_share: 0.8}",
    ],
    "network.topology": [
        "{kind: graph}",
        "{kind: graph, wires: [{ends: [site-0, c]}], server: c, relays: [{name: r, at_m: [50, 0]}]}",
    ],
    "network.mobility": [
        "{kind: random_waypoint, region: {kind: disc, radius_m: 300}, pause_s: 2.5}",
        "{kind: random_waypoint, start: stationary}",
        "{kind: gauss_markov}",
        "{kind: straight_line, heading_deg: -90, edge: wrap}",
    ],
    "network.layout": [
        "{kind: fixed, distances_m: [1, 2.5]}",
        "{kind: rectangle, width_m: 1e3}",
        "{kind: hexagon}",
        "{kind: listed, at_m: [[1, 2.5], [-3, 4]]}",
    ],
    "evaluation.target_accuracy": ["[]", "[0.1, 1.0]"],
    "seed": ["0", "9223372036854775807"],
    "name": ["'2024'", "'null'", "1e3.x", "übung"],
}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.fixed_dictionaries({}, optional={path: st.sampled_from(values) for path, values in CHOICES.items()}))
def test_what_resolves_loads_as_an_equal_scenario(
    tmp_path_factory: pytest.TempPathFactory, made: dict[str, str]
) -> None:
    folder = tmp_path_factory.mktemp("resolved")
    try:
        scenario = loaded(folder, START, *(f"{path}={value}" for path, value in made.items()))
    except ScenarioError:
        return  # of the wild mixtures only those that are scenarios count; the next test has one of each
    again = loaded(folder, to_yaml(resolve(scenario)))
    assert again == scenario
    assert digest(resolve(again)) == digest(resolve(scenario))


@pytest.mark.parametrize("change", [(path, value) for path, values in CHOICES.items() for value in values])
def test_one_change_resolves_loads_as_an_equal_scenario(change: tuple[str, str], tmp_path: Path) -> None:
    path, value = change
    clients = ["data.clients=3"] if path == "devices" or "count: 3" in value else []
    device = ["devices=[{}]"] if path == "devices.0" else []
    value = value if "count" in value or path != "devices.0" else f"{{count: 10, {value[1:]}"
    scenario = loaded(tmp_path, START, *clients, *device, f"{path}={value}")
    assert loaded(tmp_path, to_yaml(resolve(scenario))) == scenario


def test_default_devices_are_written_out_and_profiles_stay_names(tmp_path: Path) -> None:
    resolved = resolve(loaded(tmp_path, START, "data.clients=7"))
    (group,) = resolved["devices"]
    assert (group["count"], group["profile"], group["processor"]) == (7, "raspberry-pi-4", None)


def test_what_has_no_effect_is_not_in_a_resolved_scenario(tmp_path: Path) -> None:
    centralised = resolve(loaded(tmp_path, START, "algorithm={kind: centralised}"))
    assert "network" not in centralised
    assert "devices" not in centralised
    assert "codecs" not in centralised
    assert centralised["data"].keys() == {"name", "test_fraction"}
    wired = resolve(loaded(tmp_path, START, "network.medium={kind: constant}"))
    assert wired["network"].keys() == {"medium", "transport", "topology", "failures"}


def test_the_number_of_threads_is_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wirelessfsl.scenario.derived.most_threads", {"auto": 7}.__getitem__)
    assert pinned(loaded(tmp_path, START, "host.torch_threads=auto")).host.torch_threads == 7


def test_files_of_the_network_are_pinned_and_others_in_their_place_are_refused(tmp_path: Path) -> None:
    rates = tmp_path / "rates.csv"
    rates.write_text("time_s,rate_bit_s\n0,1e6\n1,2e6\n")
    traced = START + f"network: {{medium: {{kind: trace, uplink: [{rates}]}}}}\n"
    scenario = pinned(loaded(tmp_path, traced))
    digest_now = hashlib.sha256(rates.read_bytes()).hexdigest()
    assert scenario.network.medium == replace(loaded(tmp_path, traced).network.medium, sha256=digest_now)
    assert loaded(tmp_path, to_yaml(resolve(scenario))) == scenario
    rates.write_text("time_s,rate_bit_s\n0,1e6\n1,3e6\n")
    with pytest.raises(
        ScenarioError, match=rf"network.medium.sha256: got {digest_now}, the digest of .* is .*: restore"
    ):
        loaded(tmp_path, to_yaml(resolve(scenario)))
