"""``wirelessfsl compare`` as a user types it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.results import scripted
from wirelessfsl.cli import main


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two schemes with two seeds each, the second twice and four times as slow as the first."""
    folder = tmp_path_factory.mktemp("runs")
    other = {"kind": "fedavg", "rounds": 4}
    for seed in (1, 2):
        scripted.write_run(folder / f"a{seed}", "split", seed=seed)
        scripted.write_run(folder / f"b{seed}", "fedavg", seed=seed, slower=2.0 * seed, algorithm=other)
    return sorted(map(str, folder.iterdir()))


def test_targets_baseline_and_confidence_make_the_table(folders: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--target-accuracy", "0.80", "--target-accuracy", "0.99", "--baseline", "split", "--confidence", "0.5"]
    assert main(["compare", *folders, *options]) == 0
    heads, *lines = capsys.readouterr().out.splitlines()
    assert "times faster" in heads
    # t of 75 % with one degree of freedom is 1; ln 2 and ln 4 are 1.5 ln 2 +- 0.5 ln 2.
    assert "0.354 [0.250, 0.500]" in lines[2]
    assert "50 % confidence interval" in lines[4]
    assert lines[5] == "split: 0.99 not reached by 2 of 2 runs: seed 1 (best 0.9000), seed 2 (best 0.9000)"


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_programs_get_plain_numbers(folders: list[str], suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"x.{suffix}"
    assert main(["compare", *folders, "--target-accuracy", "0.8", "--baseline", "split", "--out", str(file)]) == 0
    text = file.read_text()
    found = [*csv.DictReader(text.splitlines())] if suffix == "csv" else json.loads(text)
    assert [row["scenario"] for row in found] == ["split", "fedavg"]
    assert float(found[1]["times_faster"]) == pytest.approx(8**-0.5)
    assert (int(found[1]["paired_seeds"]), float(found[1]["time_s"])) == (2, 60.0)


def test_latex_has_the_cells_and_the_statements_as_comments(
    folders: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *folders, "--target-accuracy", "0.99", "--format", "latex"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == r"\begin{tabular}{lrrrrrr}"
    assert r"  split & 2 & 0.9000 $\pm$ 0.0000 [0.9000, 0.9000] & " in lines[4]
    assert lines[-1].startswith("% fedavg: 0.99 not reached by 2 of 2 runs")


@pytest.mark.parametrize("value", ["95", "0", "1", "x"])
def test_a_confidence_is_a_share(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["compare", "x", "--confidence", value])
    assert end.value.code == 2
    assert f"got {value!r}, must be a number between 0 and 1" in capsys.readouterr().err


def test_an_unknown_baseline_is_told_with_the_rows(folders: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *folders, "--baseline", "nix"]) == 2
    assert capsys.readouterr().err == "baseline: got 'nix', which is none of the rows: split; fedavg\n"


def test_a_file_that_cannot_be_written_is_told_in_a_line(
    folders: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"{'x' * 251}.csv"  # as long as a name may be, and too long with what is added while it is written
    assert main(["compare", *folders, "--out", str(out)]) == 2
    assert capsys.readouterr().err == f"{out}: cannot be written: File name too long; give another file with --out\n"
