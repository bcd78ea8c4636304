"""A run as TensorBoard event files, written without TensorFlow, torch or another thread.

The files hold nothing of the host or the hour: wall time is simulated time, and equal runs give equal files.
TensorBoard keeps 32-bit floats; the exact numbers are in the run folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wirelessfsl.records import Metric
from wirelessfsl.scenario import to_yaml
from wirelessfsl.trackers.following import scalars

if TYPE_CHECKING:
    from wirelessfsl.results.store import Run


@dataclass(frozen=True)
class TensorBoard:
    """Curves over rounds, and over simulated time where TensorBoard says "relative"; the scenario as text.

    folder: TensorBoard's log directory; the run gets a folder in it, named as the run folder and the one around it. A
        run of the same name is replaced.
    clients: whether each client gets curves of its own.
    """

    folder: Path
    clients: bool = False

    def check(self) -> None:
        """Raise ValueError if TensorBoard is not installed or its log directory cannot be made."""
        _library()
        with _writable(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)

    def begin(self, folder: Path, scenario: Mapping[str, Any]) -> _Events:
        """Open the event file. Raises ValueError if TensorBoard is not installed or the file cannot be written."""
        event, writer = _library()
        folder = folder.absolute()
        own = self.folder / folder.parent.name / folder.name
        with _writable(own):
            own.mkdir(parents=True, exist_ok=True)
            # Its name must hold "tfevents"; without the hour, a run made again replaces what it had written.
            file = (own / "events.out.tfevents.0.wirelessfsl").open("wb")
        events = _Events(event, writer(file), self.clients)
        events.write(file_version="brain.Event:2")
        text = {"dtype": "DT_STRING", "string_val": [f"```yaml\n{to_yaml(scenario)}```".encode()]}
        shown = {"tag": "scenario", "metadata": {"plugin_data": {"plugin_name": "text"}}, "tensor": text}
        events.write(summary={"value": [shown]})
        events.writer.flush()
        return events


class _Events:
    """The event file of one run."""

    def __init__(self, event: Any, writer: Any, clients: bool) -> None:
        self.event, self.writer, self.clients = event, writer, clients

    def write(self, wall_time: float = 0.0, **fields: Any) -> None:
        self.writer.write(self.event(wall_time=wall_time, **fields).SerializeToString())

    def metrics(self, rows: Sequence[Metric]) -> None:
        for (step, tag), (time_s, value) in scalars(rows, self.clients).items():
            self.write(time_s, step=step, summary={"value": [{"tag": tag, "simple_value": value}]})
        self.writer.flush()

    def end(self, run: Run) -> None:
        self.writer.close()


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ValueError(f"--tensorboard {folder}: cannot be written: {error.strerror}; give another folder") from error


def _library() -> tuple[Any, Any]:
    """TensorBoard's class of events, and of what writes them."""
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError as error:
        raise ValueError("--tensorboard: needs TensorBoard; pip install 'wirelessfsl[tensorboard]'") from error
    return Event, RecordWriter
