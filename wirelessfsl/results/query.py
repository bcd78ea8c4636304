"""Run folders as a data base: SQL over every run's summary, scenario, evaluations and facts, answered by DuckDB.

Nothing is kept between queries and nothing is written: the views are made anew from the folders, those alone that the
query names. Only SELECT is let through, and nothing is loaded from a network. One thread computes, so that equal
folders give equal answers, to the last digit and in the order of rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from wirelessfsl.results.folders import run_folders
from wirelessfsl.results.groups import leaves
from wirelessfsl.results.store import Run, open_run
from wirelessfsl.results.views import RUN, VIEWS

Notice = Callable[[str], None]

_ARROW = {
    "VARCHAR": pa.string(),
    "JSON": pa.string(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "MAP(DOUBLE, DOUBLE)": pa.map_(pa.float64(), pa.float64()),
}


def query(sql: str, folders: Iterable[str | Path] = ("runs",), notice: Notice = lambda _: None) -> pa.Table:
    """Answer of an SQL query (DuckDB's dialect) over the runs in some folders.

    sql: one SELECT over the views of :data:`wirelessfsl.results.views.VIEWS`.
    folders: run folders, or folders with run folders anywhere below.
    notice: told in a line what is left out: a run that is damaged where the query looks.

    Returns an Arrow table. Raises ValueError if the query is wrong, with the place, or a folder holds no run.

    >>> query("select algorithm, avg(time_to_accuracy) from runs group by algorithm")   # doctest: +SKIP
    """
    runs = [*_opened(run_folders(folders), notice)]
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": "1",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "python_enable_replacements": "false",
    }
    words = {*re.findall(r"\w+", sql.lower())}
    with duckdb.connect(":memory:", config=settings) as connection:
        try:
            kinds = [statement.type.name for statement in connection.extract_statements(sql)]
            if kinds != ["SELECT"]:
                got = " and ".join(kinds) or "nothing"
                cure = "name the values, PIVOT .. ON .. IN (..)" if kinds == ["MULTI"] else "--out writes its answer"
                raise ValueError(f"query: got {got}, give one SELECT; {cure}")
            for view, make in _MAKERS.items():
                if view in words or (view == "metrics" and "targets" in words):
                    make(connection, runs, notice)
            try:
                answer = connection.sql(sql)
            except duckdb.BinderException:
                connection.execute(sql)  # fails as well, and tells the place
                raise
            return answer.to_arrow_table()
        except duckdb.Error as error:
            hint = f"\nviews: {', '.join(VIEWS)}" if isinstance(error, duckdb.CatalogException) else ""
            raise ValueError(f"query: {error}{hint}") from error


def plain(table: pa.Table) -> list[tuple[Any, ...]]:
    """The rows of an answer as plain values: mappings as dicts, decimals (sums of whole numbers) as numbers."""
    columns = []
    for column in table.columns:
        values = column.to_pylist()
        if pa.types.is_map(column.type):
            values = [value if value is None else dict(value) for value in values]
        elif pa.types.is_decimal(column.type):
            number: Callable[[Decimal], float] = float if column.type.scale else int
            values = [value if value is None else number(value) for value in values]
        columns.append(values)
    return [*zip(*columns, strict=True)]


def _opened(folders: Sequence[Path], notice: Notice) -> Iterator[Run]:
    for folder in folders:
        try:
            yield open_run(folder)
        except ValueError as error:
            notice(f"left out: {error}")


def _identity(run: Run) -> dict[str, Any]:
    kind = run.scenario.get("algorithm", {}).get("kind")
    return {"run": str(run.path), "name": run.name, "algorithm": kind, "seed": run.scenario.get("seed")}


def _targets_of(run: Run) -> Sequence[float]:
    return [*dict.fromkeys(run.scenario.get("evaluation", {}).get("target_accuracy", ()))]


def _make_runs(connection: duckdb.DuckDBPyConnection, runs: Sequence[Run], notice: Notice) -> None:
    rows = []
    for run in runs:
        try:
            rows.append(_row(run))
        except ValueError as error:
            notice(f"left out of runs: {error}")
        except KeyError as error:
            notice(f"left out of runs: {run.path / 'summary.json'}: lacks {error}")
    _keep(connection, "runs", rows, VIEWS["runs"])


def _row(run: Run) -> dict[str, Any]:
    known = run.summary
    final, energy_j, sent = known["final"], known["energy_j"], known["bytes"]
    times, energies = (
        [(float(target), cost) for target, cost in known[which].items()]
        for which in ("time_to_accuracy_s", "energy_to_accuracy_j")
    )
    settings = json.dumps(run.scenario, sort_keys=True)
    return {
        **_identity(run),
        "status": run.manifest.get("status"),
        "digest": sha256(settings.encode()).hexdigest()[:8],
        "timing_only": run.timing_only,
        "personal": run.personal,
        "rounds": known["rounds"],
        "simulated_s": known["simulated_s"],
        "accuracy": final["accuracy"],
        "loss": final["loss"],
        "best_accuracy": known["best"]["accuracy"],
        "worst_client_accuracy": known["fairness"]["worst"],
        "energy_j": energy_j["total"],
        "devices_energy_j": energy_j["devices"],
        "server_energy_j": energy_j["server"],
        "uplink_bytes": sent["uplink"],
        "downlink_bytes": sent["downlink"],
        "time_to_accuracy": times[0][1] if times else None,
        "energy_to_accuracy": energies[0][1] if energies else None,
        "times_to_accuracy": times,
        "energies_to_accuracy": energies,
        "scenario": settings,
    }


def _make_metrics(connection: duckdb.DuckDBPyConnection, runs: Sequence[Run], notice: Notice) -> None:
    def files(run: Run) -> list[Path]:
        path = run.path / "metrics.parquet"
        return [path] if run.finished or path.exists() else []

    _make_of_files(connection, "metrics", runs, files, notice)


def _make_events(connection: duckdb.DuckDBPyConnection, runs: Sequence[Run], notice: Notice) -> None:
    _make_of_files(connection, "events", runs, lambda run: run.parts, notice)


def _make_targets(connection: duckdb.DuckDBPyConnection, runs: Sequence[Run], _: Notice) -> None:
    rows = [{**_identity(run), "target": target} for run in runs for target in _targets_of(run)]
    _keep(connection, "_targets", rows, {name: VIEWS["targets"][name] for name in (*RUN, "target")})
    # DuckDB takes NaN for greater than any number.
    connection.execute(
        """
        CREATE VIEW targets AS
        SELECT t.*, min(m.round) AS round, min_by(time_s, m.round) AS time_s, min_by(energy_j, m.round) AS energy_j,
               min_by(uplink_bytes + downlink_bytes, m.round) AS bytes
        FROM _targets t LEFT JOIN metrics m
        ON t.run = m.run AND client IS NULL AND split = 'test' AND accuracy >= target AND NOT isnan(accuracy)
        GROUP BY ALL ORDER BY min(t.rowid)
        """
    )


def _make_settings(connection: duckdb.DuckDBPyConnection, runs: Sequence[Run], _: Notice) -> None:
    rows = []
    for run in runs:
        who = _identity(run)
        for path, value in leaves(run.scenario):
            text = value if value is None or isinstance(value, str) else json.dumps(value)
            rows.append({**who, "path": ".".join(path), "value": text})
    _keep(connection, "settings", rows, VIEWS["settings"])


_MAKERS = {
    "runs": _make_runs,
    "metrics": _make_metrics,
    "events": _make_events,
    "targets": _make_targets,
    "settings": _make_settings,
}


def _make_of_files(
    connection: duckdb.DuckDBPyConnection,
    view: str,
    runs: Sequence[Run],
    files: Callable[[Run], list[Path]],
    notice: Notice,
) -> None:
    """A view of the rows of Parquet files, read when the query asks for them, and of whose they are."""
    own = [name for name in VIEWS[view] if name not in RUN]
    rows = []
    for run in runs:
        try:
            found = files(run)
            for path in found:
                _check(path, own)
        except ValueError as error:
            notice(f"left out of {view}: {error}")
        else:
            rows += [{**_identity(run), "filename": str(path)} for path in found]
    if not rows:
        _keep(connection, view, [], VIEWS[view])
        return
    _keep(connection, f"_{view}", rows, {**{name: VIEWS[view][name] for name in RUN}, "filename": ("VARCHAR", "")})
    # The name of a folder may look like a pattern of names, or like a column and its value.
    names = [re.sub(r"([*?\[])", r"[\1]", row["filename"]) for row in rows]
    connection.from_parquet(names, filename=True, hive_partitioning=False).create_view(f"_{view}_files")
    columns = ", ".join(f'"{name}"' for name in VIEWS[view])
    connection.execute(f"CREATE VIEW {view} AS SELECT {columns} FROM _{view}_files JOIN _{view} USING (filename)")


def _check(path: Path, columns: Sequence[str]) -> None:
    """Raise ValueError for a Parquet file that is cut off or lacks a column."""
    try:
        missing = {*columns}.difference(pq.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path}: missing or damaged ({str(error).splitlines()[0]})") from error
    if missing:
        raise ValueError(f"{path}: lacks {', '.join(sorted(missing))}")


def _keep(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    rows: list[dict[str, Any]],
    columns: dict[str, tuple[str, str]],
) -> None:
    """Rows as a table of the connection."""
    schema = pa.schema([(name, _ARROW[kind]) for name, (kind, _) in columns.items()])
    connection.register("_rows", pa.Table.from_pylist(rows, schema))
    cast = ", ".join(f'"{name}"::{kind} AS "{name}"' for name, (kind, _) in columns.items())
    connection.execute(f"CREATE TABLE {table} AS SELECT {cast} FROM _rows")
    connection.unregister("_rows")
