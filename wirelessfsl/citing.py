"""References of what a scenario uses, as BibTeX.

They stand in ``references.bib``, in which the field ``keywords`` of an entry names the kinds, models and data sets that
it is for: who adds one of these adds an entry, or its name to one, and nothing else. What has no source is not cited.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, NamedTuple
from unicodedata import normalize

EVERYWHERE = "wirelessfsl"
"""The keyword of what every run stands on."""
_LINKS = {"doi": "https://doi.org/", "eprint": "https://arxiv.org/abs/", "url": ""}
"""What leads from a field to the page of a reference."""
_ACCENTS = {"'": "\u0301", '"': "\u0308", "c": "\u0327", "v": "\u030c"}


class Entry(NamedTuple):
    """One reference: its key, what it is for, and the BibTeX."""

    key: str
    keywords: frozenset[str]
    text: str

    @property
    def line(self) -> str:
        """The reference as a line to read: authors, title, where and when."""
        has = self._values()
        authors = [" ".join(reversed(name.split(", "))) for name in has["author"].split(" and ")]
        if len(authors) > 6 or authors[-1] == "others":
            authors[1:] = ["et al"]
        where = next((has[key] for key in ("journal", "booktitle", "howpublished", "institution") if key in has), None)
        numbers = {
            "volume": "vol. ",
            "number": "no. " if "volume" in has else "",
            "pages": "pp. ",
            "publisher": "",
            "eprint": "arXiv:",
            "year": "",
        }
        told = [where, *(before + has[key] for key, before in numbers.items() if key in has)]
        parts = [", ".join(authors), has["title"], ", ".join(filter(None, told))]
        return (". ".join(filter(None, parts)) + ".").replace("?.", "?")

    @property
    def link(self) -> str | None:
        """Where the reference can be read, if it says so."""
        has = self._values()
        return next((start + has[key] for key, start in _LINKS.items() if key in has), None)

    def _values(self) -> dict[str, str]:
        return {name: _plain(value) for name, value in re.findall(r"(?ms)^  (\w+) = {(.*?)},$", self.text)}


def references() -> tuple[Entry, ...]:
    """All entries of the file, in its order."""
    _, *texts = (files("wirelessfsl") / "references.bib").read_text(encoding="utf-8").strip().split("\n\n")
    return tuple(Entry(_found(r"@\w+{(.+),", text), frozenset(_keywords(text)), text) for text in texts)


def cite(*resolved: dict[str, Any]) -> str:
    """BibTeX of everything that scenarios use.

    resolved: the scenarios as plain data, without what has no effect.
    """
    return "\n\n".join(entry.text for entry in cited(*resolved))


def cited(*resolved: dict[str, Any]) -> list[Entry]:
    """The entries of everything that scenarios use; see :func:`cite`."""
    used: set[str | None] = {EVERYWHERE}
    for each in resolved:
        used |= {each.get("preset"), each["data"]["name"], each["model"]["name"], *_kinds(each)}
    return [entry for entry in references() if entry.keywords & used]


def _kinds(node: Any) -> Iterator[str]:
    """The value of every ``kind`` in plain data."""
    if isinstance(node, dict):
        if "kind" in node:
            yield node["kind"]
        node = [*node.values()]
    for below in node if isinstance(node, list) else ():
        yield from _kinds(below)


def _plain(value: str) -> str:
    """A field without TeX: accents as letters, no braces, one line."""
    value = re.sub(r"\\(['\"cv]){?(\w)}?", lambda found: normalize("NFC", found[2] + _ACCENTS[found[1]]), value)
    value = value.replace(r"\L", "Ł").replace(r"\&", "&").replace("--", "–")
    return " ".join(re.sub("[{}]", "", value).split())


def _keywords(text: str) -> list[str]:
    return _found(r"keywords = {(.*?)}", text).split(", ")


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, f"references.bib: no {pattern} in {text!r}"
    return found[1]
