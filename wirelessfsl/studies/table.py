"""``points.csv``: a row for every point of a study, with what its folder says.

The table is a function of the study and its run folders and holds no time of the host. Numbers of a run stand in it
when it is finished: name, status, axes, digest and folder; rounds, simulated seconds, accuracy and loss at the end,
joules, bytes, seconds and joules to the targets; what went wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wirelessfsl.results.exports import as_csv
from wirelessfsl.results.store import Run, write_text
from wirelessfsl.studies.claims import alone, free
from wirelessfsl.studies.points import Point
from wirelessfsl.studies.study import Study
from wirelessfsl.studies.work import finished, run_of

Row = Mapping[str, Any]


class Table:
    """The rows of a study's points, read again where a point changes.

    study: whose points they are.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.rows: dict[str, Row] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read all folders but those of finished points, which do not change."""
        for point in self.study.points:
            if not self.finished(point):
                self.read(point)

    def read(self, point: Point) -> Row:
        """Read a point's folder."""
        self.rows[point.name] = row = row_of(point)
        return row

    def finished(self, point: Point) -> bool:
        """Whether a point's run came to its end."""
        return self.rows.get(point.name, {}).get("status") in ("completed", "exhausted")

    def write(self) -> None:
        """Write the table, which appears complete or not at all."""
        rows = [self.rows[point.name] for point in self.study.points]
        first, last = ("name", "status", *self.study.columns, "digest", "path"), "error"
        numbers = dict.fromkeys(name for row in rows for name in row if name not in (*first, last))
        heads = [*first, *numbers, last]
        text = as_csv(heads, [[row.get(name) for name in heads] for row in rows])
        with alone(self.study.out):
            write_text(self.study.out / "points.csv", text)


def row_of(point: Point) -> Row:
    """A point's row, from its folder."""
    run = run_of(point)
    row = {"name": point.name, "status": _status(point, run), **point.values}
    row |= {"digest": point.digest, "path": point.path.name}
    if run is not None and finished(run):
        row |= _numbers(run.summary)
    return row | {"error": run.manifest.get("error") if run is not None and row["status"] == "failed" else None}


def _status(point: Point, run: Run | None) -> str:
    if run is None:
        return "waiting"
    if finished(run) or run.manifest["status"] == "failed":
        return str(run.manifest["status"])
    return "interrupted" if free(point.path.parent, point.digest) else "running"


def _numbers(summary: Mapping[str, Any]) -> dict[str, Any]:
    final, best = summary.get("final", {}), summary.get("best", {})
    sent = summary["bytes"]
    numbers = {
        "rounds": summary["rounds"],
        "simulated_s": summary["simulated_s"],
        "accuracy": final.get("accuracy"),
        "loss": final.get("loss"),
        "best_accuracy": best.get("accuracy"),
        "energy_j": summary["energy_j"]["total"],
        "devices_energy_j": summary["energy_j"]["devices"],
        "uplink_bytes": sent["uplink"],
        "downlink_bytes": sent["downlink"],
    }
    for target, seconds in summary["time_to_accuracy_s"].items():
        numbers[f"time_to_{target}_s"] = seconds
        numbers[f"energy_to_{target}_j"] = summary["energy_to_accuracy_j"][target]
    return numbers
