"""HTML as a tree of elements: text and attributes are escaped when it is written down, so no text becomes markup.

What stands in a ``script`` or ``style`` is not escaped by HTML's rules: only constants of ours and ``data``, which
escapes itself, go there.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any
from xml.etree.ElementTree import Element, tostring


def tag(name: str, /, *inside: Element | str, **attributes: str) -> Element:
    """An element with what stands in it, in order; ``class_`` is the attribute class, ``aria_label`` is aria-label.

    >>> written(tag("p", "a < b ", tag("b", "c"), title='"'))
    '<p title="&quot;">a &lt; b <b>c</b></p>'
    """
    element = Element(name, {key.strip("_").replace("_", "-"): value for key, value in attributes.items()})
    last: Element | None = None
    for each in inside:
        if not isinstance(each, str):
            element.append(last := each)
        elif last is None:
            element.text = (element.text or "") + each
        else:
            last.tail = (last.tail or "") + each
    return element


def written(element: Element) -> str:
    """An element as HTML."""
    return tostring(element, encoding="unicode", method="html")


def page(title: str, style: str, scripts: Sequence[str], body: Iterable[Element]) -> str:
    """A whole page that loads nothing: its content security policy allows no request and no script but those given.

    title: of the page. style: CSS. scripts: run in this order after the body is there. body: of the page.
    """
    digests = (base64.b64encode(sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = {
        "default-src": "'none'",
        "script-src": " ".join(f"'sha256-{digest}'" for digest in digests),
        "style-src": "'unsafe-inline'",  # Plotly's own, written as it draws
        "img-src": "data: blob:",  # for the button that saves a figure
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag(
            "meta",
            http_equiv="Content-Security-Policy",
            content="; ".join(f"{name} {value}" for name, value in allowed.items()),
        ),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", style),
    )
    whole = tag("html", head, tag("body", *body, *(tag("script", script) for script in scripts)), lang="en")
    return f"<!DOCTYPE html>\n{written(whole)}\n".encode(errors="replace").decode()


def data(value: Any) -> Element:
    """Plain data for a script to read: JSON in which no character can end the element or mean anything to HTML.

    >>> written(data({"name": "</script>"}))
    '<script type="application/json">{"name":"\\\\u003c/script\\\\u003e"}</script>'
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return tag("script", text, type="application/json")


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Element | str]]) -> Element:
    """A table with a heading for every column, whose first column names the row; it scrolls where it is too wide.

    caption: what it shows, with units where the headings have none. heads: of the columns. rows: of as many cells.
    """
    body = [tag("tr", tag("th", first, scope="row"), *(tag("td", cell) for cell in rest)) for first, *rest in rows]
    return tag(
        "div",
        tag(
            "table",
            tag("caption", caption),
            tag("thead", tag("tr", *(tag("th", head, scope="col") for head in heads))),
            tag("tbody", *body),
        ),
        class_="wide",
        tabindex="0",
        role="region",
        aria_label=caption,
    )


def folded(summary: str, *inside: Element | str) -> Element:
    """What is shown when the reader asks for it."""
    return tag("details", tag("summary", summary), *inside)
