"""The run folder: facts written as they come, read back as tables.

``RunWriter`` is the simulator's log. Rows wait in a list and leave as numbered Parquet parts at quiet instants, or when
they are too many; a part or a file appears complete under its name or not at all, so whatever a killed run leaves can
be read and resumed. Parts are made in a thread while the run goes on, one after the other, so that no more than two of
them are in memory. Equal rows give equal files: nothing of the host or the hour is written here. ``open_run`` is the
way back: pages of Parquet have checksums, so that damage is an error and never another number. The resolved scenario
stands in ``manifest.json`` too, under "scenario", so that reading a run needs no YAML.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple, get_args, get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wirelessfsl.files import write
from wirelessfsl.records import IDLE, Event, Metric
from wirelessfsl.results.columns import Evaluations, Facts, Ints, Names
from wirelessfsl.results.metrics import summarise

_TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def _schema(row: type[Event] | type[Metric]) -> pa.Schema:
    """The columns of a record: its fields, nullable where they may be None."""
    fields = []
    for name, hint in get_type_hints(row).items():
        kinds = get_args(hint) or (hint,)
        fields.append(pa.field(name, _TYPES[kinds[0]], nullable=NoneType in kinds))
    return pa.schema(fields)


EVENTS, METRICS = _schema(Event), _schema(Metric)
"""Columns and types of ``events/part-*.parquet`` and of ``metrics.parquet``."""


PERSONAL = frozenset({"epsl", "fedem", "local_only", "mtsl", "pfsl", "splitfed_v3"})
"""Schemes that end with a model for each client."""


class Held(NamedTuple):
    """What a checkpoint remembers of a log.

    parts: digest of every part that is written. events, metrics: rows that are in none, and all evaluations, as
    Parquet.
    """

    parts: tuple[str, ...]
    events: bytes
    metrics: bytes


class RunWriter:
    """The log of a run as files in its folder (a :class:`wirelessfsl.records.Log`); ``kept`` are its old evaluations.

    folder: the run folder; made where it is missing.
    part_rows: rows that must be pending before ``flush`` writes a part.
    most_rows: so many are written as a part without waiting for ``flush``.
    keep: what a resumed run keeps of an earlier one, as ``held`` returned it; what is later is deleted.

    Raises ValueError if the folder already holds facts and nothing says to keep, or what is to be kept is missing or
    damaged.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = RunWriter(Path(folder))
    ...     log.event(Event(0.0, 1.5, "client-0", "", "compute", "client_forward", 1, 0, 0, 1e6, 0.2, 1, True))
    ...     log.close()
    ...     len(log.held().parts)
    1
    """

    metric: Callable[[Metric], None]

    def __init__(
        self, folder: Path, part_rows: int = 50_000, most_rows: int = 200_000, *, keep: Held | None = None
    ) -> None:
        self.folder, self.part_rows, self.most_rows = folder, part_rows, most_rows
        # Field after field: a row then leaves no object of its own behind.
        self._events: list[Any] = []
        self._new_metrics: list[Any] = []
        self.metric = self._new_metrics.extend
        self._writing: tuple[Future[str], list[Any]] | None = None
        (folder / "events").mkdir(parents=True, exist_ok=True)
        parts = sorted((folder / "events").glob("part-*.parquet"))
        if keep is None and parts:
            raise ValueError(f"{folder}: already holds a run of {len(parts)} part(s); write to another folder")
        self._parts: list[str] = []
        self.kept: list[Metric] = []
        self._metrics = METRICS.empty_table()
        if keep is not None:
            check_parts(folder, keep.parts)
            for late in parts[len(keep.parts) :]:
                late.unlink()
            self._parts += keep.parts
            self._events += chain.from_iterable(zip(*_rows(keep.events, EVENTS), strict=True))
            self._metrics = _table_of(keep.metrics, METRICS)
            self.kept = [Metric(**row) for row in self._metrics.to_pylist()]
            self._write_metrics()

    def event(self, event: Event) -> None:
        """Append a fact. Raises nothing: what goes wrong with a part is told by the methods below."""
        self._events += event
        if len(self._events) >= self.most_rows * len(EVENTS) and not (self._writing and self._writing[0].exception()):
            self._begin_part()

    def flush(self) -> None:
        """A quiet instant: write the evaluations, and a part if enough rows are pending.

        Evaluations are written as a whole. Where they are many they are not before there are a tenth more of them, so
        that it takes a time that grows as their number, and not as its square.

        Raises NoSpace or OSError if that is not possible, or was not for the part before.
        """
        if len(self._events) >= self.part_rows * len(EVENTS):
            self._begin_part()
        elif self._writing and self._writing[0].done():
            self._end_part()
        new, old = len(self._new_metrics) // len(METRICS), self._metrics.num_rows
        if new and (old < self.part_rows or 10 * new >= old):
            self._write_metrics()

    def held(self) -> Held:
        """What a run that is resumed with ``keep`` set to it continues from: everything so far. Raises as flush."""
        self._end_part()
        return Held(tuple(self._parts), _parquet(_table(self._events, EVENTS)), _parquet(self._evaluations()))

    def close(self) -> None:
        """Write down the rest. Raises as flush; may be called again."""
        self._end_part()
        if self._events:
            self._begin_part()
            self._end_part()
        self._write_metrics()

    def _begin_part(self) -> None:
        """Let a thread write what is pending; it ends with that, so that no other is there between two parts."""
        self._end_part()
        thread = ThreadPoolExecutor(1)
        self._writing = thread.submit(_write_part, _part(self.folder, len(self._parts)), self._events), self._events
        self._events = []
        thread.shutdown(wait=False)

    def _end_part(self) -> None:
        """Wait for the part that is being written, if any. If that fails, its rows are pending again."""
        if self._writing is None:
            return
        done, rows = self._writing
        error = done.exception()
        self._writing = None
        if error is not None:
            self._events = rows + self._events
            raise error
        self._parts.append(done.result())

    def _write_metrics(self) -> None:
        metrics = self._evaluations()
        write_table(self.folder / "metrics.parquet", metrics)
        self._metrics = metrics
        self._new_metrics.clear()

    def _evaluations(self) -> pa.Table:
        return pa.concat_tables([self._metrics, _table(self._new_metrics, METRICS)]).combine_chunks()


def check_parts(folder: Path, digests: Sequence[str]) -> None:
    """Raises ValueError, which names it, if one of the first parts of a run is missing or another than it was."""
    for number, digest in enumerate(digests):
        path = _part(folder, number)
        if not path.is_file() or _digest(path.read_bytes()) != digest:
            raise ValueError(f"{path}: missing or damaged")


def write_text(path: Path, text: str) -> None:
    """Write a file that appears complete or not at all."""
    write(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write ``manifest.json`` or ``summary.json``, on the disk at once: standard JSON (no NaN), keys as they come."""
    write(path, (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode(), durable=True)


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table as a Parquet file that appears complete or not at all."""
    write(path, _parquet(table))


@dataclass(frozen=True)
class Run:
    """A run folder, read when asked: finished, interrupted or still going on.

    path: the folder.
    manifest: content of ``manifest.json``.
    """

    path: Path
    manifest: dict[str, Any]

    @property
    def scenario(self) -> dict[str, Any]:
        """The resolved scenario as plain data."""
        scenario: dict[str, Any] = self.manifest["scenario"]
        return scenario

    @property
    def name(self) -> str:
        """The scenario's name."""
        return str(self.scenario.get("name", self.path.name))

    @property
    def finished(self) -> bool:
        """Whether the run came to its end: all rounds, or no client left."""
        return self.manifest.get("status") in ("completed", "exhausted")

    @property
    def timing_only(self) -> bool:
        """Whether nothing was learnt: the run is about times, bytes and energies."""
        return bool(self.manifest.get("timing_only", False))

    @property
    def personal(self) -> bool:
        """Whether clients have models of their own: accuracies are means over clients, each on its own test samples.

        Told by the weights that a finished run leaves, of an unfinished one by its scheme.
        """
        if self.finished:
            return (self.path / "models").is_dir()
        return self.scenario.get("algorithm", {}).get("kind") in PERSONAL

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Content of ``summary.json``; computed from what there is where the run did not come to write it."""
        path = self.path / "summary.json"
        if path.exists():
            return _read_json(path)
        found = summarise(
            self.facts,
            self.evaluations,
            name=self.name,
            status=self.manifest.get("status", "interrupted"),
            seed=self.scenario.get("seed", 0),
            rounds=int(self.facts.round[self.facts.activity.among(IDLE)].max(initial=0)),
            targets=self.scenario.get("evaluation", {}).get("target_accuracy", ()),
        )
        return found | ({"timing_only": True} if self.timing_only else {})

    @property
    def parts(self) -> list[Path]:
        """The files of ``events``, in order."""
        parts = sorted((self.path / "events").glob("part-*.parquet"))
        for i, part in enumerate(parts):
            if part.name != f"part-{i:05d}.parquet":
                raise ValueError(
                    f"{part.parent}: part-{i:05d}.parquet is missing; restore it or run the scenario again"
                )
        return parts

    @cached_property
    def events(self) -> pa.Table:
        """Every fact, in the order it was logged; columns as in :class:`wirelessfsl.records.Event`."""
        return pa.concat_tables([EVENTS.empty_table(), *(_read(part, EVENTS) for part in self.parts)])

    @cached_property
    def metrics(self) -> pa.Table:
        """Every evaluation; columns as in :class:`wirelessfsl.records.Metric`."""
        return _read(self.path / "metrics.parquet", METRICS, strict=self.finished)

    @cached_property
    def facts(self) -> Facts:
        """``events`` as NumPy columns for the folds of :mod:`wirelessfsl.results.metrics`."""
        table = self.events
        node, peer = _names(table["node"], table["peer"])
        return Facts(
            start_s=_array(table["start_s"]),
            end_s=_array(table["end_s"]),
            node=node,
            peer=peer,
            activity=_names(table["activity"])[0],
            phase=_names(table["phase"])[0],
            round=_array(table["round"]),
            bytes=_array(table["bytes"]),
            energy_j=_array(table["energy_j"]),
            attempts=_array(table["attempts"]),
            delivered=_array(table["delivered"]),
        )

    @cached_property
    def evaluations(self) -> Evaluations:
        """``metrics`` as NumPy columns for the folds of :mod:`wirelessfsl.results.metrics`."""
        table = self.metrics
        names: dict[str, Any] = {name: _names(table[name])[0] for name in ("client", "split")}
        return Evaluations(**names, **{name: _array(table[name]) for name in METRICS.names if name not in names})


def open_run(path: str | Path) -> Run:
    """Open a run folder.

    path: the folder that holds ``manifest.json``.

    Raises ValueError where the folder is not a run; its tables raise it when they are read and are damaged.

    >>> open_run("nowhere")
    Traceback (most recent call last):
        ...
    ValueError: nowhere: not a run folder (no manifest.json); give a folder that `wirelessfsl run` made
    """
    path = Path(path)
    if not (path / "manifest.json").is_file():
        inside = sorted(file.parent for file in path.glob("*/manifest.json"))
        hint = f"did you mean {inside[-1]}?" if inside else "give a folder that `wirelessfsl run` made"
        raise ValueError(f"{path}: not a run folder (no manifest.json); {hint}")
    manifest = _read_json(path / "manifest.json")
    if not isinstance(manifest.get("scenario"), dict):
        raise ValueError(f"{path / 'manifest.json'}: has no scenario; the run never started, run the scenario again")
    return Run(path, manifest)


def _part(folder: Path, number: int) -> Path:
    return folder / "events" / f"part-{number:05d}.parquet"


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()


def _write_part(path: Path, rows: list[Any]) -> str:
    """Write a part; returns its digest."""
    content = _parquet(_table(rows, EVENTS))
    write(path, content, durable=True)
    return _digest(content)


def _table(rows: list[Any], schema: pa.Schema) -> pa.Table:
    """A table of rows that are given field after field."""
    arrays = [pa.array(rows[at :: len(schema)], type=field.type) for at, field in enumerate(schema)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _parquet(table: pa.Table) -> bytes:
    names = [field.name for field in table.schema if field.type == pa.string()]
    into = pa.BufferOutputStream()
    # Numbers hardly repeat: a dictionary of them costs time and space.
    pq.write_table(table, into, compression="zstd", use_dictionary=names, write_page_checksum=True)
    return bytes(into.getvalue())


def _table_of(source: Path | bytes, schema: pa.Schema) -> pa.Table:
    """Parquet as a table of the given columns. Raises pyarrow's errors where it is damaged."""
    file = pa.BufferReader(source) if isinstance(source, bytes) else source
    return pq.ParquetFile(file, page_checksum_verification=True).read().select(schema.names).cast(schema)


def _rows(content: bytes, schema: pa.Schema) -> list[list[Any]]:
    return [column.to_pylist() for column in _table_of(content, schema).columns]


def _read(path: Path, schema: pa.Schema, *, strict: bool = True) -> pa.Table:
    """A Parquet file of the given columns; an empty table for a missing one unless ``strict``."""
    if not strict and not path.exists():
        return schema.empty_table()
    try:
        return _table_of(path, schema)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path}: missing or damaged ({reason}); restore it or run the scenario again") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: damaged ({error}); restore it or run the scenario again") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path}: got {type(value).__name__}, must be an object; run the scenario again")
    return value


def _array(column: pa.ChunkedArray) -> Any:
    """A column as NumPy array; NaN for null."""
    return column.to_numpy()


def _names(*columns: pa.ChunkedArray) -> list[Names]:
    """Columns of strings as codes into one tuple of names that they share."""
    coded = pa.chunked_array([chunk for column in columns for chunk in column.chunks], pa.string())
    coded = coded.dictionary_encode().combine_chunks()
    codes: Ints = coded.indices.fill_null(-1).to_numpy()
    names = tuple(coded.dictionary.to_pylist())
    bounds = np.cumsum([len(column) for column in columns])[:-1]
    return [Names(part, names) for part in np.split(codes, bounds)]
