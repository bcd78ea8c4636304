"""The house: who may import what, held by reading every import in the package.

Three rules. A floor imports only floors below it, and the rooms of floor 1 do not import each other. Each heavy
dependency has one home. The two wings, simulator and reader, meet only in ``records`` and ``charts`` (and ``units``).
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

import wirelessfsl

ROOT = Path(wirelessfsl.__file__).parent
PACKAGE = "wirelessfsl"


class Row(NamedTuple):
    """What a module, or every module of a room, may import: our own (a room stands for all in it), and others."""

    ours: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()


def row(ours: frozenset[str] | set[str] = frozenset(), others: str = "") -> Row:
    return Row(frozenset(ours), frozenset(others.split()))


BASE = frozenset({"units", "settings", "streams", "records"})
TENSORS = BASE | {"lazy"}
ROOMS = frozenset({"radio", "network", "devices", "codecs", "learning"})
BELOW_SCENARIO = BASE | ROOMS | {"engine", "algorithms"}
READING = frozenset({"results", "charts", "files", "records", "units"})
FACTS = frozenset({"charts", "files", "records", "units"})

TABLE = {
    # Floor 0
    "units": row(others="numpy annotated_types"),
    "settings": row({"units"}),
    "streams": row(others="numpy"),
    "records": row(),
    "files": row(),
    "charts": row(others="numpy"),
    "lazy": row(others="torch"),
    "rays": row(others="ray"),
    "forking": row(),
    # Floor 1: a room imports itself and floor 0
    "radio": row(BASE | {"radio"}, "numpy scipy"),
    "radio.sionna": row(BASE | {"radio"}, "numpy sionna"),
    "network": row(BASE | {"network"}, "numpy networkx"),
    "devices": row(BASE | {"devices"}, "numpy"),
    "codecs": row(TENSORS | {"codecs"}, "numpy torch xxhash"),
    "codecs.measure": row(TENSORS | {"codecs"}, "numpy safetensors"),
    "codecs.lossless": row(TENSORS | {"codecs"}, "numpy constriction backports compression"),
    "learning": row(TENSORS | {"learning"}, "numpy torch sklearn"),
    "learning.filters": row(TENSORS | {"learning"}, "torch torch_pruning"),
    "learning.images": row(TENSORS | {"learning"}, "numpy PIL"),
    "learning.download": row(TENSORS | {"learning"}, "pooch"),
    "learning.keeping": row(TENSORS | {"learning"}, "numpy safetensors"),
    "learning.weights": row(TENSORS | {"files", "learning"}, "torch safetensors"),
    "learning.models": row(TENSORS | {"learning"}, "torch importlib"),
    "learning.kernels": row(TENSORS | {"learning"}, "torch importlib"),
    "learning.compiling": row(TENSORS | {"learning"}, "torch"),
    "learning.threads": row({"learning.kernels"}),
    "learning.executors": row(TENSORS | {"forking", "learning"}, "torch"),
    "learning.executors.names": row(),
    "learning.executors.piles": row(TENSORS | {"learning"}, "numpy torch"),
    "learning.executors.cluster": row(TENSORS | {"learning", "rays"}),
    "learning.executors.stretches": row(TENSORS | {"learning", "rays"}),
    # Floor 2
    "engine": row(BASE | ROOMS | {"engine"}, "numpy simpy"),
    "algorithms": row(BASE | {"algorithms", "engine.world", "learning"}, "numpy"),
    "algorithms.hierarchical": row(BASE | {"algorithms.state", "engine.edges", "engine.world", "learning"}),
    # Floor 3
    "scenario": row(BELOW_SCENARIO | {"scenario"}, "numpy pydantic ruamel importlib"),
    "contending": row(BELOW_SCENARIO | {"scenario"}, "numpy"),
    "build": row(BELOW_SCENARIO | {"networking", "scenario"}),
    "scheduling": row(BELOW_SCENARIO | {"scenario"}, "numpy"),
    "networking": row(BELOW_SCENARIO | {"contending", "scenario", "scheduling"}, "numpy"),
    "sounding": row(BELOW_SCENARIO | {"charts", "contending", "networking", "scenario"}, "numpy"),
    "quantities": row({"networking", "scenario", "sounding"}),
    "citing": row(),
    "rounds": row(BASE | {"devices", "engine", "radio"}, "numpy"),
    "prediction": row(
        BELOW_SCENARIO | {"build", "contending", "networking", "rounds", "scenario"},
        "numpy",
    ),
    "cutting": row({"learning", "prediction", "scenario"}),
    "economy": row(BASE | {"cutting", "devices", "networking", "prediction", "scenario"}, "numpy"),
    "survey": row(BASE | {"algorithms", "codecs", "engine", "files", "learning", "scenario"}),
    "continuing": row({"engine", "learning"}),
    "simulation": row(
        BASE | {"files", "algorithms", "build", "continuing", "engine", "learning", "network", "scenario"}, "numpy"
    ),
    "calibration": row({"learning", "scenario"}),
    "catalogue": row(BELOW_SCENARIO | {"scenario"}),
    # The reading wing
    "results": row(FACTS | {"results"}, "numpy"),
    "results.plots": row(FACTS | {"results"}, "numpy matplotlib"),
    "results.networks": row(FACTS | {"results"}, "numpy matplotlib"),
    "results.bounds": row(FACTS | {"results"}, "numpy matplotlib"),
    "results.report.page": row(FACTS | {"results"}, "plotly"),
    "results.store": row(FACTS | {"results"}, "numpy pyarrow"),
    "results.query": row(FACTS | {"results"}, "pyarrow duckdb"),
    "results.intervals": row(others="scipy"),
    "results.tables": row(FACTS | {"results"}),
    "results.tabulated": row(FACTS | {"results"}, "rich"),
    # Floor 4, where the wings meet
    "trackers": row({"records", "results.store", "trackers"}),
    "trackers.tensorboard": row({"records", "results.store", "scenario", "trackers"}, "tensorboard"),
    "trackers.mlflow": row({"records", "results.store", "trackers"}, "mlflow"),
    "provenance": row(),
    "profiling": row({"learning.executors", "records", "simulation"}),
    "executing": row({"footprint", "learning", "scenario"}),
    "ram": row(),
    "footprint": row(BELOW_SCENARIO | {"build", "ram", "scenario"}, "numpy"),
    "checkpoints": row({"continuing", "files", "learning.keeping", "results"}),
    "running": row(
        {"checkpoints", "continuing", "engine.journal", "executing", "files", "learning.executors", "learning.host"}
        | {"profiling", "results", "scenario", "simulation", "trackers.following"}
    ),
    "api": row(
        {
            "economy",
            "executing",
            "files",
            "learning.executors",
            "provenance",
            "ram",
            "results",
            "running",
            "scenario",
            "simulation",
        }
        | {"trackers.following"}
    ),
    "bounding": row({"api", "results", "scenario", "simulation", "survey"}),
    "viewing": row({"quantities", "results", "scenario", "sounding"}),
    "progress": row({"results", "simulation"}),
    "commands": row(
        {
            "api",
            "bounding",
            "build",
            "calibration",
            "catalogue",
            "citing",
            "codecs.chain",
            "codecs.measure",
            "commands",
            "cutting",
            "economy",
            "executing",
            "forking",
            "learning.download",
            "learning.executors.names",
            "learning.threads",
            "profiling",
            "progress",
            "ram",
            "rays",
            "records",
            "results",
            "scenario",
            "studies",
            "trackers",
            "units",
            "viewing",
        },
        "rich",
    ),
    "studies": row({"api", "economy", "forking", "results", "scenario", "simulation", "studies", "trackers.following"}),
    "studies.cluster": row({"rays", "simulation", "studies", "trackers.following"}),
    "studies.optimising": row({"results", "studies"}, "optuna"),
    "studies.display": row({"simulation", "studies"}, "rich"),
    "cli": row({"commands"}),
    "": row({"api", "scenario", "results"}, "importlib"),
}
"""The longest name that fits a module is its row; ``""`` is the package's own ``__init__``."""

HOMES = {
    "simpy": {"engine"},
    "torch": {"codecs", "learning", "lazy"},
    "networkx": {"network"},
    "scipy": {"radio", "results.intervals"},
    "sionna": {"radio.sionna"},
    "sklearn": {"learning"},
    "constriction": {"codecs.lossless"},
    "backports": {"codecs.lossless"},
    "safetensors": {"codecs.measure", "learning.keeping", "learning.weights"},
    "torch_pruning": {"learning.filters"},
    "PIL": {"learning.images"},
    "pooch": {"learning.download"},
    "pydantic": {"scenario"},
    "ruamel": {"scenario"},
    "matplotlib": {"results.bounds", "results.networks", "results.plots"},
    "plotly": {"results.report.page"},
    "pyarrow": {"results.query", "results.store"},
    "duckdb": {"results.query"},
    "ray": {"rays"},
    "optuna": {"studies.optimising"},
    "tensorboard": {"trackers.tensorboard"},
    "mlflow": {"trackers.mlflow"},
}
STANDARD = sys.stdlib_module_names - {"importlib"} | {"importlib.metadata", "importlib.resources"}
"""``importlib`` itself imports by a name that this walk cannot see."""
HEAVY = ("torch", "sionna", "matplotlib", "plotly", "pyarrow", "duckdb", "sklearn", "scipy")


class Import(NamedTuple):
    """One imported name: ``own`` is a module of ours (without the package's name), ``line`` where it stands."""

    name: str
    own: bool
    line: int
    for_types: bool
    at_once: bool


@cache
def modules() -> list[str]:
    """Every module of the package, ``""`` for its root."""
    paths = (path.relative_to(ROOT).with_suffix("") for path in ROOT.rglob("*.py"))
    return sorted(".".join(part for part in path.parts if part != "__init__") for path in paths)


def file_of(module: str) -> Path:
    path = ROOT.joinpath(*module.split(".")) if module else ROOT
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def imports(module: str) -> tuple[Import, ...]:
    tree = ast.parse(file_of(module).read_text(encoding="utf-8"))
    return tuple(_imports(tree, for_types=False, at_once=True))


def _imports(node: ast.AST, for_types: bool, at_once: bool) -> Iterator[Import]:
    """Imports below a node; what stands under ``if TYPE_CHECKING`` is for types, what in a function not at once."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield _named(alias.name, child.lineno, for_types, at_once)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"line {child.lineno}: relative import"
            assert child.module is not None
            for alias in child.names:
                # ``from package import module`` imports the module
                whole = f"{child.module}.{alias.name}"
                inner = whole if child.module.startswith(PACKAGE) and whole[len(PACKAGE) + 1 :] in modules() else None
                yield _named(inner or child.module, child.lineno, for_types, at_once)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for statement in child.body:
                yield from _imports(ast.Module([statement], []), True, at_once)
            for statement in child.orelse:
                yield from _imports(ast.Module([statement], []), for_types, at_once)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, for_types, at_once and not inside)


def _named(name: str, line: int, for_types: bool, at_once: bool) -> Import:
    own = name.split(".")[0] == PACKAGE
    if own:
        name = name[len(PACKAGE) + 1 :]
    elif name not in STANDARD:
        name = name.split(".")[0]
    return Import(name, own, line, for_types, at_once)


def fits(name: str, allowed: str) -> bool:
    """Whether a module is the allowed one or lies in the allowed room."""
    return name == allowed or name.startswith(f"{allowed}.")


def row_of(module: str) -> Row:
    names = [name for name in TABLE if name and fits(module, name)]
    return TABLE[max(names, key=len)] if names else TABLE[""]


every_module = pytest.mark.parametrize("module", modules(), ids=lambda module: module or PACKAGE)


def test_the_table_knows_every_module() -> None:
    unknown = [m for m in modules() if m and not any(name and fits(m, name) for name in TABLE)]
    assert not unknown, f"add a row for {unknown}"


def test_every_row_of_the_table_is_a_module_or_a_room() -> None:
    assert set(TABLE) <= set(modules())


@every_module
def test_a_module_imports_of_ours_only_what_its_floor_may(module: str) -> None:
    allowed = row_of(module).ours
    wrong = [f"line {i.line}: {i.name}" for i in imports(module) if i.own and not any(fits(i.name, a) for a in allowed)]
    assert not wrong, f"{file_of(module)} must not import {wrong}; it may import {sorted(allowed)}"


@every_module
def test_a_module_imports_of_others_only_what_its_row_says(module: str) -> None:
    allowed = row_of(module).others | STANDARD
    wrong = [f"line {i.line}: {i.name}" for i in imports(module) if not (i.own or i.for_types or i.name in allowed)]
    assert not wrong, f"{file_of(module)} must not import {wrong}"


@every_module
def test_a_module_is_imported_by_its_full_path_and_never_from_the_root(module: str) -> None:
    wrong = [f"line {i.line}" for i in imports(module) if i.own and (i.name == "" or i.name not in modules())]
    assert not wrong, f"{file_of(module)} imports from the package's root: {wrong}"


@pytest.mark.parametrize("library", HOMES)
def test_a_heavy_library_has_one_home(library: str) -> None:
    at = {m for m in modules() if any(not i.own and not i.for_types and i.name == library for i in imports(m))}
    strangers = {m for m in at if not any(fits(m, home) for home in HOMES[library])}
    assert not strangers


def test_lazy_torch_is_imported_in_torchs_homes_and_to_set_threads() -> None:
    at = {m for m in modules() if any(i.own and i.name == "lazy" for i in imports(m))}
    assert not {m for m in at if not any(fits(m, home) for home in ("codecs", "learning"))}


def test_the_simulating_wing_never_imports_the_reading_wing() -> None:
    floors = [
        m
        for m in modules()
        if m not in ("", "api", "bounding", "checkpoints", "cli", "running", "progress", "viewing")
        and not fits(m, "results")
        and not fits(m, "commands")
        and not fits(m, "studies")
        and not fits(m, "trackers")
    ]
    assert not [m for m in floors for i in imports(m) if i.own and fits(i.name, "results")]


def test_the_reading_wing_knows_the_log_and_nothing_else_of_ours() -> None:
    known = {i.name for m in modules() if fits(m, "results") for i in imports(m) if i.own}
    assert {name for name in known if not fits(name, "results")} <= FACTS


def test_rooms_on_floor_1_do_not_know_each_other() -> None:
    met = {
        (m, i.name)
        for room in ROOMS
        for m in modules()
        if fits(m, room)
        for i in imports(m)
        if i.own and any(fits(i.name, other) for other in ROOMS - {room})
    }
    assert not met


def test_no_module_waits_for_itself() -> None:
    # A name imported for types or inside of a function makes no cycle when the package is loaded.
    graph = {m: {i.name for i in imports(m) if i.own and i.at_once and not i.for_types} for m in modules()}
    TopologicalSorter(graph).prepare()


def test_every_module_has_future_annotations_and_a_docstring() -> None:
    for module in modules():
        tree = ast.parse(file_of(module).read_text(encoding="utf-8"))
        if tree.body:
            assert ast.get_docstring(tree), module
            assert any(i.name == "__future__" for i in imports(module)), module


@pytest.mark.parametrize("module", ["wirelessfsl", "wirelessfsl.scenario", "wirelessfsl.catalogue", "wirelessfsl.cli"])
def test_importing_what_answers_at_once_loads_nothing_heavy(module: str) -> None:
    if find_spec(module) is None:
        pytest.skip(f"no {module} yet")
    code = f"import sys, {module}; print(*[name for name in {HEAVY} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == ""


def test_the_walk_sees_what_it_must_refuse() -> None:
    source = """
from typing import TYPE_CHECKING
import torch.nn as nn
from wirelessfsl.results import metrics
if TYPE_CHECKING:
    import simpy
    from wirelessfsl.engine.world import World
else:
    import scipy
def later():
    from wirelessfsl.radio.link import Links
"""
    found = {(i.name, i.own, i.for_types, i.at_once) for i in _imports(ast.parse(source), False, True)}
    assert found == {
        ("typing", False, False, True),
        ("torch", False, False, True),
        ("results.metrics", True, False, True),
        ("simpy", False, True, True),
        ("engine.world", True, True, True),
        ("scipy", False, False, True),
        ("radio.link", True, False, False),
    }


@pytest.mark.parametrize("path", sorted((ROOT / "algorithms").glob("*.py")), ids=lambda path: path.stem)
def test_a_scheme_reaches_samples_only_as_batches_of_their_client(path: Path) -> None:
    """Labels and inputs come from ``world.batch`` and its kin, which mark them as their client's, and stay marked."""
    touched = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
    assert not touched & {"data", "clone", "detach", "labels_of", "test_inputs", "test_labels"}
