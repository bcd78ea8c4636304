"""The JSON Schema says to editors what the loader accepts."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from wirelessfsl.scenario import describe_fields, schema
from wirelessfsl.scenario.shape import sections, types

ROOT = Path(__file__).parents[2]
SCHEMA = schema()


def fits(node: Any, rule: dict[str, Any]) -> bool:
    """Whether a node satisfies the part of JSON Schema that the package uses."""
    if "$ref" in rule:
        return fits(node, SCHEMA["$defs"][rule["$ref"].rsplit("/", 1)[1]])
    if "oneOf" in rule:
        return sum(fits(node, choice) for choice in rule["oneOf"]) == 1
    if "anyOf" in rule:
        return any(fits(node, choice) for choice in rule["anyOf"])
    match rule.get("type"):
        case "object":
            known = rule.get("properties", {})
            return (
                isinstance(node, dict)
                and set(rule.get("required", ())) <= node.keys()
                and all(
                    fits(value, known[key]) if key in known else rule.get("additionalProperties", True)
                    for key, value in node.items()
                )
            )
        case "array":
            length = range(rule.get("minItems", 0), rule.get("maxItems", 1000) + 1)
            items = rule.get("prefixItems", [rule.get("items")])[0]
            return isinstance(node, list) and len(node) in length and all(fits(item, items) for item in node)
        case "boolean":
            return isinstance(node, bool)
        case "null":
            return node is None
        case "string":
            return (
                isinstance(node, str)
                and node in rule.get("enum", [node])
                and node == rule.get("const", node)
                and bool(re.search(rule.get("pattern", ""), node))
            )
        case "number" | "integer" as kind:
            return (
                isinstance(node, int if kind == "integer" else (int, float))
                and not isinstance(node, bool)
                and rule.get("minimum", node) <= node <= rule.get("maximum", node)
                and ("exclusiveMinimum" not in rule or node > rule["exclusiveMinimum"])
                and ("exclusiveMaximum" not in rule or node < rule["exclusiveMaximum"])
            )
    raise AssertionError(f"a rule that this test does not know: {rule}")


def quickstart() -> Any:
    return YAML(typ="safe", pure=True).load((ROOT / "scenarios" / "quickstart.yaml").read_text())


FILES = [*(ROOT / "scenarios").glob("*.yaml"), *(ROOT / "wirelessfsl" / "templates").glob("*.yaml")]


@pytest.mark.parametrize("path", sorted(FILES), ids=lambda path: path.name)
def test_a_scenario_of_the_package_fits(path: Path) -> None:
    assert fits(YAML(typ="safe", pure=True).load(path.read_text()), SCHEMA)


@pytest.mark.parametrize(
    ("section", "value", "good"),
    [
        ("seed", -1, False),
        ("seed", True, False),
        ("codecs", {"activations": {"kind": "quantize", "bits": 8}}, True),
        ("codecs", {"activations": [{"kind": "quantize", "bits": 8}]}, True),
        ("codecs", {"activations": [{"kind": "quantize", "bits": 17}]}, False),
        ("codecs", {"activations": [{"kind": "cast"}, {"kind": "deflate"}]}, True),
        ("network", {"medium": {"kind": "fdma", "bandwidth_hz": 20}}, False),
        ("network", {"medium": {"bandwidth_hz": 20e6}}, False),
        ("network", {"medium": {"kind": "fdma", "allocation": "max_min"}}, True),
        ("network", {"medium": {"kind": "fdma", "allocation": {"kind": "max_min"}}}, True),
        ("network", {"medium": {"kind": "fdma", "allocation": "my_mod:Mine"}}, True),
        ("network", {"medium": {"kind": "fdma", "allocation": "max_mni"}}, False),
        ("network", {"channel": {"fading": {"kind": "rayleigh", "k_factor_db": 3.0}}}, False),
        ("network", {"channel": {"fading": {"kind": "my_mod:Mine", "depth": 3}}}, True),
        ("servr", {}, False),
    ],
)
def test_the_schema_accepts_what_the_loader_accepts(section: str, value: Any, good: bool) -> None:
    assert fits(quickstart() | {section: value}, SCHEMA) is good


def test_every_field_has_a_description_and_a_default_unless_it_must_be_given() -> None:
    for name, definition in {"Scenario": SCHEMA, **SCHEMA["$defs"]}.items():
        assert definition["description"]
        for field, rule in definition.get("properties", {}).items():
            must = field in definition.get("required", ())
            assert field == "kind" or rule.get("description"), f"{name}.{field}"
            assert must or "default" in rule, f"{name}.{field}"


def test_ranges_units_and_kinds_are_there() -> None:
    medium = SCHEMA["$defs"]["Fdma"]
    assert medium["properties"]["bandwidth_hz"]["minimum"] == 1000
    assert medium["properties"]["bandwidth_hz"]["maximum"] == 1e12
    assert medium["properties"]["kind"]["const"] == "fdma"
    assert medium["required"] == ["kind"]
    assert "Hz" in medium["properties"]["bandwidth_hz"]["description"]


def test_every_section_says_something_about_each_of_its_fields() -> None:
    for path, cls in sections():
        told = describe_fields(cls.__doc__ or "")
        assert told.keys() - {"kind"} >= types(cls).keys() - {"kind"}, (".".join(path), cls.__name__)


def test_checking_imports_nothing_heavy() -> None:
    code = "import sys, wirelessfsl.scenario; print([m for m in sys.argv[1:] if m in sys.modules])"
    heavy = ["torch", "sklearn", "matplotlib", "pyarrow", "scipy"]
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
