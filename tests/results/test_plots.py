"""Figures: axes with units, complete legends, and the very numbers of the folds."""

from __future__ import annotations

from errno import ENOSPC
from pathlib import Path

import numpy as np
import pytest
from matplotlib import rcParams
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tests.results import scripted
from wirelessfsl.files import NoSpace
from wirelessfsl.records import MESSAGE_KINDS, SERVER, Event
from wirelessfsl.results import metrics
from wirelessfsl.results.looks import COLUMN_IN, looks, words
from wirelessfsl.results.moments import moment
from wirelessfsl.results.plots.convergence import convergence
from wirelessfsl.results.plots.kinds import KINDS
from wirelessfsl.results.plots.sheets import save, sheet
from wirelessfsl.results.plots.stacked import energy, latency
from wirelessfsl.results.plots.timeline import timeline
from wirelessfsl.results.store import Run, RunWriter, open_run, write_json


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    folder = tmp_path_factory.mktemp("runs")
    return [
        scripted.write_run(folder / "1", "split", seed=1),
        scripted.write_run(folder / "2", "split", seed=2, slower=3.0),
        scripted.write_run(
            folder / "3", "a scheme of a name too long for one line of an axis", slower=100.0, data={"x": 1}
        ),
    ]


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def bars(figure: Figure, panel: int = 0) -> dict[str, list[float]]:
    """Widths of the bars by phase, in axis units."""
    return {
        str(box.get_label()): [p.get_width() for p in box.patches if isinstance(p, Rectangle)]
        for box in figure.axes[panel].containers
    }


def test_latency_bars_are_the_phases_of_a_client_round(runs: list[Run]) -> None:
    figure = latency(runs[:1])
    found = {phase: widths[0] for phase, widths in bars(figure).items()}
    assert found == pytest.approx(metrics.latency_by_phase(runs[0].facts))
    assert figure.axes[0].get_xlabel() == "mean time of a client's round (s)"
    assert legend(figure) == [words(phase) for phase in found]
    assert legend(figure)[-2:] == ["wait: server step", "wait: others"]


def test_latency_of_several_runs_is_one_bar_a_scenario_averaged_over_seeds(runs: list[Run]) -> None:
    figure = latency(runs)
    assert figure.axes[0].get_xlabel() == "mean time of a client's round (min)"
    split, other = bars(figure)["client_forward"]
    assert split == pytest.approx((2.0 + 6.0) / 2 / 60)
    assert other == pytest.approx(200.0 / 60)
    first, second = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert first == "split, 2\N{NO-BREAK SPACE}seeds"
    assert "\n" in second


def test_energy_has_a_panel_for_devices_and_one_for_the_server_idle_included(runs: list[Run]) -> None:
    figure = energy(runs[2:])
    assert [axis.get_xlabel() for axis in figure.axes] == ["energy of all devices (kJ)", "energy of the server (kJ)"]
    spent = metrics.energy_by_phase(runs[2].facts)
    for panel, side in enumerate(("devices", "server")):
        drawn = {phase: 1e3 * widths[0] for phase, widths in bars(figure, panel).items() if widths[0]}
        assert drawn == pytest.approx(spent[side])
    assert legend(figure)[-1] == "idle"


def test_convergence_shows_accuracy_against_rounds_seconds_joules_and_bytes(runs: list[Run]) -> None:
    figure = convergence(runs[:1])
    assert [axis.get_xlabel() for axis in figure.axes] == [
        *("communication round", "simulated time (s)", "total energy (J)", "total traffic (kB)")
    ]
    assert figure.axes[0].get_ylabel() == "test accuracy (%)"
    x = [axis.lines[0].get_xdata() for axis in figure.axes]
    np.testing.assert_allclose(x[0], [1, 2, 3, 4])
    np.testing.assert_allclose(x[1], [10, 20, 30, 40])
    np.testing.assert_allclose(x[2], scripted.ROUND_J * np.arange(1, 5))
    np.testing.assert_allclose(x[3], 42.3 * np.arange(1, 5))
    for axis in figure.axes:
        np.testing.assert_allclose(axis.lines[0].get_ydata(), 100 * np.array(scripted.ACCURACY))


def test_seeds_are_lines_of_one_colour_with_one_legend_entry(runs: list[Run]) -> None:
    figure = convergence(runs)
    colours = [line.get_color() for line in figure.axes[0].lines]
    assert colours[0] == colours[1] != colours[2]
    assert [text.replace("\n", " ") for text in legend(figure)] == ["split, 2\N{NO-BREAK SPACE}seeds", runs[2].name]


def test_the_timeline_draws_what_each_node_computes_and_transmits(runs: list[Run]) -> None:
    figure = timeline(runs[:1], round=2)
    (axis,) = figure.axes
    assert axis.get_xlabel() == "time since the start of the round (s)"
    assert axis.get_title(loc="left") == "split: round 2"
    assert [text.get_text() for text in axis.get_yticklabels()] == ["server", "client-0", "client-1", "client-2"]
    assert {"server step", "aggregation", "activations", "gradients", "waiting"} <= set(legend(figure))
    shown = moment(runs[0].facts, 2)
    rows, slots = shown.bars("client-1")
    early = ["model_download", "client_forward", "activations", "labels"]
    phases = [shown.facts.phase.names[code] for code in shown.facts.phase.codes[rows]]
    assert phases == [*early, "server_step", "gradients", "client_backward", "model_upload"]
    assert (shown.facts.start_s[rows] - shown.start_s).tolist() == [0, 1, 3, 3.5, 6, 7, 7.25, 7.5]
    assert not slots.any()


def test_a_client_lane_tiles_the_round_and_the_server_lane_has_no_waits(tmp_path: Path) -> None:
    log = RunWriter(tmp_path)
    rows = [
        (0.0, 1.0, "client-0", "", "compute", "client_forward"),
        (1.0, 2.0, "client-0", "server", "transfer", "activations"),
        (2.0, 3.0, "server", "client-0", "wait", "server_step"),
        (3.0, 4.0, "server", "client-0", "compute", "server_step"),
        (4.0, 6.0, "server", "client-0", "wait", "gradients"),
        (6.0, 7.0, "server", "client-0", "transfer", "gradients"),
        (7.0, 9.0, "client-0", "", "wait", "idle"),
        (7.0, 9.0, "server", "", "compute", "aggregation"),
    ]
    for *times_and_names, phase in rows:
        log.event(Event(*times_and_names, phase, 1, 0, 0, 0.0, 0.0, 1, True))  # type: ignore[arg-type]
    log.close()
    write_json(tmp_path / "manifest.json", {"status": "failed", "scenario": scripted.scenario("queue", 1)})
    run = open_run(tmp_path)
    shown = moment(run.facts)
    own = np.concatenate([shown.bars("client-0")[0], shown.waits("client-0")])
    spans = sorted(zip(shown.facts.start_s[own], shown.facts.end_s[own], strict=True))
    assert [start for start, _ in spans] == [0.0, *(end for _, end in spans[:-1])]
    assert spans[-1][1] == shown.length_s == 9.0
    assert not shown.waits("server").size
    assert shown.facts.start_s[shown.bars("server")[0]].tolist() == [3.0, 7.0]
    (axis,) = timeline([run]).axes
    spans = [path.vertices[:, 0].tolist() for lines in axis.collections for path in lines.get_paths() if len(path) == 2]
    waits = [span for span in spans if span[0] != span[1]]  # a line across is a wait, one upright a hairline
    assert waits == [[2.0, 3.0], [4.0, 6.0], [7.0, 9.0]]


@pytest.mark.parametrize("sent", [True, False])
def test_a_round_in_which_nobody_finishes_shows_who_leaves(tmp_path: Path, sent: bool) -> None:
    log = RunWriter(tmp_path)
    for node in ("client-0", "client-1"):
        if sent:
            log.event(Event(0.0, 1e-4, "server", node, "transfer", "model_download", 1, 0, 9, 0.0, 0.0, 1, False))
        log.event(Event(1e-4, 1e-4, node, "", "drop", "lost", 1, 0, 0, 0.0, 0.0, 0, True))
    log.close()
    write_json(tmp_path / "manifest.json", {"status": "completed", "scenario": scripted.scenario("lost", 1)})
    figure = timeline([open_run(tmp_path)])
    lanes = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert lanes[-2:] == ["client-0", "client-1"]
    assert [line.get_xdata().size for line in figure.axes[0].lines[-2:]] == [1, 1]  # type: ignore[union-attr]
    assert legend(figure) == [*(["model download"] if sent else []), "leaves the round"]
    save(figure, tmp_path / "timeline", ["png"])


def test_a_server_of_several_slots_shows_them_beside_each_other(tmp_path: Path) -> None:
    log = RunWriter(tmp_path)
    for i, (start, end) in enumerate(((0.0, 2.0), (1.0, 3.0), (2.0, 4.0))):
        log.event(Event(start, end, "server", f"client-{i}", "compute", "server_step", 1, 0, 0, 0.0, 0.0, 1, True))
        log.event(Event(0.0, start, f"client-{i}", "", "compute", "client_forward", 1, 0, 0, 0.0, 0.0, 1, True))
    log.event(Event(2.5, 2.5, "client-1", "", "drop", "battery", 1, 0, 0, 0.0, 0.0, 1, True))
    log.close()
    write_json(tmp_path / "manifest.json", {"status": "failed", "scenario": scripted.scenario("slots", 1)})
    run = open_run(tmp_path)
    assert moment(run.facts).bars("server")[1].tolist() == [0, 1, 0]
    assert legend(timeline([run])) == ["client forward", "server step", "leaves the round"]


def test_of_many_clients_a_timeline_shows_an_even_choice_in_natural_order(tmp_path: Path) -> None:
    log = RunWriter(tmp_path)
    for i in range(100):
        log.event(Event(0.0, 1.0 + i, f"client-{i}", "", "compute", "client_forward", 1, 0, 0, 0.0, 0.0, 1, True))
    log.close()
    write_json(tmp_path / "manifest.json", {"status": "failed", "scenario": scripted.scenario("many", 1)})
    (axis,) = timeline([open_run(tmp_path)]).axes
    names = [text.get_text() for text in axis.get_yticklabels()]
    assert len(names) == 20
    assert (names[0], names[1], names[-1]) == ("client-0", "client-5", "client-99")
    assert axis.get_title(loc="left") == "many: round 1, 20 of 100 clients"


def test_phases_too_small_to_be_seen_are_one_in_bars_and_none_in_the_legend_of_a_timeline(tmp_path: Path) -> None:
    log = RunWriter(tmp_path)
    ends = {"client_forward": 0.001, "encode": 0.002, "activations": 0.9, "client_backward": 1.0}
    start = 0.0
    for phase, end in ends.items():
        activity = "transfer" if phase == "activations" else "compute"
        peer = "server" if phase == "activations" else ""
        log.event(Event(start, end, "client-0", peer, activity, phase, 1, 0, 0, 0.0, end - start, 1, True))
        start = end
    log.event(Event(0.0, 1.0, "server", "", "idle", "idle", 1, -1, 0, 0.0, 5.0, 0, True))
    log.close()
    write_json(tmp_path / "manifest.json", {"status": "failed", "scenario": scripted.scenario("small", 1)})
    run = open_run(tmp_path)
    time, joules = latency([run]), energy([run])
    assert legend(time) == ["client backward", "activations", "other"]
    assert bars(time)["other"] == [pytest.approx(0.002)]
    assert sum(width for widths in bars(time).values() for width in widths) == pytest.approx(1.0)
    assert legend(joules) == ["client backward", "activations", "idle", "other"]
    assert legend(timeline([run])) == ["client backward", "activations"]


def test_a_phase_looks_the_same_whatever_else_is_in_the_figure() -> None:
    assert looks({"gradients"})["gradients"] == looks({"gradients", "labels", "zip"})["gradients"]


def test_phases_of_one_figure_all_look_different() -> None:
    computed = ["client_forward", "client_backward", "client_step", "encode", "decode", "server_step", "aggregation"]
    phases = [*computed, *MESSAGE_KINDS, "idle", *(f"new-{i}" for i in range(10))]
    found = looks([*phases, *(metrics.WAITING + phase for phase in phases[:3])])
    assert len(set(found.values())) == len(phases) + 3


@pytest.mark.parametrize("kind", KINDS)
def test_figures_are_saved_as_equal_files_and_leave_no_global_state(runs: list[Run], tmp_path: Path, kind: str) -> None:
    before = dict(rcParams)
    formats = ("pdf", "png", "svg") if kind == "latency" else ("svg",)
    for name in ("a", "b"):
        files = save(KINDS[kind](runs, COLUMN_IN), tmp_path / name / f"{kind}.v1", formats)
        assert [file.name for file in files] == [f"{kind}.v1.{suffix}" for suffix in formats]
    for file in files:
        assert file.read_bytes() == (tmp_path / "a" / file.name).read_bytes()
    assert b"/Type3" not in files[0].read_bytes()  # in the PDF
    assert dict(rcParams) == before


def test_a_figure_that_no_page_has_room_for_is_refused() -> None:
    entries = [Rectangle((0, 0), 1, 1, label=f"scenario {i} of a hundred" + 9 * "\n...") for i in range(30)]
    with pytest.raises(
        ValueError, match=r"would be 52 in high; give fewer runs, or draw tradeoff or pareto of so many"
    ):
        sheet(entries, 1.0, COLUMN_IN)
    assert sheet(entries[:10], 1.0, COLUMN_IN)[0].get_figheight() == pytest.approx(18.1)


def test_a_full_disk_has_no_half_of_a_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(half: Path, path: Path) -> None:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(NoSpace, match=r"a\.png: no space left"):
        save(Figure(), tmp_path / "a", ("png",))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_with_nothing_to_show_is_refused(tmp_path: Path, kind: str) -> None:
    empty = scripted.write_run(tmp_path, rounds=0, status="interrupted")
    with pytest.raises(ValueError, match=r"no events in the run"):
        KINDS[kind]([empty], COLUMN_IN)
    with pytest.raises(ValueError, match="no run given"):
        KINDS[kind]([], COLUMN_IN)


def test_a_run_without_evaluation_has_no_convergence(tmp_path: Path) -> None:
    log = RunWriter(tmp_path)
    for event in scripted.events(1):
        log.event(event)
    log.close()
    write_json(tmp_path / "manifest.json", {"status": "interrupted", "scenario": scripted.scenario("early", 1)})
    with pytest.raises(ValueError, match=r"no evaluation in the run; let it go on to its first"):
        convergence([open_run(tmp_path)])


def test_a_round_that_is_not_there_is_refused_with_those_that_are(runs: list[Run]) -> None:
    with pytest.raises(ValueError, match=r"no events in round 9; the run has rounds 1 to 4"):
        timeline(runs[:1], round=9)


def test_a_server_too_fast_for_its_bars_has_hairlines_and_their_phase_in_the_legend(tmp_path: Path) -> None:
    log = RunWriter(tmp_path)
    log.event(Event(0.0, 1.0, "client-0", SERVER, "transfer", "activations", 1, 0, 9, 0.0, 0.0, 1, True))
    log.event(Event(1.0, 1.0 + 1e-7, SERVER, "client-0", "compute", "decode", 1, 0, 0, 0.0, 0.0, 0, True))
    log.event(Event(1.0 + 1e-7, 1.0 + 1e-5, SERVER, "client-0", "compute", "server_step", 1, 0, 0, 0.0, 0.0, 0, True))
    log.event(Event(1.0 + 1e-5, 2.0, SERVER, "client-0", "transfer", "gradients", 1, 0, 9, 0.0, 0.0, 1, True))
    log.close()
    write_json(tmp_path / "manifest.json", {"status": "failed", "scenario": scripted.scenario("fast", 1)})
    figure = timeline([open_run(tmp_path)])
    assert legend(figure) == ["activations", "server step", "gradients"]
    hairs = [lines for lines in figure.axes[0].collections if isinstance(lines, LineCollection)]
    colour = to_rgba(looks({"server_step"})["server_step"].face)
    at = [lines.get_segments()[0][0][0] for lines in hairs if tuple(lines.get_color()[0]) == colour]
    assert at == pytest.approx([1.0])
