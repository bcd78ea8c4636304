"""Runs as one page: interactive figures, tables, scenario, provenance and references in a file that needs no network.

The page is a pure function of the run folders. It is built as a tree (``html``), so that text from a scenario is text
wherever it stands; figures are plain data for Plotly, which stands in the page once (``charts``). ``page`` puts it
together.
"""

from __future__ import annotations

from wirelessfsl.results.report.page import Reference, report

__all__ = ["Reference", "report"]
