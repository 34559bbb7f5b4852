"""Render the report as one self-contained HTML page that makes no request and executes nothing that was recorded.

The page holds the records as one block of JSON, which its scripts show as text only. A content security policy allows
only the page's own scripts and styles, by digest, and no requests.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from scripts.history.report import Report
from scripts.views import page, templates

#: In the order of concatenation: each may use the ones before it.
SCRIPTS: Final = (
    "dom.js",
    "model.js",
    "state.js",
    "overview.js",
    "changes.js",
    "filters.js",
    "rows.js",
    "grid.js",
    "details.js",
    "compare.js",
    "main.js",
)
STYLES: Final = ("base.css", "parts.css", "grid.css")

_POLICY: Final = ("default-src 'none'", "base-uri 'none'", "form-action 'none'")


def render(report: Report) -> str:
    """Return the page."""
    script = "".join(templates.source(f"page/{name}") for name in SCRIPTS)
    style = "".join(templates.source(f"page/{name}") for name in STYLES)
    return templates.render(
        "page/page.html",
        sizes=page.sizes(report),
        span=(report.releases[0], report.releases[-1]),
        data=page.data(report),
        script=script,
        style=style,
        policy="; ".join([*_POLICY, f"script-src {_digest(script)}", f"style-src {_digest(style)}"]),
    )


def _digest(text: str) -> str:
    """Return the digest of a script or style in the syntax of a content security policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
