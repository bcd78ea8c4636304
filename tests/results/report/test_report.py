"""The page without a browser: well formed, self-contained, and the very numbers of the run folders."""

from __future__ import annotations

import base64
import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plotly.graph_objects import Figure
from scipy.stats import t

from tests.results import scripted
from wirelessfsl.cli import main
from wirelessfsl.records import Event
from wirelessfsl.results.metrics import energy_by_phase, latency_by_phase
from wirelessfsl.results.report import Reference, report
from wirelessfsl.results.store import Run, RunWriter, open_run, write_json
from wirelessfsl.results.tables import compare
from wirelessfsl.results.tabulated import cells, statements

VOID = {"meta", "br", "input"}


class Tree(HTMLParser):
    """Checks that every element is closed where it was opened, and collects what is needed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.values: list[list[str | None]] = []
        self.charts: list[dict[str, Any]] = []
        self.loads: list[str] = []
        self.ids: set[str | None] = set()
        self.goals: list[str] = []
        self.labels: list[str | None] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        self.loads += [value or "" for name, value in attrs if name in ("src", "srcset", "data", "action", "poster")]
        self.ids.add(has.get("id"))
        if tag == "a":
            self.goals.append(has.get("href") or "")
        if tag == "link":
            self.loads.append(tag)
        if has.get("class") == "chart":
            self.labels.append(has.get("aria-label"))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
            self.values.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")
            self.values[-1].append(None)
        if tag == "data":
            self.values[-1][-1] = has["value"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and {"th", "td"} & set(self.open):
            self.rows[-1][-1] += data
        if self.open[-2:] == ["figure", "script"]:
            self.charts.append(json.loads(data))


def numbers(packed: dict[str, str]) -> Any:
    """A typed array of Plotly's."""
    array = np.frombuffer(base64.b64decode(packed["bdata"]), dtype=packed["dtype"])
    return array.reshape([int(n) for n in packed["shape"].split(",")]) if "shape" in packed else array


@pytest.fixture(scope="module")
def page(runs: list[Run]) -> str:
    references = [Reference("A. Author. <Title>. 2020.", "https://doi.org/1", "@misc{a}")]
    return report(runs, references=references, title="A & B")


@pytest.fixture(scope="module")
def tree(page: str) -> Tree:
    return Tree(page)


def chart(tree: Tree, x: str) -> dict[str, Any]:
    """The figure whose horizontal axis is called so."""
    return next(each for each in tree.charts if each["layout"]["xaxis"]["title"]["text"].startswith(x))


def test_the_page_is_well_formed_and_loads_nothing(tree: Tree, page: str) -> None:
    assert tree.open == []
    assert tree.loads == []
    style = re.findall("<style>(.*?)</style>", page, re.DOTALL)[0]
    assert not re.search(r"url\(|@import", style)
    assert [goal for goal in tree.goals if not goal.startswith("#")] == ["https://doi.org/1"]
    assert {goal[1:] for goal in tree.goals if goal.startswith("#")} <= tree.ids
    assert "<title>A &amp; B</title>" in page
    assert "A. Author. &lt;Title&gt;. 2020." in page


def test_every_figure_is_one_that_plotly_knows_and_is_told_in_words(tree: Tree) -> None:
    for each in tree.charts:
        Figure(data=each["traces"], layout=each["layout"])
    assert len(tree.labels) == len(tree.charts)
    assert all(tree.labels)


def test_the_table_of_runs_has_the_very_numbers_of_the_summaries(tree: Tree, runs: list[Run]) -> None:
    start = next(i for i, row in enumerate(tree.rows) if row[0] == "run folder")
    for run, row, values in zip(runs, tree.rows[start + 1 :], tree.values[start + 1 :], strict=False):
        has = run.summary
        assert row[0] == run.path.name
        assert row[2:5] == [str(has["seed"]), "completed", "4"]
        assert [float(value or "nan") for value in values[5:]] == [
            has["simulated_s"],
            *(has["final"]["accuracy"], has["best"]["accuracy"], has["fairness"]["worst"]),
            *(has["energy_j"]["devices"], has["energy_j"]["server"]),
            *(has["bytes"]["uplink"], has["bytes"]["downlink"]),
        ]
    assert tree.rows[start + 1][5] == "40.00 s"


def test_the_comparison_is_that_of_the_command_with_its_statements(tree: Tree, page: str, runs: list[Run]) -> None:
    rows = compare(runs, [0.8, 0.95])
    heads, *lines = cells(rows)
    start = tree.rows.index(heads)
    assert tree.rows[start + 1 : start + 1 + len(lines)] == [
        [cell.replace(" [", "[") for cell in line] for line in lines
    ]
    assert "split" in lines[0][0]
    assert all(html.escape(line, quote=False) in page for line in statements(rows))
    assert "fedavg (bandwidth_hz=1e+06): 0.95 not reached by its run: seed 1 (best 0.9000)" in page


def test_accuracies_of_own_models_are_called_so(tmp_path: Path, page: str) -> None:
    own = scripted.write_run(tmp_path, "alone", algorithm={"kind": "local_only"})
    (tmp_path / "models").mkdir()
    assert "Accuracy on held-out data; mean over own models of the clients: alone." in report([own])
    assert "own models" not in page


def test_the_tables_of_phases_have_the_very_numbers_of_the_folds(tree: Tree, runs: list[Run]) -> None:
    start = next(i for i, row in enumerate(tree.rows) if row[0] == "phase")
    (found,) = [
        values for row, values in zip(tree.rows[start:], tree.values[start:], strict=True) if row[0] == "activations"
    ][:1]
    assert float(found[1] or "nan") == latency_by_phase(runs[0].facts)["activations"]
    assert float(found[2] or "nan") == energy_by_phase(runs[0].facts)["devices"]["activations"]
    assert found[3] is None
    assert float(found[4] or "nan") == runs[0].summary["bytes"]["by_phase"]["activations"]


def test_three_seeds_are_their_mean_in_a_band_that_is_students_interval(tree: Tree) -> None:
    band, line, *others = chart(tree, "communication round")["traces"]
    accuracy = np.array([np.array(scripted.ACCURACY) + 0.01 * seed for seed in (1, 2, 3)])
    assert numbers(line["x"]).tolist() == [1, 2, 3, 4]
    assert numbers(line["y"]) == pytest.approx(100 * accuracy.mean(0))
    half = 100 * t.ppf(0.975, 2) * 0.01 / np.sqrt(3)
    assert numbers(band["y"])[:4] - numbers(line["y"]) == pytest.approx(half, rel=1e-5)
    assert [trace["legendgroup"] for trace in (band, line, *others)] == ["0", "0", "1", "2"]


def test_axes_have_units(tree: Tree) -> None:
    axes = [each["layout"]["xaxis"]["title"]["text"] for each in tree.charts]
    assert axes[:9] == [
        "communication round",
        "simulated time (s)",
        "energy of the whole network (J)",
        "traffic, up and down (kB)",
        "share of clients (%)",
        "mean time of a client's round (s)",
        "energy of all devices (J)",
        "energy of the server (J)",
        "traffic, up and down (kB)",
    ]


def test_scenarios_that_differ_in_one_number_are_a_line_against_it(tree: Tree) -> None:
    time = [each for each in tree.charts if each["layout"]["xaxis"]["title"]["text"] == "network.bandwidth_hz"][1]
    (line,) = time["traces"]
    assert line["name"] == "fedavg"
    assert numbers(line["x"]).tolist() == [1e6, 5e6]
    assert time["layout"]["yaxis"]["title"]["text"] == "time to accuracy 0.8 (s)"
    assert numbers(line["y"]).tolist() == [3 * 20.0, 2 * 20.0]  # in the second round of 10 s


def test_a_line_has_no_mean_over_the_lucky_seeds_and_tells_own_models(tmp_path: Path) -> None:
    runs = [
        scripted.write_run(
            tmp_path / f"{hz:g}-{seed}", "own", seed, lift=-0.12 if (hz, seed) == (5e6, 2) else 0.0,
            algorithm={"kind": "mtsl"}, network={"bandwidth_hz": hz}, status="interrupted",
        )
        for hz in (1e6, 5e6) for seed in (1, 2)
    ]  # fmt: skip
    charts = Tree(report(runs)).charts
    final, time, _ = [each for each in charts if each["layout"]["xaxis"]["title"]["text"] == "network.bandwidth_hz"]
    assert time["layout"]["yaxis"]["title"]["text"] == "time to accuracy 0.8 (s)"
    np.testing.assert_equal(numbers(time["traces"][0]["y"]), [20.0, np.nan])
    assert numbers(final["traces"][0]["y"]) == pytest.approx([90.0, 84.0])
    assert {each["traces"][0]["name"] for each in (final, time)} == {"mtsl, own models"}


def test_settings_that_differ_are_told_apart_from_those_that_all_have(tree: Tree) -> None:
    start = tree.rows.index(["", "algorithm.kind", "network.bandwidth_hz"])
    assert tree.rows[start + 1 : start + 4] == [
        ["split", "splitfed_v1", "–"],
        ["fedavg (bandwidth_hz=1e+06)", "fedavg", "1000000.0"],
        ["fedavg (bandwidth_hz=5e+06)", "fedavg", "5000000.0"],
    ]
    assert [row[1] for row in tree.rows if row[0] == "evaluation.every_rounds"] == ["1"]


def test_few_scenarios_of_many_differences_stand_side_by_side(runs: list[Run]) -> None:
    found = Tree(report([runs[0], runs[3]]))
    start = found.rows.index(["", "split", "fedavg"])
    assert found.rows[start + 1 : start + 3] == [
        ["algorithm.kind", "splitfed_v1", "fedavg"],
        ["network.bandwidth_hz", "–", "1000000.0"],
    ]


def test_equal_folders_give_equal_pages(page: str, runs: list[Run]) -> None:
    references = [Reference("A. Author. <Title>. 2020.", "https://doi.org/1", "@misc{a}")]
    assert report([open_run(run.path) for run in runs], references=references, title="A & B") == page


def test_of_many_clients_the_timeline_shows_some_and_says_how_many(tmp_path: Path) -> None:
    pages = []
    for clients in (17, 16):
        log = RunWriter(tmp_path / f"{clients}")
        for i in range(clients):
            log.event(Event(0.0, 1.0, f"client-{i}", "", "compute", "client_step", 1, 0, 0, 0.0, 1.0, 1, True))
        log.close()
        manifest = {"status": "completed", "scenario": scripted.scenario("many", 1)}
        write_json(tmp_path / f"{clients}" / "manifest.json", manifest)
        pages.append(report([open_run(tmp_path / f"{clients}")]))
    assert "16 of 17 clients. " in pages[0]
    assert "of 16 clients" not in pages[1]


def test_a_phase_that_is_small_in_every_scenario_is_shown_with_its_like(tmp_path: Path) -> None:
    log = RunWriter(tmp_path)
    for start, end, phase in ((0.0, 0.001, "encode"), (0.001, 0.002, "decode"), (0.002, 1.0, "client_step")):
        log.event(Event(start, end, "client-0", "", "compute", phase, 1, 0, 0, 0.0, 1.0, 1, True))
    log.close()
    write_json(tmp_path / "manifest.json", {"status": "completed", "scenario": scripted.scenario("small", 1)})
    page = report([open_run(tmp_path)])
    shown = {trace["name"]: trace["x"] for trace in chart(Tree(page), "mean time")["traces"]}
    assert shown == {"client step": [pytest.approx(0.998)], "other": [pytest.approx(0.002)]}
    assert {"encode", "decode"} <= {row[0] for row in Tree(page).rows}


def test_a_lane_of_many_bars_shows_what_goes_on_at_instants_of_it(tmp_path: Path) -> None:
    log = RunWriter(tmp_path)
    for i in range(10_000):
        phase = "client_forward" if i < 6000 else "client_backward"
        log.event(Event(i * 0.01, (i + 1) * 0.01, "client-0", "", "compute", phase, 1, i, 0, 0.0, 1.0, 1, True))
    log.close()
    write_json(tmp_path / "manifest.json", {"status": "completed", "scenario": scripted.scenario("long", 1)})
    page = report([open_run(tmp_path)])
    shown = chart(Tree(page), "time since the start")["traces"]
    bars = {trace["name"]: trace for trace in shown if trace["type"] == "bar"}
    assert numbers(bars["client forward"]["base"]).tolist() == [0.0]
    assert numbers(bars["client forward"]["x"]) == pytest.approx([60.0], abs=100 / 400)
    assert numbers(bars["client backward"]["base"]) == pytest.approx([60.0], abs=100 / 400)
    assert "Lanes with more than 400 bars show what goes on at 400 instants." in page


def test_a_long_curve_is_thinned_and_says_so(tmp_path: Path) -> None:
    log = RunWriter(tmp_path)
    for event in scripted.events(1):
        log.event(event)
    for round in range(1, 3001):
        log.metric(scripted.metrics(1)[1]._replace(round=round, time_s=float(round)))
    log.close()
    write_json(tmp_path / "manifest.json", {"status": "completed", "scenario": scripted.scenario("long", 1)})
    page = report([open_run(tmp_path)])
    (line,) = chart(Tree(page), "communication round")["traces"]
    x = numbers(line["x"])
    assert (x.size, x[0], x[-1]) == (500, 1, 3000)
    assert "Lines of more than 500 points are drawn through 500 of them." in page


def test_runs_without_accuracy_or_facts_have_what_there_is_and_a_note(tmp_path: Path) -> None:
    early = scripted.write_run(tmp_path / "early", "early", status="interrupted", rounds=0)
    log = RunWriter(tmp_path / "timed")
    for event in scripted.events(1):
        log.event(event)
    log.close()
    manifest = {"status": "completed", "timing_only": True, "scenario": scripted.scenario("timed", 1)}
    write_json(tmp_path / "timed" / "manifest.json", manifest)
    page = report([early, open_run(tmp_path / "timed")])
    assert "early, seed 1: interrupted; its numbers are those of 0 rounds" in page
    assert "seed 1: timing only; it has no accuracy" in page
    assert "Accuracy against" not in page
    assert len(Tree(page).charts) == 4 + 1  # phases, and a round of the one that has one


@pytest.fixture(scope="module")
def cited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cited") / "x"
    scripted.write_run(folder, data={"name": "digits"}, model={"name": "small_cnn"})
    return folder


def test_the_command_writes_the_page_with_references(
    cited: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r.html"
    assert main(["report", str(cited), "-o", str(out), "--title", "T", "--target-accuracy", "0.5"]) == 0
    assert re.fullmatch(r".*r\.html: \d\.\d MB\n", capsys.readouterr().out)
    page = out.read_text(encoding="utf-8")
    assert "SplitFed: When Federated Learning Meets Split Learning" in page
    assert "@inproceedings{thapa2022splitfed" in page
    assert "time to 0.5 (s)" in page
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]


@pytest.mark.parametrize(
    ("out", "told"),
    [
        (".", "is a folder; give a file with --out, such as report.html\n"),
        ("nowhere/r.html", "nowhere is not a folder; make it or give another file with --out\n"),
    ],
)
def test_a_page_that_cannot_be_written_is_one_message_and_exit_status_2(
    cited: Path,
    out: str,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", str(cited), "-o", out]) == 2
    assert capsys.readouterr().err == f"{out}: {told}"
    assert not list(tmp_path.iterdir())
