"""The JSON Schema of a scenario, from which editors complete and check, and the texts of the fields."""

from __future__ import annotations

from typing import Any

from wirelessfsl.scenario.settings import Scenario
from wirelessfsl.scenario.shape import adapter, meant_without_kind, sections


def schema() -> dict[str, Any]:
    """JSON Schema of a scenario, with descriptions from the docstrings, defaults, ranges and kinds."""
    made = adapter(Scenario).json_schema()
    meant = {cls.__name__ for _, section in sections() for cls in meant_without_kind(section)}
    for title, section in (("", made), *made["$defs"].items()):
        text = section.pop("description", "")
        lines = describe_fields(text)
        for name, field in section.get("properties", {}).items():
            field.pop("title", None)
            if name in lines:
                field["description"] = lines[name]
        section["description"] = text.partition("\n")[0]
        if "const" in section.get("properties", {}).get("kind", {}) and title not in meant:
            section["required"] = ["kind", *section.get("required", ())]
    for field in made["$defs"]["Codecs"]["properties"].values():
        listed = {key: field.pop(key) for key in ("type", "items")} | {"minItems": 1}
        field["anyOf"] = [listed["items"], listed]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def describe_fields(docstring: str) -> dict[str, str]:
    """The ``name: text`` lines of a docstring, continuation lines joined.

    >>> describe_fields("Wire.\\n\\n    rate_bit_s: rate in bit/s,\\n        > 0.")
    {'rate_bit_s': 'rate in bit/s, > 0.'}
    """
    found: dict[str, str] = {}
    names: list[str] = []
    for line in docstring.splitlines():
        text = line.strip()
        head, colon, rest = text.partition(": ")
        heads = [part.strip() for part in head.split(",")]
        if not text or text.startswith(">>>"):
            names = []
        elif colon and head[0].islower() and all(part.isidentifier() for part in heads):
            names = heads
            found |= dict.fromkeys(names, rest)
        else:
            found |= {name: f"{found[name]} {text}" for name in names}
    return found
