"""Sweeps that are killed at random instants, or meet in one folder: nothing lost, nothing twice, the same table."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.studies.files import study
from wirelessfsl.forking import fork_server
from wirelessfsl.results.folders import run_folders
from wirelessfsl.results.groups import once
from wirelessfsl.results.store import open_run

pytestmark = pytest.mark.slow

AXES = "set: {algorithm.rounds: 60}\naxes: {seeds: 12}"


def command(file: Path, out: Path) -> list[str]:
    line = ["sweep", str(file), "--out", str(out), "--jobs", "2", "--retries", "100", "--timing-only"]
    return [sys.executable, "-m", "wirelessfsl.cli", *line]


def workers(sweep: int) -> list[int]:
    """Processes of the workers: children of the fork server, which is a child of the sweep."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, parent = int(status.parent.name), int(status.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        found.append((pid, parent))
    servers = [pid for pid, parent in found if parent == sweep]
    return [pid for pid, parent in found if parent in servers]


def gone(pids: list[int]) -> bool:
    """Whether processes end, for which a busy machine may take seconds."""
    end = monotonic() + 30.0
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if monotonic() > end:
            return False
        sleep(0.05)
    return True


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("undisturbed")
    subprocess.run(command(study(folder, AXES), folder / "out"), check=True)
    return (folder / "out" / "points.csv").read_bytes()


def test_ctrl_c_while_the_server_of_workers_loads_shows_no_traceback() -> None:
    press = "fork_server(); os.kill(forkserver._forkserver._forkserver_pid, signal.SIGINT)"
    found = f"from {fork_server.__module__} import fork_server"
    script = f"import os, signal; from multiprocessing import forkserver; {found}; {press}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert not done.stderr


def holds_each_run_once(out: Path) -> bool:
    runs = [open_run(folder) for folder in run_folders([out])]
    return len(runs) == 12 and all(run.finished for run in runs) and not once(runs)[1]


def test_fifty_kills_of_workers_and_sweeps_change_nothing(undisturbed: bytes, tmp_path: Path) -> None:
    file, out, rng = study(tmp_path, AXES), tmp_path / "out", random.Random(6)
    killed = {"worker": 0, "sweep": 0}
    while sum(killed.values()) < 50:
        for table in out.glob("*/summary.json"):  # or it would soon have nothing left to do
            table.unlink()
        with subprocess.Popen(command(file, out), stderr=subprocess.DEVNULL) as sweep:
            for _ in range(rng.randrange(4, 9)):
                while sweep.poll() is None and not (found := workers(sweep.pid)):
                    sleep(0.01)
                sleep(rng.uniform(0.0, 0.5))
                found = workers(sweep.pid)
                if sweep.poll() is None and found:
                    os.kill(rng.choice(found), signal.SIGKILL)
                    killed["worker"] += 1
            found = workers(sweep.pid)
            if sweep.poll() is None:
                sweep.kill()
                killed["sweep"] += 1
            sweep.wait()
            assert gone(found)
    assert min(killed.values()) >= 5
    subprocess.run(command(file, out), check=True)
    assert (out / "points.csv").read_bytes() == undisturbed
    assert holds_each_run_once(out)


def test_two_sweeps_at_once_share_the_points_and_end_with_the_same_table(undisturbed: bytes, tmp_path: Path) -> None:
    file, out = study(tmp_path, AXES), tmp_path / "out"
    both = [subprocess.Popen(command(file, out), stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [sweep.communicate()[1] for sweep in both]
    assert [sweep.returncode for sweep in both] == [0, 0]
    assert (out / "points.csv").read_bytes() == undisturbed
    assert holds_each_run_once(out)
    assert not (out / ".aside").exists()  # nobody ran what another had
    assert all("12/12" in lines for lines in told)
