"""References of what a scenario uses, as BibTeX.

They stand in ``references.bib``, in which the field ``keywords`` of an entry names the kinds, models and data sets that
it is for: who adds one of these adds an entry, or its name to one, and nothing else. What has no source is not cited.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, NamedTuple

EVERYWHERE = "wirelessfsl"
"""The keyword of what every run stands on."""


class Entry(NamedTuple):
    """One reference: its key, what it is for, and the BibTeX."""

    key: str
    keywords: frozenset[str]
    text: str


def references() -> tuple[Entry, ...]:
    """All entries of the file, in its order."""
    _, *texts = (files("wirelessfsl") / "references.bib").read_text(encoding="utf-8").strip().split("\n\n")
    return tuple(Entry(_found(r"@\w+{(.+),", text), frozenset(_keywords(text)), text) for text in texts)


def cite(resolved: dict[str, Any]) -> str:
    """BibTeX of everything that a scenario uses.

    resolved: the scenario as plain data, without what has no effect.
    """
    used = {EVERYWHERE, resolved.get("preset"), resolved["data"]["name"], resolved["model"]["name"], *_kinds(resolved)}
    return "\n\n".join(entry.text for entry in references() if entry.keywords & used)


def _kinds(node: Any) -> Iterator[str]:
    """The value of every ``kind`` in plain data."""
    if isinstance(node, dict):
        if "kind" in node:
            yield node["kind"]
        node = [*node.values()]
    for below in node if isinstance(node, list) else ():
        yield from _kinds(below)


def _keywords(text: str) -> list[str]:
    return _found(r"keywords = {(.*?)}", text).split(", ")


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, f"references.bib: no {pattern} in {text!r}"
    return found[1]
