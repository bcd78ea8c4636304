"""pydantic's errors in our words: what was got, what is allowed, what may have been meant."""

from __future__ import annotations

import re
from math import isfinite, log10
from typing import Any

from wirelessfsl.scenario.problems import Path, Problem, closest, near
from wirelessfsl.scenario.shape import Slot, holds, kind, sections, slot, types

_SIGNS = {"greater_than": ">", "greater_than_equal": ">=", "less_than": "<", "less_than_equal": "<="}
_WANTED = {
    "float_type": "a number",
    "int_type": "a whole number",
    "string_type": "text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "finite_number": "a finite number",
}
_PREFIXES = {"": "", "k": "e3", "M": "e6", "G": "e9", "T": "e12", "m": "e-3", "u": "e-6", "µ": "e-6", "n": "e-9"}
_SUFFIXES = {
    "Hz": "_hz",
    "bit/s": "_bit_s",
    "s": "_s",
    "m": "_m",
    "W": "_w",
    "J": "_j",
    "B": "_bytes",
    "dBm": "_dbm",
    "dB": "_db",
}
_NUMBER = re.compile(rf"([-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)\s*(?:([{''.join(_PREFIXES)}]?)({'|'.join(_SUFFIXES)}))?")
_VERDICT = re.compile(r"(?:[A-Z]\w*\.)?(\w+)((?:\.\w+)*): (.*)", re.DOTALL)


def problem(data: Any, error: Any) -> Problem:
    """One of pydantic's errors about a scenario, ``data``, as a problem."""
    location, got, context = error["loc"], error["input"], error.get("ctx", {})
    if error["type"] == "unexpected_keyword_argument":
        return _unknown(str(location[-1]), slot(data, location[:-1]))
    place = slot(data, location)
    name = next((step for step in reversed(place.path) if isinstance(step, str)), "")
    match error["type"]:
        case "value_error":
            return _verdict(str(context["error"]), place)
        case "union_tag_invalid" | "union_tag_not_found" as lack:
            return _kindless(lack, got, place)
        case "missing":
            return Problem(place.path, "missing, must be given", reads=(place.path,))
        case "literal_error":
            allowed = [word or number for word, number in re.findall(r"'([^']*)'|(\d+)", context["expected"])]
            return Problem(place.path, f"got {_show(got)}, allowed: {', '.join(allowed)}{near(got, allowed)}")
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal" as sign:
            (limit,) = context.values()
            rule = f"must be {_SIGNS[sign]} {_short(limit)}"
            return Problem(place.path, f"got {_show(got)}, {rule}{_range_hint(name, got)}")
        case "tuple_type" if got in [kind(choice) for choice in place.choices]:
            return Problem(place.path, f"got {_show(got)}, must be a list (did you mean [{{kind: {got}}}]?)")
        case "dataclass_type":
            keys = ", ".join(types(place.cls)) if place.cls else ""
            return Problem(place.path, f"got {_show(got)}, must be a mapping with keys of: {keys}{_null_hint(got)}")
        case other:
            wanted = _WANTED.get(other, error["msg"])
            return Problem(place.path, f"got {_show(got)}, must be {wanted}{_type_hint(other, name, got)}")


def _unknown(name: str, holder: Slot) -> Problem:
    """A key that a section does not have; another kind of the same slot, or another section, may have it."""
    allowed = [key for key in types(holder.cls) if key != "kind"] if holder.cls else []
    others = [kind(choice) for choice in holder.choices if choice is not holder.cls and name in types(choice)]
    depth = len(holder.path)
    homes = [
        home
        for home in dict.fromkeys((*path, name) for path, cls in sections() if path and name in types(cls))
        if home[:depth] != holder.path or home[depth] in allowed  # below this section, not below one of another kind
    ]
    homes = [home for home in homes if home[:depth] == holder.path] or homes
    meant: Path = ()
    hint = ""
    if others and holder.cls:
        *most, last = others
        listed = f"{', '.join(most)} and {last}" if most else last
        hint = f" ({name} is a knob of {listed}, not of {kind(holder.cls)})"
    elif word := closest(name, allowed):
        meant, hint = (*holder.path, word), f" (did you mean {word}?)"
    elif homes:
        meant, hint = homes[0], f" (did you mean {' or '.join('.'.join(home) for home in homes[:2])}?)"
    text = f"unknown key, allowed: {', '.join(allowed) or 'none'}{hint}"
    return Problem((*holder.path, name), text, at_key=True, meant=meant)


def _verdict(text: str, place: Slot) -> Problem:
    """A ValueError of the section's own; "Class.field: text" and "field.0.inner: text" have a place in it."""
    found = _VERDICT.fullmatch(text)
    reads = (place.path,) if place.path else ()  # of the whole scenario only its name is judged like this
    if found and (found[1] == "kind" or (place.cls and found[1] in types(place.cls))):
        inner = (int(step) if step.isdigit() else step for step in found[2].split(".")[1:])
        return Problem((*place.path, found[1], *inner), found[3], reads=reads)
    return Problem(place.path, text, reads=reads)


def _kindless(error: str, got: Any, place: Slot) -> Problem:
    """A slot whose kind is missing or unknown."""
    kinds = [kind(choice) for choice in place.choices]
    allowed = f"allowed: {', '.join(kinds)}"
    if holds(got, "kind"):
        meant = "none" if got["kind"] is None else got["kind"]
        return Problem((*place.path, "kind"), f"got {_show(got['kind'])}, {allowed}{near(meant, kinds)}")
    if isinstance(got, dict):
        fitting = [kind(choice) for choice in place.choices if got and got.keys() <= types(choice).keys()]
        hint = f" (did you mean kind: {fitting[0]}?)" if fitting else ""
        return Problem(place.path, f"has no kind, {allowed}{hint}")
    if error == "union_tag_invalid":  # a word, where one may stand
        return Problem(place.path, f"got {_show(got)}, {allowed}{near(got, kinds)}")
    hint = f" (did you mean {{kind: {got}}}?)" if got in kinds else _null_hint(got)
    return Problem(place.path, f"got {_show(got)}, must be a mapping with the key kind, {allowed}{hint}")


def _range_hint(name: str, got: float) -> str:
    """What a number out of its range may have been meant to be, from the unit in the field's name."""
    if got < 0 and not name.endswith(("_db", "_dbm", "_dbm_hz")):
        return f" (did you mean {_short(-got)}?)"
    if name.endswith("_hz") and 0 < got < 1e6:
        return f" (the unit is Hz: did you mean {got:g}{'e6' if 'bandwidth' in name else 'e9'}?)"
    if name.endswith("_dbm") and got > 0:
        return f" (the unit is dBm: {got:g} mW are {10 * log10(got):.3g} dBm)"
    if 1 < got <= 100 and name.endswith(("fraction", "accuracy", "efficiency")):
        return f" (a share, not per cent: did you mean {got / 100:g}?)"
    return ""


def _type_hint(error: str, name: str, got: Any) -> str:
    """What a value of the wrong type may have been meant to be."""
    match error, got:
        case "float_type" | "int_type", str():
            found = _NUMBER.fullmatch(got.strip())
            if found and (found[3] is None or name.endswith(_SUFFIXES[found[3]])):
                plain = f"{found[1]}{_PREFIXES[found[2] or '']}"
                return f" (did you mean {plain}, without {'the unit' if found[3] else 'quotes'}?)"
        case "int_type", float() if isfinite(got) and got.is_integer():
            return f" (did you mean {got:.0f}?)"
        case "string_type", int() | float() if not isinstance(got, bool):
            return f" (did you mean '{got}', in quotes?)"
        case "tuple_type", str() | int() | float():
            return f" (did you mean [{got}]?)"
        case "tuple_type", dict():
            return " (did you mean a list of one, [{...}]?)"
    return _null_hint(got)


def _null_hint(got: Any) -> str:
    return " (leave the key out for the default)" if got is None else ""


def _short(number: float) -> str:
    """A number as one would write it: exact if whole, powers of ten in steps of three if large.

    >>> _short(20e6), _short(1000.0), _short(2**63)
    ('20e6', '1000', '9223372036854775808')
    """
    if isinstance(number, int) or abs(number) < 1e6:
        return str(number) if isinstance(number, int) else f"{number:g}"
    exponent = int(log10(abs(number))) // 3 * 3
    return f"{number / 10**exponent:g}e{exponent}"


def _show(value: Any) -> str:
    """A value as the scenario has it, cut short."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case float() if not isfinite(value):
            return {"inf": ".inf", "-inf": "-.inf"}.get(str(value), ".nan")
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
