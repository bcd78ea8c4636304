"""Runs on worker processes that are killed or interrupted: what is said, what is left, and that they can go on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.golden.golden import FOLDER
from tests.shared_memory import left_there, shared_files
from tests.studies.test_kills import gone, workers
from wirelessfsl import cli
from wirelessfsl.results.store import open_run

pytestmark = pytest.mark.slow

SCENARIO = str(FOLDER / "splitfed_dropouts.yaml")
ROUNDS = ["--set", "algorithm.rounds=60"]
SCRIPT = """
from wirelessfsl import load_scenario, simulate
from wirelessfsl.executing import Wish
from wirelessfsl.learning.kernels import Kernel
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    assert cli.main(["run", SCENARIO, *ROUNDS, "--out", str(out)]) == 0
    return facts(out)


def facts(out: Path) -> dict[str, Any]:
    """All that a run says of the simulation."""
    run = open_run(out)
    summary = {name: value for name, value in run.summary.items() if name != "host"}
    rows = run.events.to_pylist(), repr(run.metrics.to_pylist())
    return {"summary": repr(summary), "rows": rows, "weights": (out / "model.safetensors").read_bytes()}


def session(leader: int) -> list[int]:
    """Processes of a session: a run, and whatever it started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(status.read_text().rsplit(")", 1)[1].split()[3]) == leader:
                found.append(int(status.parent.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("who", "number", "status", "said"),
    [
        ("worker", signal.SIGKILL, 1, "was killed by SIGKILL"),
        ("worker", signal.SIGTERM, 1, "was killed by SIGTERM"),
        ("all", signal.SIGINT, 130, "interrupted"),
        ("run", signal.SIGINT, 130, "interrupted"),
        ("run", signal.SIGKILL, -signal.SIGKILL, ""),
    ],
    ids=lambda value: str(value),
)
def test_whoever_is_killed_nothing_is_left_running_and_the_run_goes_on(
    tmp_path: Path, undisturbed: dict[str, Any], who: str, number: int, status: int, said: str
) -> None:
    out, before = tmp_path / "run", shared_files()
    line = ["run", SCENARIO, *ROUNDS, "--executor", "processes", "--workers", "2", "--out", str(out)]
    command = [sys.executable, "-m", "wirelessfsl.cli", *line]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith("round 5/"):
            assert process.poll() is None
        started, working = session(process.pid), workers(process.pid)
        assert len(working) == 2
        {"all": os.killpg, "run": os.kill, "worker": os.kill}[who](
            working[0] if who == "worker" else process.pid, number
        )
        errors = process.stderr.read()
        assert process.wait(timeout=60) == status
    assert gone(started)
    assert not left_there(before)
    *_, last = [line for line in errors.splitlines() if not line.startswith("round ")] or [""]
    if status > 0:
        assert f"wirelessfsl run --resume {out}" in errors
        assert said in errors
        assert json.loads((out / "manifest.json").read_text())["status"] == ("failed" if status == 1 else "interrupted")
        assert "Traceback" not in errors
    if status == 1:
        assert re.search(r"(round \d+, simulated time .* s|between kernels): worker process \d+ ", errors)
        assert last == "--debug shows where in the code"
    assert cli.main(["run", "--resume", str(out), "--executor", "processes", "--workers", "2"]) == 0
    assert facts(out) == undisturbed


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(SCRIPT + script)
    command = [sys.executable, "script.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_a_script_that_does_not_ask_whether_it_is_the_main_one_is_told_to(tmp_path: Path) -> None:
    done = run(f"simulate(load_scenario({SCENARIO!r}), executor=Wish('processes', 2))", tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith('must do so under: if __name__ == "__main__":')
    assert len([*tmp_path.glob("runs/*/*")]) == 1  # the workers, which are the script again, leave none


def test_a_scripts_own_kernels_run_and_print_in_the_workers(tmp_path: Path) -> None:
    script = """
import os, sys, time
from wirelessfsl.learning.executors.processes import Processes

class Odd(Exception):
    pass

def talk(seconds):
    time.sleep(seconds)
    print("talked in", os.getpid())
    return os.getpid()

def fail():
    raise Odd("of the script's own")

TALK, FAIL = (Kernel(run.__name__, "client_step", run, lambda *_: 0.0) for run in (talk, fail))

if __name__ == "__main__":
    pool = Processes(2)
    works = [pool.submit(TALK, 0.1, chain=str(n)) for n in range(2)]
    assert len({os.getpid(), *(work.result() for work in works)}) == 3
    try:
        pool.submit(FAIL).result()
    except Odd as error:
        print("failed:", error)
"""
    done = run(script, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("talked in") == 2
    assert "failed: of the script's own" in done.stdout
