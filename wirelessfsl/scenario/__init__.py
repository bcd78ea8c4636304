"""Scenarios: the YAML file as nested frozen dataclasses, checked whole before anything runs.

Reading has three steps. The file is parsed with the place of every node kept (``document``). pydantic validates it
against the dataclasses (``settings``). Then the parts are held against each other (``checks``). All problems are told
at once, each as ``file:line:column path: got ..., allowed ...`` (``words``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wirelessfsl.scenario.checks import dataset_of, deal, unused
from wirelessfsl.scenario.document import Document, ScenarioError
from wirelessfsl.scenario.resolved import describe_fields, digest, resolve, schema, to_yaml
from wirelessfsl.scenario.settings import (
    Algorithm,
    CodecKind,
    Codecs,
    Data,
    Devices,
    EvaluationSettings,
    Host,
    Model,
    Network,
    Scenario,
    Server,
)

__all__ = [
    "Algorithm",
    "CodecKind",
    "Codecs",
    "Data",
    "Devices",
    "EvaluationSettings",
    "Host",
    "Model",
    "Network",
    "Scenario",
    "ScenarioError",
    "Server",
    "dataset_of",
    "deal",
    "describe_fields",
    "digest",
    "load_scenario",
    "resolve",
    "schema",
    "to_yaml",
    "unused",
]


def load_scenario(
    path: str | Path, sets: Sequence[str] = (), seed: int | None = None, allow_code: bool = False
) -> Scenario:
    """The scenario in a YAML file.

    sets: changes ``path=value``, as on the command line; values are YAML, null takes a section out.
    seed: replaces the file's seed.
    allow_code: whether ``kind: my_pkg.mod:Name`` may import code.

    Raises ScenarioError with every problem found.
    """
    document = Document(Path(path))
    for change in [*sets, *([f"seed={seed}"] if seed is not None else [])]:
        document.set(change)
    return document.scenario(allow_code)
