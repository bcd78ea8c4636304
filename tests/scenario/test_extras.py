"""What needs an optional package says so, with the line that installs it, before anything is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from wirelessfsl.scenario import ScenarioError, load_scenario, network

SIONNA = "network: {channel: {path_loss: {kind: umi}, fading: {kind: sionna, speed_m_s: 1}}}\n"


def loaded(monkeypatch: pytest.MonkeyPatch, folder: Path, installed: bool) -> None:
    monkeypatch.setattr(network, "find_spec", lambda name: object() if installed else None)
    file = folder / "s.yaml"
    file.write_text(f"data: {{name: blobs}}\nmodel: {{name: mlp}}\nalgorithm: {{kind: fedavg}}\n{SIONNA}")
    load_scenario(file)


def test_fading_of_sionna_without_it_names_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        loaded(monkeypatch, tmp_path, installed=False)
    (message,) = caught.value.problems
    assert message.endswith(
        ":4:60 network.channel.fading.kind: got 'sionna', which is not installed:"
        " pip install sionna-no-rt, or take another kind, such as taps"
    )


def test_fading_of_sionna_with_it_is_accepted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loaded(monkeypatch, tmp_path, installed=True)
