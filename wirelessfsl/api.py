"""Running scenarios from Python, where the two wings meet: the simulator writes a run folder, the reader opens it.

>>> from wirelessfsl import load_scenario, simulate, open_run   # doctest: +SKIP
>>> run = simulate(load_scenario("scenarios/quickstart.yaml"), out="runs/x")   # doctest: +SKIP
>>> run.summary["final"]["accuracy"]   # doctest: +SKIP
0.96
"""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import Any

from wirelessfsl.economy import planned
from wirelessfsl.learning.executor import Executor, Sequential, ShapesOnly
from wirelessfsl.results.store import Run, RunWriter, open_run, write_json, write_text
from wirelessfsl.scenario import Scenario, digest, pinned, resolve, to_yaml
from wirelessfsl.simulation import Progress, Watch, play
from wirelessfsl.trackers.following import Following, Tracker

_PACKAGES = ("wirelessfsl", "torch", "numpy", "scipy", "scikit-learn", "simpy", "pyarrow", "pydantic")


def simulate(
    scenario: Scenario,
    out: str | Path | None = None,
    executor: Executor | None = None,
    report: Callable[[Progress], None] = lambda _: None,
    notice: Callable[[str], None] = lambda _: None,
    watch: Watch = lambda *_: None,
    timing_only: bool = False,
    trackers: Sequence[Tracker] = (),
) -> Run:
    """Run a scenario into a run folder and open it.

    scenario: what to run.
    out: the run folder; by default runs/<name>/<time>-<digest>.
    executor: where kernels run on the host; one after another in this thread by default.
    report: called after every round.
    notice: told in lines what is done before the run begins: where pretrained weights come from.
    watch: looks at the model before the first round and with every evaluation, outside of simulated time.
    timing_only: whether tensors have shapes and no values: nothing is learnt, and times, bytes and energies are those
        of the training run, but for what depends on values, which is estimated.
    trackers: are told the scenario, the evaluations as they come and the end: see wirelessfsl.trackers.following.

    Raises TypeError if ``scenario`` is none, ValueError if ``out`` already holds something or cannot be made, or if a
    tracker cannot begin, SimulationError if the run fails, RuntimeError if its folder is taken away meanwhile. A run
    that fails or is interrupted leaves a folder that can be read, and its manifest says so.
    """
    if not isinstance(scenario, Scenario):
        raise TypeError(f"got {type(scenario).__name__}, give a Scenario; see wirelessfsl.load_scenario")
    executor = ShapesOnly() if timing_only else executor or Sequential()
    scenario = pinned(planned(scenario)[0])
    resolved = resolve(scenario)
    folder = Path(out) if out is not None else _new_folder(scenario.name, digest(resolved))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder}: already there and not empty; give another folder with --out")
    following = Following(trackers, folder, resolved)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{folder}: cannot be made: {error.strerror}; give another folder with --out") from error
    with _stays(folder), following:
        begin = perf_counter()
        manifest: dict[str, Any] = {"status": "running", "scenario": resolved, **_provenance(executor)}
        if timing_only:
            manifest["timing_only"] = True
        log = RunWriter(folder)
        write_text(folder / "scenario.yaml", to_yaml(resolved))
        write_json(folder / "manifest.json", manifest)
        try:
            outcome = play(
                scenario, following.log(log), executor, report, notice=notice, watch=watch, timing_only=timing_only
            )
        except BaseException as error:
            manifest["status"] = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            manifest["error"] = f"{type(error).__name__}: {error}"
            raise
        else:
            manifest["status"] = outcome.status
            if outcome.pretrained is not None:
                manifest["pretrained"] = outcome.pretrained
            if not timing_only:
                outcome.save(folder)
            manifest["batch_widths"] = {"1": outcome.kernels}
            host = {
                "wall_s": outcome.wall_s,
                "peak_rss_bytes": _peak_rss_bytes(),
                "client_steps": outcome.client_steps,
                "kernels": outcome.kernels,
                "overhead_fraction": outcome.overhead_fraction,
            }
        finally:
            log.close()
            manifest["host_s"] = perf_counter() - begin
            manifest["peak_rss_bytes"] = _peak_rss_bytes()
            write_json(folder / "manifest.json", manifest)
        write_json(folder / "summary.json", open_run(folder).summary | {"host": host})
        return open_run(folder)


@contextmanager
def _stays(folder: Path) -> Iterator[None]:
    """Says what to do if a run folder is taken away while the run writes to it."""
    try:
        yield
    except FileNotFoundError as error:
        if (folder / "events").is_dir():
            raise
        text = "was deleted or moved while the run went on; run the scenario again and leave its folder until it ends"
        raise RuntimeError(f"{folder}: {text}") from error


def _new_folder(name: str, short: str) -> Path:
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    folder = Path("runs") / name / f"{stamp}-{short}"
    for again in range(2, 1000):
        if not folder.exists():
            break
        folder = folder.with_name(f"{stamp}-{short}-{again}")
    return folder


def _provenance(executor: Executor) -> dict[str, Any]:
    """What the run was made with: versions, commit, host."""
    return {
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "versions": {name: found for name in _PACKAGES if (found := _version(name))},
        "git_commit": _git_commit(),
        "host": {"system": platform.platform(), "machine": platform.machine(), "cores": os.cpu_count()},
        "executor": type(executor).__name__.lower(),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """Commit of the checkout that this package is run from, if it is one."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def _peak_rss_bytes() -> int:
    """Largest resident memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
