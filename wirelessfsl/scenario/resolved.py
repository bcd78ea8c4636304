"""A scenario written out: every default, no knob without effect; its digest, its YAML, and the JSON Schema of all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from hashlib import sha256
from io import StringIO
from typing import Any

from pydantic import TypeAdapter
from ruamel.yaml import YAML

from wirelessfsl.scenario.checks import unused
from wirelessfsl.scenario.settings import Scenario


def resolve(scenario: Scenario) -> dict[str, Any]:
    """The scenario as plain data with every default written out and without what its kinds do not use."""
    plain: dict[str, Any] = _plain(scenario)
    plain["devices"] = [_plain(group) for group in scenario.groups]
    for path, _ in unused(scenario):
        holder: Any = plain
        step: Any
        for step in path[:-1]:
            holder = holder[step] if isinstance(holder, list) else (holder or {}).get(step)
        if isinstance(holder, dict):
            holder.pop(path[-1], None)
    return plain


def digest(resolved: Mapping[str, Any]) -> str:
    """Short digest of a resolved scenario."""
    return sha256(json.dumps(resolved, sort_keys=True).encode()).hexdigest()[:8]


def to_yaml(resolved: Mapping[str, Any]) -> str:
    """A resolved scenario as YAML."""
    text = StringIO()
    writer = YAML()
    writer.width = 120
    writer.dump(dict(resolved), text)
    return text.getvalue()


def schema() -> dict[str, Any]:
    """JSON Schema of a scenario, with the fields' descriptions from the docstrings."""
    made = TypeAdapter(Scenario).json_schema()
    for definition in (made, *made.get("$defs", {}).values()):
        lines = describe_fields(definition.get("description", ""))
        for name, field in definition.get("properties", {}).items():
            field.pop("title", None)
            if name in lines:
                field["description"] = lines[name]
        definition["description"] = definition.get("description", "").split("\n")[0]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def describe_fields(docstring: str) -> dict[str, str]:
    """The ``name: text`` lines of a docstring, continuation lines joined."""
    found: dict[str, str] = {}
    name = None
    for line in docstring.splitlines():
        text = line.strip()
        head, colon, rest = text.partition(": ")
        if not text or text.startswith(">>>"):
            name = None
        elif colon and all(part.strip().isidentifier() for part in head.split(",")) and head[0].islower():
            names = [part.strip() for part in head.split(",")]
            name = names[-1]
            found |= dict.fromkeys(names, rest)
        elif name is not None:
            found[name] += f" {text}"
    return found


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        plain = {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
        module = type(value).__module__
        if "kind" not in plain and not module.startswith("wirelessfsl."):
            plain = {"kind": f"{module}:{type(value).__qualname__}", **plain}
        return plain
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
