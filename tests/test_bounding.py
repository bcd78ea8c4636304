"""`wirelessfsl bound` from end to end: files, figure, tables, exit status."""

from __future__ import annotations

import csv
from pathlib import Path
from shutil import copytree

import pytest

from wirelessfsl import open_run
from wirelessfsl.cli import main
from wirelessfsl.results.bounds import figure, read

ROOT = Path(__file__).parents[1]
TINY = [
    *("--set", "data.clients=3", "--set", "devices.0.count=3", "--set", "algorithm.local_steps=1"),
    *("--set", "algorithm.rounds=4", "--set", "algorithm.interval=2", "--set", "algorithm.batch_size=64"),
    *("--set", "algorithm.pruning={kind: none}"),
]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("runs") / "x"
    with pytest.MonkeyPatch.context() as patch:
        lines: list[str] = []
        patch.setattr("builtins.print", lambda *text, **_: lines.append(" ".join(map(str, text))))
        assert main(["bound", str(ROOT / "scenarios" / "fedsl.yaml"), *TINY, "--out", str(folder)]) == 0
    return folder, lines[-1]


def test_it_leaves_a_run_folder_with_the_bound_and_its_figure(printed: tuple[Path, str]) -> None:
    folder, _ = printed
    assert open_run(folder).summary["status"] == "completed"
    with (folder / "bound.csv").open() as file:
        rows = [*csv.DictReader(file)]
    assert [row["round"] for row in rows] == ["1", "2", "3", "4"]
    assert [row["iterations"] for row in rows] == ["1", "2", "3", "4"]
    terms = ("start", "drift", "variance", "quantisation", "pruning", "dropout")
    for row in rows:
        assert float(row["bound"]) == pytest.approx(sum(float(row[term]) for term in terms))
    assert all((folder / "plots" / f"bound.{suffix}").stat().st_size for suffix in ("pdf", "png", "svg"))


def test_it_prints_constants_terms_and_what_speaks_against_the_theorem(printed: tuple[Path, str]) -> None:
    folder, text = printed
    found = read(open_run(folder))
    told = dict(line.rsplit(None, 1) for line in text.splitlines() if line and not line.startswith(("the ", "/")))
    assert told["beta, smoothness of f"] == f"{found.constants['beta']:.4g}"
    assert told["bound"] == f"{found.columns['bound'][-1]:.4g}"
    ratio = found.columns["bound"][-1] / found.columns["running_mean"][-1]
    assert told["bound / measured"] == f"{ratio:.4g}"
    assert "the theorem does not apply" in text
    assert "not counted: quantize of activations" in text


def test_the_figure_has_loss_measured_mean_bound_and_every_term_there_is(printed: tuple[Path, str]) -> None:
    run = open_run(printed[0])
    columns = read(run).columns
    above, below = figure(run).axes
    lines = {str(line.get_label()): line for line in (*above.lines, *below.lines)}
    assert {label.removeprefix("bound: ") for label in lines} == {
        "training, f", "test", "bound", "measured: running mean of |grad f|$^2$",
        "start", "drift", "variance", "quantisation", "dropout",
    }  # fmt: skip
    assert [*lines["bound"].get_ydata()] == [*columns["bound"]]  # type: ignore[misc]
    assert [*lines["training, f"].get_ydata()] == [*columns["loss"]]  # type: ignore[misc]
    assert below.get_yscale() == "log"
    assert below.get_title(loc="left").startswith("the theorem does not apply")
    assert above.get_shared_x_axes().joined(above, below)


def test_a_run_without_a_bound_says_how_to_get_one(tmp_path: Path) -> None:
    short = ["--set", "algorithm.rounds=1", "--set", "algorithm.local_steps=1", "--out", str(tmp_path / "x")]
    assert main(["run", str(ROOT / "scenarios" / "quickstart.yaml"), *short]) == 0
    with pytest.raises(ValueError, match="no bound in the run; make one with wirelessfsl bound"):
        figure(open_run(tmp_path / "x"))


def test_a_run_that_ended_before_its_first_evaluation_says_so(printed: tuple[Path, str], tmp_path: Path) -> None:
    folder = copytree(printed[0], tmp_path / "x")
    heads = (folder / "bound.csv").read_text().splitlines()[0]
    (folder / "bound.csv").write_text(heads + "\n")
    with pytest.raises(ValueError, match="no evaluation in the run"):
        read(open_run(folder))


@pytest.mark.parametrize(
    ("scenario", "change", "says"),
    [
        ("fedavg", "seed=1", "algorithm.kind: got fedavg, a bound is known here for fedsl and splitfed_v1"),
        ("fedsl", "algorithm.optimizer={kind: adam}", "algorithm.optimizer: the bound is of sgd"),
    ],
)
def test_what_has_no_bound_is_one_message_and_exit_status_2(
    scenario: str, change: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = str(ROOT / "scenarios" / f"{scenario}.yaml"), tmp_path / "x"
    assert main(["bound", path, "--set", change, "--out", str(out)]) == 2
    assert capsys.readouterr().err.startswith(says)
    assert not out.exists()
