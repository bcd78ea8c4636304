"""The same sweep through a local Ray."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.studies.files import FAR, NO_RATE, study
from wirelessfsl.cli import main
from wirelessfsl.studies.cluster import cluster
from wirelessfsl.studies.points import Point
from wirelessfsl.studies.study import load_study
from wirelessfsl.studies.work import Ending

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # Ray's own


@pytest.fixture(autouse=True)
def _ray() -> None:
    pytest.importorskip("ray")


def test_a_sweep_through_ray_gives_the_table_of_a_local_one(tmp_path: Path) -> None:
    file = study(tmp_path, f"set: {{{NO_RATE}}}\naxes: {{grid: {{{FAR}}}, seeds: 3}}")
    tables = []
    for engine in "local", "ray":
        out = tmp_path / engine
        assert main(["sweep", str(file), "--engine", engine, "--jobs", "2", "--out", str(out)]) == 1
        tables.append((out / "points.csv").read_bytes())
    assert tables[0] == tables[1]
    assert tables[0].count(b"completed") == tables[0].count(b"failed") == 3


def test_a_point_whose_worker_always_dies_is_failed_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = load_study(study(tmp_path), tmp_path, timing_only=True)
    monkeypatch.setattr("wirelessfsl.studies.cluster.perform", _die)
    ((point, ending),) = cluster(read.points, jobs=1, retries=1)
    assert (point, ending.state) == (read.points[0], "failed")
    assert "tries: 2" in ending.error


def test_an_address_where_nobody_answers_is_the_users_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["sweep", str(study(tmp_path)), "--out", str(tmp_path), "--engine", "ray", "--address", "127.0.0.1:1"])
        == 2
    )
    assert "--address: no Ray answers at 127.0.0.1:1" in capsys.readouterr().err


def _die(point: Point, **_: object) -> Ending:
    os.kill(os.getpid(), signal.SIGKILL)
    return Ending("done")
