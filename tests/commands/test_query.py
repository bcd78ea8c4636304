"""``wirelessfsl query`` as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.results import scripted
from wirelessfsl.cli import main


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for seed in (1, 2):
        scripted.write_run(folder / str(seed), "50 % & more", seed=seed)
    return folder


def test_an_answer_is_printed_as_a_table(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "select name, seed, time_to_accuracy from runs order by seed", str(runs)]) == 0
    assert capsys.readouterr().out == (
        "name         seed  time_to_accuracy\n"
        "50 % & more     1                20\n"
        "50 % & more     2                20\n"
    )


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        (["--format", "csv"], "name,energy_j\r\n50 % & more,169.8\r\n"),
        (["--format", "json"], json.dumps([{"name": "50 % & more", "energy_j": 169.8}], indent=2) + "\n"),
        (["--format", "latex"], r"50 \% \& more & 169.8"),
    ],
)
def test_an_answer_is_exported(
    runs: Path, option: list[str], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sql = "select name, round(energy_j, 6) as energy_j from runs limit 1"
    assert main(["query", sql, str(runs), *option]) == 0
    printed = capsys.readouterr().out
    assert expected in printed
    file = tmp_path / "x.tex" if "latex" in option else tmp_path / f"x.{option[1]}"
    assert main(["query", sql, str(runs), "--out", str(file)]) == 0
    assert file.read_bytes().decode() == printed
    assert [*tmp_path.iterdir()] == [file]


def test_parquet_needs_a_file(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sql = "select run, energy_j from runs"
    assert main(["query", sql, str(runs), "--format", "parquet"]) == 2
    assert "give the file with --out" in capsys.readouterr().err
    assert main(["query", sql, str(runs), "--out", str(tmp_path / "x.parquet")]) == 0
    assert pq.read_table(tmp_path / "x.parquet").column_names == ["run", "energy_j"]


def test_runs_are_where_they_are_by_default(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs.parent.joinpath("here").mkdir()
    monkeypatch.chdir(runs.parent / "here")
    assert main(["query", "select 1 from runs"]) == 2
    assert capsys.readouterr().err.startswith("runs: no run folder in it; ")
    Path("runs").symlink_to(runs)
    assert main(["query", "select run from runs limit 1"]) == 0
    assert capsys.readouterr().out == "run\nruns/1\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "query: give a SELECT or --views"),
        (["select 1", "--views"], "query: give a SELECT or --views"),
        (["select nope from runs", "RUNS"], '"nope" not found'),
        (["drop table runs", "RUNS"], "query: got DROP, give one SELECT"),
        (["select 1 as a, 2 as a", "RUNS", "--format", "json"], "two columns have one name"),
        (["select 1", "RUNS", "--out", "nowhere/x.csv"], "nowhere/x.csv: its folder is not there"),
        (["select 1", "RUNS", "--out", "RUNS"], "is a folder; give another --out"),
    ],
)
def test_a_mistake_is_told_without_a_traceback(
    runs: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", *(str(runs) if word == "RUNS" else word for word in arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert "Traceback" not in err


def test_what_is_left_out_is_told_beside_the_answer(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "manifest.json").write_text("{")
    assert main(["query", "select count(*) as n from runs", str(runs), str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert out.split() == ["n", "2"]
    assert err.startswith(f"left out: {tmp_path / 'x' / 'manifest.json'}: damaged")
    assert len(err.splitlines()) == 1


def test_the_views_are_listed_without_anything_heavy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "--views"]) == 0
    assert "runs      time_to_accuracy " in capsys.readouterr().out
    code = (
        "import sys; from wirelessfsl.cli import main; main(['query', '--views'])\n"
        "print([name for name in ('duckdb', 'pyarrow', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
