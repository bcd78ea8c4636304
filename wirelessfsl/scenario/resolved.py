"""A scenario as plain data again: every default written out, nothing that has no effect."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from wirelessfsl.scenario.settings import Scenario
from wirelessfsl.scenario.shape import classes, drop, given, types
from wirelessfsl.scenario.unused_knobs import unused

_NULL = "tag:yaml.org,2002:null"


def resolve(scenario: Scenario) -> dict[str, Any]:
    """The scenario as plain data with every default written out and without what its kinds do not use.

    Loading it again gives an equal scenario.
    """
    plain: dict[str, Any] = _plain(scenario) | {"devices": _plain(scenario.groups)}
    for each in unused(scenario):
        if given(plain, each.path):
            drop(plain, each.path)
    return plain


def digest(resolved: Mapping[str, Any]) -> str:
    """Short digest of a resolved scenario."""
    return sha256(json.dumps(resolved, sort_keys=True).encode()).hexdigest()[:8]


def to_yaml(resolved: Mapping[str, Any]) -> str:
    """A resolved scenario as YAML."""
    text = StringIO()
    writer = YAML()
    writer.width = 120
    writer.representer.add_representer(type(None), lambda representer, _: representer.represent_scalar(_NULL, "null"))
    writer.dump(dict(resolved), text)
    return text.getvalue()


def _plain(value: Any, choices: tuple[type, ...] = ()) -> Any:
    """Plain data of a setting, where a class of the user's own in a slot is named by its import path."""
    if isinstance(value, tuple):
        return [_plain(item, choices) for item in value]
    if not hasattr(value, "__dataclass_fields__"):
        return value
    cls: type = type(value)
    plain = {name: _plain(getattr(value, name), classes(hint)) for name, hint in types(cls).items()}
    if choices and cls not in choices:
        return {"kind": f"{cls.__module__}:{cls.__qualname__}"} | {k: v for k, v in plain.items() if k != "kind"}
    return plain
