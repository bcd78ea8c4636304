"""Figures of many runs: what is left out of which, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.results import scripted
from wirelessfsl.cli import main


def test_a_run_that_lacks_what_a_figure_shows_is_told_and_left_out_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for hz in (1e6, 5e6):
        scripted.write_run(tmp_path / "study" / f"{hz:g}", network={"medium": {"bandwidth_hz": hz}})
    scripted.write_run(tmp_path / "study" / "nowhere", seed=2)
    lost = scripted.write_run(tmp_path / "study" / "lost", seed=3, network={"medium": {"bandwidth_hz": 1e6}}).path
    (lost / "metrics.parquet").write_bytes(b"")
    figures = [f"--kind={kind}" for kind in ("tradeoff", "convergence", "latency")]
    one = [
        "plot",
        str(tmp_path / "study"),
        "--format=svg",
        f"--out={tmp_path / 'plots'}",
        "--x=network.medium.bandwidth_hz",
    ]
    assert main([*one, *figures]) == 0
    out, err = capsys.readouterr()
    assert [Path(line).stem for line in out.splitlines()] == ["tradeoff", "convergence", "latency"]
    told = [line.split(";")[0].split(" (")[0] for line in err.splitlines()]
    damaged = f"left out {lost / 'metrics.parquet'}: missing or damaged"
    assert told == [
        f"tradeoff: {damaged}",
        f"tradeoff: left out {tmp_path / 'study' / 'nowhere'}: the scenario has no 'network'",
        f"convergence: {damaged}",
    ]
    assert main(["plot", str(lost), "--kind", "pareto"]) == 2
    assert capsys.readouterr().err.startswith(f"pareto: {lost / 'metrics.parquet'}: missing or damaged")
