"""pydantic's errors in our words: what was got, what is allowed, what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from wirelessfsl.scenario.settings import Scenario

Path = tuple[str | int, ...]


def problem(data: Any, error: Any) -> tuple[Path, str]:
    """Path (without the tags that pydantic puts in) and text of one of pydantic's errors."""
    path: list[str | int] = []
    node, holder = data, data
    for step in error["loc"]:
        if isinstance(node, dict) and step not in node and node.get("kind") == step:
            continue
        if isinstance(step, str) and not isinstance(node, dict | None) and not isinstance(node, list):
            continue
        path.append(step)
        holder = node
        node = node.get(step) if isinstance(node, dict) else node[step] if _has(node, step) else None
    if error["type"].startswith("union_tag"):
        holder = node
        path += ["kind"] if isinstance(node, dict) and "kind" in node else []
    return tuple(path), _words(tuple(path), error, holder)


def _has(node: Any, step: Any) -> bool:
    return isinstance(node, list) and isinstance(step, int) and step < len(node)


def _words(path: Path, error: Any, holder: Any) -> str:
    kind, context, got = error["type"], error.get("ctx", {}), error["input"]
    match kind:
        case "unexpected_keyword_argument":
            return _unknown(path, holder)
        case "missing":
            return "missing, must be given"
        case "union_tag_invalid":
            choices = [choice.strip(" '") for choice in context["expected_tags"].split(",")]
            return f"got {context['tag']!r}, allowed: {', '.join(choices)}{near(context['tag'], choices)}"
        case "union_tag_not_found":
            return f"got {_short(got)}, must be a mapping with the key kind"
        case "literal_error":
            choices = [choice.strip(" '") for choice in context["expected"].replace(" or ", ",").split(",")]
            return f"got {got!r}, allowed: {', '.join(choices)}{near(str(got), choices)}"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            sign, limit = _SIGNS[kind], next(iter(context.values()))
            return f"got {got!r}, must be {sign} {limit:g}{_unit_hint(str(path[-1]), got)}"
        case "too_long" | "too_short":
            wanted = context.get("max_length", context.get("min_length"))
            return f"got {context.get('actual_length')} items, must be {wanted}"
        case "value_error":
            return str(context["error"])
        case _:
            return f"got {_short(got)}, must be {_TYPES.get(kind, error['msg'])}{_number_hint(kind, got)}"


_SIGNS = {"greater_than": ">", "greater_than_equal": ">=", "less_than": "<", "less_than_equal": "<="}
_TYPES = {
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping with the key kind",
    "model_attributes_type": "a mapping with the key kind",
    "dataclass_type": "a mapping",
    "dataclass_exact_type": "a mapping",
    "finite_number": "a finite number",
}


def _unknown(path: Path, holder: Any) -> str:
    """About a key that its mapping does not have; perhaps another kind of the same slot has it."""
    name, kind = str(path[-1]), holder.get("kind") if isinstance(holder, dict) else None
    mappings = _mappings(path[:-1])
    kinds = [mapping.get("kind", {}).get("const") for mapping in mappings]
    allowed = [key for mapping, own in zip(mappings, kinds, strict=True) if own == kind for key in mapping]
    allowed = [key for key in dict.fromkeys(allowed) if key != "kind"]
    owners = [str(own) for mapping, own in zip(mappings, kinds, strict=True) if name in mapping]
    hint = f" ({name} is a knob of {', '.join(owners)})" if owners else near(name, allowed)
    return f"unknown key, allowed: {', '.join(allowed) or 'none'}{hint}"


@cache
def _schema() -> Any:
    return TypeAdapter(Scenario).json_schema()


def _mappings(path: Path) -> list[dict[str, Any]]:
    """Properties, from the JSON Schema, of every mapping that may stand at a path."""
    nodes = [_schema()]
    for step in path:
        below = [_below(found, step) for node in nodes for found in _expand(node)]
        nodes = [node for node in below if node is not None]
    return [found["properties"] for node in nodes for found in _expand(node) if "properties" in found]


def _below(node: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return node.get("items") or next(iter(node.get("prefixItems", ())), None)
    return node.get("properties", {}).get(step)


def _expand(node: Any) -> list[Any]:
    """A schema node with references followed and choices told apart."""
    if "$ref" in node:
        return _expand(_schema()["$defs"][node["$ref"].rsplit("/", 1)[1]])
    choices = node.get("oneOf") or node.get("anyOf")
    return [found for choice in choices for found in _expand(choice)] if choices else [node]


def near(got: str, allowed: Sequence[str] | Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(got, list(allowed), n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""


def _unit_hint(name: str, got: Any) -> str:
    """What the number may have been meant to be, from the unit in the field's name."""
    if not isinstance(got, int | float) or isinstance(got, bool):
        return ""
    if got < 0 and name.endswith(("_hz", "_m", "_s", "_bit_s", "_w", "_j")):
        return f" (did you mean {-got:g}?)"
    if name.endswith("bandwidth_hz") and 0 < got < 1e3:
        return f" (unit is Hz: did you mean {got:g}e6?)"
    if name == "carrier_hz" and 0 < got < 1e6:
        return f" (unit is Hz: did you mean {got:g}e9?)"
    if name.endswith("_bit_s") and 0 <= got < 1:
        return " (unit is bit/s)"
    if name.endswith("_dbm") and got > 80:
        return " (unit is dBm, not mW: 23 dBm is 200 mW)"
    if name.endswith(("fraction", "accuracy", "efficiency")) and 1 < got <= 100:
        return f" (a share, not per cent: did you mean {got / 100:g}?)"
    return ""


def _number_hint(kind: str, got: Any) -> str:
    if kind in ("float_type", "int_type") and isinstance(got, str):
        try:
            return f" (did you mean {float(got):g}, without quotes?)"
        except ValueError:
            return " (no unit in the value: units stand in the names)" if got[:1].isdigit() else ""
    return ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
