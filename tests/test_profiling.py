"""Where the host's time went: what a profile counts, and how it is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.test_resuming import EVERY, ROUNDS, SCENARIO, interrupted
from wirelessfsl.api import resume
from wirelessfsl.cli import main
from wirelessfsl.profiling import said
from wirelessfsl.results.store import Run


def profile_of(run: Run) -> dict[str, Any]:
    profile: dict[str, Any] = json.loads((run.path / "profile.json").read_text(encoding="utf-8"))
    return profile


def calls(profile: dict[str, Any]) -> dict[str, int]:
    return {name: one["calls"] for name, one in profile["kernels"].items() if name != "average"}


def test_the_parts_of_a_profile_are_the_wall_clock_and_described(tmp_path: Path) -> None:
    run = EVERY(SCENARIO, tmp_path / "run", profile=True)
    profile = profile_of(run)
    around = [profile[name]["seconds"] for name in ("encoding", "decoding", "batches") if name in profile]
    kernels = [one["seconds"] for one in profile["kernels"].values()]
    rest = [profile[f"{name}_s"] for name in ("evaluation", "log", "engine")]
    assert sum(around + kernels + rest) == pytest.approx(profile["wall_s"])
    assert profile["wall_s"] == pytest.approx(run.summary["host"]["wall_s"], rel=0.1)
    assert (profile["after_round"], profile["from_s"]) == (0, 0.0)
    docs = (Path(__file__).parent.parent / "docs/running.md").read_text(encoding="utf-8")
    assert not [key for key in (*profile, *run.manifest) if f"`{key}`" not in docs]
    assert profile["batch_widths"] == run.manifest["batch_widths"] == {"1": run.summary["host"]["kernels"]}


def test_the_profile_of_a_resumed_run_is_of_the_rest_and_says_from_where(tmp_path: Path) -> None:
    whole = EVERY(SCENARIO, tmp_path / "whole", profile=True)
    after = ROUNDS - 1
    run = resume(interrupted(tmp_path / "run", after + 1), profile=True)
    profile = profile_of(run)
    ended = [row["time_s"] for row in run.metrics.to_pylist() if row["round"] == after]
    assert (profile["after_round"], {profile["from_s"]}) == (after, {*ended})
    assert {name: ROUNDS * count for name, count in calls(profile).items()} == calls(profile_of(whole))
    assert profile["wall_s"] < run.summary["host"]["wall_s"]


def test_the_command_line_profiles_what_it_goes_on_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = interrupted(tmp_path / "run")
    assert main(["run", "--resume", str(folder), "--profile"]) == 0
    assert "\nhost time after round 2\n" in capsys.readouterr().out
    (folder / "profile.json").unlink()
    assert main(["run", "--resume", str(folder), "--profile"]) == 0
    assert "host time" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"batch_widths": {"1": 1344}}, "training kernels ran: 1,344 times one at a time"),
        (
            {"batch_widths": {"1": 2, "10": 34}, "waiting_s": 1.0},
            "training kernels ran in each worker: 2 times one at a time, 34 times 10 at a time",
        ),
        ({"batch_widths": {}}, "training kernels ran: never"),
    ],
    ids=["one by one", "in workers", "none"],
)
def test_a_profile_says_how_many_kernels_ran_at_a_time(found: dict[str, Any], told: str) -> None:
    nothing = {"after_round": 0, "wall_s": 2.0, "kernels": {}, "evaluation_s": 0.0, "log_s": 0.0, "engine_s": 2.0}
    assert said(nothing | found).splitlines()[-1] == f"  {told}"
