"""Runs whose every text is an attack, and the browser that would fall for it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.results import scripted
from wirelessfsl.records import Event
from wirelessfsl.results.store import Run, RunWriter, open_run, write_json, write_text

ATTACKS = (
    "<script>document.documentElement.dataset.owned = 1</script>",
    '"><img src=x onerror="document.documentElement.dataset.owned=2">',
    "</script></title><b>bold</b><!-- \u2028 {{7*7}} $x$ %{x} &lt;i&gt;",
)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Opened(NamedTuple):
    """A page as a browser has it after its scripts: the document, and what was written to the console."""

    document: str
    console: list[str]


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Three seeds of one scheme, another one, and one of another bandwidth."""
    folder = tmp_path_factory.mktemp("runs")
    fedavg = {"algorithm": {"kind": "fedavg", "rounds": 4}}
    return [
        *(scripted.write_run(folder / f"{seed}", "split", seed, lift=0.01 * seed) for seed in (1, 2, 3)),
        scripted.write_run(folder / "4", "fedavg", slower=3.0, **fedavg, network={"bandwidth_hz": 1e6}),
        scripted.write_run(folder / "5", "fedavg", slower=2.0, **fedavg, network={"bandwidth_hz": 5e6}),
    ]


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Two runs of attacks: names, settings, nodes, phases, folders, host, error and the scenario's file."""
    found = []
    for i, (attack, other, third) in enumerate([ATTACKS, ATTACKS[::-1]]):
        folder = tmp_path_factory.mktemp("runs") / f"{i}{attack.replace('/', '_')}"
        settings = {"data": {"name": other}, "model": {"name": third, attack: [attack]}}
        scenario = scripted.scenario(attack, 1, algorithm={"kind": other}, **settings)
        log = RunWriter(folder)
        for event in scripted.events(1):
            node = event.node.replace("client", f"{other}")
            peer = event.peer.replace("client", f"{other}")
            log.event(event._replace(node=node, peer=peer))
        log.event(Event(9.0, 10.0, f"{other}-0", "", "compute", attack, 1, 0, 0, 0.0, 9.0, 1, True))
        log.event(Event(9.0, 9.5, f"{other}-1", "server", "transfer", third, 1, 0, 10**6, 0.0, 9.0, 1, True))
        for metric in scripted.metrics(1):
            log.metric(metric)
        log.close()
        write_text(folder / "scenario.yaml", f"name: {attack}\n# {third}\n")
        write_json(
            folder / "manifest.json",
            {"status": attack, "error": third, "host": {other: attack}, "scenario": scenario},
        )
        found.append(open_run(folder))
    return found


@pytest.fixture(scope="session")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Opened]:
    """Opens a page from disk in headless Chromium, without any network."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here")

    def opened(page: str) -> Opened:
        folder = tmp_path_factory.mktemp("browser")
        (folder / "page.html").write_text(page, encoding="utf-8")
        told = subprocess.run(
            [
                *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
                *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
                *(f"--user-data-dir={folder / 'profile'}", "--host-resolver-rules=MAP * ~NOTFOUND"),
                *("--enable-logging=stderr", "--virtual-time-budget=5000", "--dump-dom"),
                (folder / "page.html").as_uri(),
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return Opened(told.stdout, [line for line in told.stderr.splitlines() if "CONSOLE" in line])

    return opened
