"""Scenarios: the YAML file as nested frozen dataclasses, checked whole before anything runs.

A file is read with the place of every node kept (``document``), validated by pydantic against the dataclasses
(``settings``), which are the very objects that the simulator uses, and its parts are held against each other
(``unused_knobs``, ``conflicts``). All problems are told at once, each as ``file:line:column path: got ..., allowed
...`` (``words``).
"""

from __future__ import annotations

from wirelessfsl.scenario.derived import (
    broadcasts,
    check_machine,
    cut_choices,
    cuts_of,
    dataset_of,
    deal,
    model_of,
    other_of,
    pieces_of,
    pinned,
    places_of,
    radio_loses,
    rates_depend_on_power,
)
from wirelessfsl.scenario.edges import clients_of_edges
from wirelessfsl.scenario.hierarchy import EdgeCloud, EdgeServer, Flat, Hierarchy
from wirelessfsl.scenario.json_schema import describe_fields, schema
from wirelessfsl.scenario.loading import load_scenario
from wirelessfsl.scenario.problems import ScenarioError
from wirelessfsl.scenario.resolved import digest, resolve, to_yaml
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
from wirelessfsl.scenario.unused_knobs import unused

__all__ = [
    "Algorithm",
    "CodecKind",
    "Codecs",
    "Data",
    "Devices",
    "EdgeCloud",
    "EdgeServer",
    "EvaluationSettings",
    "Flat",
    "Hierarchy",
    "Host",
    "Model",
    "Network",
    "Scenario",
    "ScenarioError",
    "Server",
    "broadcasts",
    "check_machine",
    "clients_of_edges",
    "cut_choices",
    "cuts_of",
    "dataset_of",
    "deal",
    "describe_fields",
    "digest",
    "load_scenario",
    "model_of",
    "other_of",
    "pieces_of",
    "pinned",
    "places_of",
    "radio_loses",
    "rates_depend_on_power",
    "resolve",
    "schema",
    "to_yaml",
    "unused",
]
