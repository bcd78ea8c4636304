"""A folder stands for the runs below it."""

from __future__ import annotations

from pathlib import Path

import pytest

from wirelessfsl.results.folders import run_folders


def make(*folders: Path) -> list[Path]:
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "manifest.json").touch()
    return [*folders]


def test_runs_are_found_at_any_depth_in_the_order_of_names_and_once(tmp_path: Path) -> None:
    runs = make(tmp_path / "a" / "b" / "2", tmp_path / "a" / "b" / "3", tmp_path / "a" / "c")
    make(tmp_path / "a" / "c" / "checkpoints" / "x", tmp_path / "a" / ".claims" / "y")
    assert run_folders([tmp_path]) == runs
    assert run_folders([runs[2], tmp_path / "a", runs[0]]) == [runs[2], *runs[:2]]


def test_a_folder_without_runs_is_told(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ValueError, match=f"{folder}: no run folder in it; give"):
            run_folders([folder])
