"""Render the report as JUnit XML for CI systems: a suite per cell, a case per observation or test.

A case fails on drift from the accepted results, or if a test fails in a cell without an accepted result. A failure that
is accepted becomes a *skipped* case, as pytest writes an expected failure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final
from xml.etree import ElementTree as ET

from scripts.history.report import Name, Report, ReportedCell, ReportedSignature
from scripts.records.drift import Drift

#: Characters that XML 1.0 does not allow, not even escaped.
_FORBIDDEN: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: Report) -> str:
    """Return the report as an XML document; only one suite at a time is held as elements."""
    drift = {(found.platform, found.cell, found.name): found for found in report.drift}
    counts: Counter[str] = Counter()
    texts = []
    for cell in report.cells:
        suite = _suite(report, cell, drift)
        counts.update({count: int(suite.get(count, "0")) for count in _COUNTS})
        ET.indent(suite, level=1)
        texts.append(f"  {ET.tostring(suite, encoding='unicode')}\n")
    root = ET.Element("testsuites", name="torch matrix")
    for count in _COUNTS:
        root.set(count, str(counts[count]))
    root.text = "\n"
    head, _, tail = ET.tostring(root, encoding="unicode", xml_declaration=True).rpartition("</testsuites>")
    return f"{head}{''.join(texts)}</testsuites>{tail}\n"


_COUNTS: Final = ("tests", "failures", "errors", "skipped")

#: The drift by platform, cell and name.
_Drift = Mapping[tuple[str, str, str | None], Drift]


def _suite(report: Report, cell: ReportedCell, drift: _Drift) -> ET.Element:
    suite = ET.Element("testsuite", name=_clean(f"{cell.platform}/{cell.id}"))
    if cell.status == "recorded":
        suite.extend(_case(report, cell, name, drift) for name in report.names if name.name in cell.seen)
    else:
        suite.append(_unrecorded(cell))
    for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(count, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("tests", str(len(suite.findall("testcase"))))
    return suite


def _case(report: Report, cell: ReportedCell, name: Name, drift: _Drift) -> ET.Element:
    shown = report.signatures[cell.seen[name.name]]
    case = ET.Element("testcase", classname=_clean(cell.id), name=name.label)
    found = drift.get((cell.platform, cell.id, name.name))
    if found:
        _outcome(case, "failure", "drift", f"{found.kind}: {found.accepted} → {found.fresh}")
    elif name.kind == "test" and not shown.signature.good:
        known = f"{cell.platform}/{cell.id}" not in report.new
        _outcome(case, "skipped" if known else "failure", "accepted" if known else shown.outcome, shown.text)
    text = _full_text(shown)
    if name.known_defect and shown.signature.good:
        text = f"known defect: {name.known_defect}\n{text}"
    if text != "passed":
        ET.SubElement(case, "system-out").text = _clean(text)
    return case


def _unrecorded(cell: ReportedCell) -> ET.Element:
    """Return the only case of a cell without observations."""
    case = ET.Element("testcase", classname=_clean(cell.id), name="cell")
    reason = f"{cell.reason.kind} ({cell.reason.stage}): {cell.reason.message}" if cell.reason else ""
    _outcome(case, "skipped" if cell.status == "unavailable" else "error", cell.status, reason)
    return case


def _outcome(case: ET.Element, tag: str, kind: str, message: str) -> None:
    ET.SubElement(case, tag, type=kind, message=_clean(message))


def _full_text(shown: ReportedSignature) -> str:
    """Return a signature with its whole message and warnings."""
    warnings = [f"{category}: {text}" for category, text in shown.warnings]
    return "\n".join(filter(None, [shown.text, shown.message, *warnings]))


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
