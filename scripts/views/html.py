"""The report as one self-contained page: nothing is loaded from anywhere, and nothing recorded can run in it.

What was recorded goes into the page as one island of JSON, which the page's scripts show as text only. A policy in the
page allows just these scripts and styles, by their digests, and no request at all.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from scripts.history.report import Report
from scripts.views import page, templates

#: In the order in which they are put together: each may use what stands before it.
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
    """The page."""
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
    """What a content security policy calls a text by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
