"""Trackers show what the run folder holds, and a run does not feel them."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.results.scripted import write_run
from wirelessfsl import load_scenario, simulate
from wirelessfsl.cli import main
from wirelessfsl.records import Metric
from wirelessfsl.results.store import Run, RunWriter, open_run
from wirelessfsl.scenario import Scenario
from wirelessfsl.studies.study import load_study
from wirelessfsl.studies.work import perform
from wirelessfsl.trackers.following import Following, scalars
from wirelessfsl.trackers.mlflow import MLflow
from wirelessfsl.trackers.tensorboard import TensorBoard

SCENARIO = """
name: followed
data: {name: blobs, clients: 2}
model: {name: mlp}
algorithm: {kind: splitfed_v1, rounds: 3, local_steps: 1}
"""

pytestmark = pytest.mark.filterwarnings(
    "ignore:The ``noload``:DeprecationWarning", "ignore:unclosed database:ResourceWarning"
)


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    path = tmp_path_factory.mktemp("scenario") / "s.yaml"
    path.write_text(SCENARIO)
    return load_scenario(path)


@pytest.fixture(scope="module")
def plain(scenario: Scenario, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return simulate(scenario, tmp_path_factory.mktemp("plain") / "x")


def curves(run: Run) -> dict[str, list[tuple[int, float, float]]]:
    """Name to (round, time in s, value), straight from the metrics."""
    found: dict[str, list[tuple[int, float, float]]] = {}
    for row in run.metrics.to_pylist():
        of = f"{row['client']}/" if row["client"] else ""
        point = row["round"], row["time_s"]
        for name in ("loss", "accuracy"):
            if row[name] is not None:
                found.setdefault(f"{of}{row['split']}/{name}", []).append((*point, row[name]))
        if row["split"] == "test":
            for name in ("energy_j", "uplink_bytes", "downlink_bytes", "time_s"):
                found.setdefault(f"{of}{name}", []).append((*point, row[name]))
    return found


def of_all(found: dict[str, Any]) -> dict[str, Any]:
    return {name: points for name, points in found.items() if not name.startswith("client-")}


@dataclass(frozen=True)
class Recorder:
    """Keeps what it is told, and fails when it is told to."""

    told: list[Any]
    fails_at: str = ""

    def check(self) -> None:
        pass

    def begin(self, folder: Path, scenario: Any) -> Recorder:
        if self.fails_at == "begin":
            raise ValueError("recorder: got nothing to write on")
        self.told.append((folder, scenario["name"]))
        return self

    def metrics(self, rows: Sequence[Metric]) -> None:
        self.told.append([*rows])
        if self.fails_at == "metrics":
            raise OSError("no space left on device")

    def end(self, run: Run) -> None:
        self.told.append(run.manifest["status"])
        if self.fails_at == "end":
            raise ConnectionError("server has gone")


def test_a_follower_is_told_the_scenario_each_round_once_and_the_end(
    scenario: Scenario, plain: Run, tmp_path: Path
) -> None:
    told: list[Any] = []
    run = simulate(scenario, tmp_path / "x", trackers=[Recorder(told)])
    begin, *rounds, end = told
    assert (begin, end) == ((tmp_path / "x", "followed"), "completed")
    assert [{row.round for row in rows} for rows in rounds] == [{1}, {2}, {3}]
    assert [row._asdict() for rows in rounds for row in rows] == run.metrics.to_pylist()
    assert run.events.equals(plain.events)
    assert run.metrics.equals(plain.metrics)
    assert {**run.summary, "host": 0} == {**plain.summary, "host": 0}


@pytest.mark.parametrize(
    ("where", "heard", "error"),
    [("metrics", 2, "OSError: no space left on device"), ("end", 5, "ConnectionError: server has gone")],
)
def test_a_tracker_that_fails_is_told_once_and_the_run_is_not_lost(
    scenario: Scenario,
    plain: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    where: str,
    heard: int,
    error: str,
) -> None:
    told: list[Any] = []
    run = simulate(scenario, tmp_path / "x", trackers=[Recorder(told, where)])
    assert len(told) == heard
    assert capsys.readouterr().err == f"Recorder: {error}; the run goes on without it\n"
    assert run.events.equals(plain.events)
    assert run.finished


def test_a_tracker_that_cannot_begin_refuses_the_run_before_there_is_a_folder(
    scenario: Scenario, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"^recorder: got nothing to write on$"):
        simulate(scenario, tmp_path / "x", trackers=[Recorder([], "begin")])
    assert not (tmp_path / "x").exists()


def test_a_follower_is_told_of_a_run_that_ends_early(scenario: Scenario, tmp_path: Path) -> None:
    def stop(_: object) -> None:
        raise KeyboardInterrupt

    told: list[Any] = []
    with pytest.raises(KeyboardInterrupt):
        simulate(scenario, tmp_path / "x", report=stop, trackers=[Recorder(told)])
    assert told[-1] == "interrupted"


def test_what_a_resumed_run_has_kept_is_told_first(tmp_path: Path) -> None:
    told: list[Any] = []
    rows = [Metric(round, 0.5, None, "test", 0.25, 0.75, 2.0, 30, 40) for round in (1, 2, 3)]
    log = Following([Recorder(told)], tmp_path, {"name": "followed"}).log(RunWriter(tmp_path), kept=rows[:2])
    log.metric(rows[2])
    log.flush()
    log.flush()
    assert told[1:] == [rows[:2], rows[2:]]


def test_curves_leave_clients_out_unless_asked_and_keep_what_is_no_number() -> None:
    costs = (2.0, 30, 40)
    rows = [
        Metric(1, 0.5, None, "train", math.nan, None, *costs),
        Metric(1, 0.5, "client-0", "test", 0.25, 0.75, *costs),
    ]
    found = scalars(rows, clients=False)
    assert math.isnan(found.pop((1, "train/loss"))[1])
    of_run = {"energy_j": 2.0, "uplink_bytes": 30, "downlink_bytes": 40, "time_s": 0.5}
    assert found == {(1, name): (0.5, value) for name, value in of_run.items()}
    of_client = {"test/loss": 0.25, "test/accuracy": 0.75, **of_run}
    more = scalars(rows, clients=True).items() - found.items()
    assert {key: point for key, point in more if key[1] != "train/loss"} == {
        (1, f"client-0/{name}"): (0.5, value) for name, value in of_client.items()
    }


@pytest.mark.parametrize("clients", [False, True])
def test_tensorboard_reads_the_metrics_of_the_run_folder(
    scenario: Scenario, plain: Run, tmp_path: Path, clients: bool
) -> None:
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = simulate(scenario, tmp_path / "runs" / "x", trackers=[TensorBoard(tmp_path / "board", clients)])
    found = reading.EventAccumulator(str(tmp_path / "board" / "runs" / "x"))
    found.Reload()
    shown = {
        tag: [(each.step, each.wall_time, each.value) for each in found.Scalars(tag)] for tag in found.Tags()["scalars"]
    }
    exact = curves(run) if clients else of_all(curves(run))
    assert shown == {
        tag: [(step, time_s, float(np.float32(value))) for step, time_s, value in points]
        for tag, points in exact.items()
    }
    text = found.Tensors("scenario")[0].tensor_proto.string_val[0].decode()
    assert text == f"```yaml\n{(run.path / 'scenario.yaml').read_text()}```"
    assert run.events.equals(plain.events)


def test_a_run_made_again_gives_the_same_event_file(scenario: Scenario, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    board = TensorBoard(tmp_path / "board")
    files = []
    for parent in ("a", "b", "b"):
        run = simulate(scenario, tmp_path / parent / "x", trackers=[board])
        (events,) = (tmp_path / "board" / parent / "x").iterdir()
        files.append(events.read_bytes())
        run.path.rename(tmp_path / f"{len(files)}")
    assert files[0] == files[1] == files[2]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/runs.db"


@pytest.mark.parametrize("clients", [False, True])
def test_mlflow_has_the_scenario_the_metrics_and_the_summary_of_the_run_folder(
    store: str, scenario: Scenario, plain: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clients: bool
) -> None:
    from mlflow.tracking import MlflowClient

    monkeypatch.chdir(tmp_path)  # where a local store puts artifacts
    run = simulate(scenario, tmp_path / f"study-{clients}" / "point", trackers=[MLflow(store, clients)])
    client = MlflowClient(store)
    (found,) = client.search_runs([client.get_experiment_by_name(f"study-{clients}").experiment_id])
    assert (found.info.run_name, found.info.status) == ("point", "FINISHED")
    assert found.data.params["algorithm.optimizer.lr"] == str(run.scenario["algorithm"]["optimizer"]["lr"])
    assert found.data.params["evaluation.target_accuracy.1"] == "0.9"
    exact = curves(run) if clients else of_all(curves(run))
    assert {
        name: [(each.step, each.timestamp, each.value) for each in client.get_metric_history(found.info.run_id, name)]
        for name in exact
    } == {
        name: [(step, round(time_s * 1000), value) for step, time_s, value in points] for name, points in exact.items()
    }
    rest = {name: value for name, value in found.data.metrics.items() if name not in exact}
    assert rest["final.accuracy"] == run.summary["final"]["accuracy"]
    assert rest["energy_j.by_phase.idle"] == run.summary["energy_j"]["by_phase"]["idle"]
    assert not [name for name in rest if name.startswith(("client-", "host"))]
    assert {file.path for file in client.list_artifacts(found.info.run_id)} == {"scenario.yaml", "summary.json"}
    assert run.events.equals(plain.events)


def test_mlflow_takes_more_and_longer_values_than_fit_into_one_request(store: str) -> None:
    from mlflow.tracking import MlflowClient

    follower = MLflow(store).begin(Path("big/x"), {"data": {"root": "r" * 501}, "list": [*range(250)]})
    follower.metrics([Metric(round, 0.0, None, "test", 1.0, 0.5, 0.0, 0, 0) for round in range(400)])
    client = MlflowClient(store)
    (found,) = client.search_runs([client.get_experiment_by_name("big").experiment_id])
    assert found.data.params["data.root"] == "r" * 497 + "..."
    assert [found.data.params[f"list.{i}"] for i in range(250)] == [str(i) for i in range(250)]
    assert len(client.get_metric_history(found.info.run_id, "test/accuracy")) == 400


@pytest.mark.parametrize(("status", "told"), [("interrupted", "KILLED"), ("failed", "FAILED")])
def test_mlflow_says_how_an_unfinished_run_ended(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str, told: str
) -> None:
    from mlflow.tracking import MlflowClient

    monkeypatch.chdir(tmp_path)
    run = write_run(tmp_path / status / "x", status=status, rounds=2)
    MLflow(store).begin(run.path, run.scenario).end(run)
    client = MlflowClient(store)
    (found,) = client.search_runs([client.get_experiment_by_name(status).experiment_id])
    assert found.info.status == told
    assert found.data.metrics["rounds"] == 2


def refused(what: Callable[[], object]) -> str:
    with pytest.raises(ValueError) as error:  # noqa: PT011 (its text is what is asked for)
        what()
    return str(error.value)


def test_a_tracker_that_cannot_work_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    pytest.importorskip("tensorboard")
    pytest.importorskip("mlflow")
    board = TensorBoard(tmp_path / "file")
    assert refused(lambda: board.begin(tmp_path / "runs" / "x", {})) == (
        f"--tensorboard {tmp_path}/file/runs/x: cannot be written: Not a directory; give another folder"
    )
    assert refused(board.check) == f"--tensorboard {board.folder}: cannot be written: File exists; give another folder"
    assert refused(MLflow("").check) == "--mlflow: got nothing, must be the URI of a server, or sqlite:///FILE"
    for uri, why in (("nonsense://x", "unsupported URI"), ("http://127.0.0.1:9", "Connection refused")):
        for said in refused(MLflow(uri).check), refused(lambda uri=uri: MLflow(uri).begin(tmp_path / "x", {})):
            assert said.startswith(f"--mlflow {uri}: ")
            assert why in said


@pytest.mark.parametrize(
    ("option", "where", "library"), [("tensorboard", "board", "TensorBoard"), ("mlflow", "sqlite:///x.db", "MLflow")]
)
def test_a_tracker_that_is_not_installed_says_how_to_get_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    option: str,
    where: str,
    library: str,
) -> None:
    for name in ("tensorboard.compat.proto.event_pb2", "mlflow.tracking"):
        monkeypatch.setitem(sys.modules, name, None)
    (tmp_path / "s.yaml").write_text(SCENARIO)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.yaml").write_text("base: s.yaml")
    for command, file in (("run", "s.yaml"), ("sweep", "study.yaml")):
        assert main([command, file, "--out", "x", f"--{option}", where]) == 2
        told = f"--{option}: needs {library}; pip install 'wirelessfsl[{option}]'\n"
        assert capsys.readouterr().err == told
        assert not (tmp_path / "x").exists()


def test_following_clients_in_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.yaml").write_text(SCENARIO)
    assert main(["run", str(tmp_path / "s.yaml"), "--out", str(tmp_path / "x"), "--track-clients"]) == 2
    assert capsys.readouterr().err == "--track-clients: nothing shows runs; give --tensorboard or --mlflow, too\n"
    assert not (tmp_path / "x").exists()


def test_the_run_of_a_point_is_followed(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SCENARIO)
    (tmp_path / "study.yaml").write_text("base: s.yaml")
    (tmp_path / "swept").mkdir()
    (point,) = load_study(tmp_path / "study.yaml", tmp_path / "swept").points
    told: list[Any] = []
    assert perform(point, trackers=[Recorder(told)]).state == "done"
    assert told[0] == (point.path, "followed")
    assert told[-1] == "completed"


@pytest.mark.slow
def test_a_sweep_hands_trackers_to_its_points(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from mlflow.tracking import MlflowClient

    (tmp_path / "s.yaml").write_text(SCENARIO)
    (tmp_path / "study.yaml").write_text("base: s.yaml\naxes: {seeds: 2}")
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", "study.yaml", "--out", "swept", "--tensorboard", "board", "--mlflow", store]) == 0
    client = MlflowClient(store)
    found = client.search_runs([client.get_experiment_by_name("swept").experiment_id])
    points = sorted(path.name for path in (tmp_path / "swept").glob("seed_*"))
    assert len(points) == 2
    assert sorted(run.info.run_name for run in found) == points
    for point in points:
        shown = reading.EventAccumulator(str(tmp_path / "board" / "swept" / point))
        shown.Reload()
        accuracy = open_run(tmp_path / "swept" / point).summary["final"]["accuracy"]
        assert shown.Scalars("test/accuracy")[-1].value == float(np.float32(accuracy))
