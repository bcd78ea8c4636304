"""A run as a run of MLflow: the scenario as parameters, evaluations as metrics, scenario and summary as artifacts.

Everything MLflow needs is said here and nothing is guessed from its environment but how to log in.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wirelessfsl.records import Metric
from wirelessfsl.trackers.following import scalars

if TYPE_CHECKING:
    from wirelessfsl.results.store import Run

_ENDS = {"completed": "FINISHED", "exhausted": "FINISHED", "interrupted": "KILLED"}
_LONGEST_VALUE, _MOST_PARAMS, _MOST_METRICS = 500, 100, 1000
"""What every MLflow server takes: characters of a value, parameters and metrics of a request."""


@dataclass(frozen=True)
class MLflow:
    """Metrics with the round as step and simulated milliseconds as time stamp; at the end the summary's numbers.

    uri: tracking URI: of a server, or sqlite:///file.db.
    clients: whether each client gets metrics of its own.

    The experiment is named as the folder around the run folder, the run as the run folder; a resumed run is a new one
    with all evaluations. Parameters are the resolved scenario by dotted path, values cut after 500 characters.
    """

    uri: str
    clients: bool = False

    def check(self) -> None:
        """Raise ValueError if MLflow is not installed, or refuses or does not answer; a new data base is made."""
        with self._client() as client:
            client.search_experiments(max_results=1)

    def begin(self, folder: Path, scenario: Mapping[str, Any]) -> _Session:
        """Make the run at MLflow. Raises ValueError as ``check``."""
        folder = folder.absolute()
        name = folder.parent.name or "wirelessfsl"
        with self._client() as client:
            from mlflow.exceptions import MlflowException

            try:
                experiment = client.create_experiment(name)
            except MlflowException:
                if (found := client.get_experiment_by_name(name)) is None:
                    raise
                experiment = found.experiment_id
            session = _Session(client, client.create_run(experiment, run_name=folder.name).info.run_id, self.clients)
            session.params(scenario)
        return session

    @contextmanager
    def _client(self) -> Iterator[Any]:
        """MLflow's client; what it raises is the option's fault."""
        try:
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise ValueError("--mlflow: needs MLflow; pip install 'wirelessfsl[mlflow]'") from error
        if not self.uri:
            raise ValueError("--mlflow: got nothing, must be the URI of a server, or sqlite:///FILE")
        # By its own default MLflow asks a server that is away again and again for minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        try:
            yield MlflowClient(self.uri)
        except Exception as error:
            raise ValueError(f"--mlflow {self.uri}: {' '.join(str(error).split())}") from error


class _Session:
    """One run at MLflow."""

    def __init__(self, client: Any, run: str, clients: bool) -> None:
        self.client, self.run, self.clients = client, run, clients

    def params(self, scenario: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        params = [Param(path, _cut(str(value))) for path, value in _flat(scenario)]
        for some in _batches(params, _MOST_PARAMS):
            self.client.log_batch(self.run, params=some)

    def metrics(self, rows: Sequence[Metric]) -> None:
        self._log((key, value, time_s, step) for (step, key), (time_s, value) in scalars(rows, self.clients).items())

    def end(self, run: Run) -> None:
        try:
            summary = {key: value for key, value in run.summary.items() if key not in ("host", "seed")}
            at = summary["simulated_s"], summary["rounds"]
            self._log((key, x, *at) for key, x in _flat(summary) if isinstance(x, int | float))
            for name in ("scenario.yaml", "summary.json"):
                if (run.path / name).is_file():
                    self.client.log_artifact(self.run, run.path / name)
        finally:
            self.client.set_terminated(self.run, _ENDS.get(run.manifest["status"], "FAILED"))

    def _log(self, values: Iterable[tuple[str, float, float, int]]) -> None:
        from mlflow.entities import Metric as Value

        found = [Value(key, float(value), round(time_s * 1000), step) for key, value, time_s, step in values]
        for some in _batches(found, _MOST_METRICS):
            self.client.log_batch(self.run, metrics=some)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every single value of plain data with its dotted path."""
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        yield path, value
    else:
        for key, item in items:
            yield from _flat(item, f"{path}.{key}" if path else str(key))


def _batches(items: Sequence[Any], most: int) -> Iterator[Sequence[Any]]:
    return (items[i : i + most] for i in range(0, len(items), most))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."
