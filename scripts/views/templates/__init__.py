"""Render the templates of the reports. Everything recorded is untrusted text, and is escaped."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import jinja2

from scripts.core.escaping import visible

_FOLDER: Final = Path(__file__).parent

#: Characters that may be markup in Markdown, or in HTML within it.
_MARKUP: Final = re.compile(r"([\\`*_\[\]<>#|~&$@])")


def render(name: str, **values: Any) -> str:
    """Return a template filled with values. Jinja escapes HTML; in Markdown, the filters ``md`` and ``code`` escape."""
    return _environment().get_template(name).render(**values)


def source(name: str) -> str:
    """Return the text of a style or script beside the templates, which is included verbatim."""
    return (_FOLDER / name).read_text("utf-8")


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER, encoding="utf-8"),
        autoescape=jinja2.select_autoescape(["html", "svg", "xml"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    environment.filters["md"] = escape_markdown
    environment.filters["code"] = code
    return environment


def escape_markdown(text: str) -> str:
    """Return a text escaped for one line of Markdown, also inside a table cell."""
    return _MARKUP.sub(r"\\\1", visible(" ".join(text.split())))


def code(text: str) -> str:
    """Return a text as an inline code span on one line; it may contain backticks, and bars are escaped for tables."""
    text = visible(" ".join(text.split())).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return f"{fence}{pad}{text}{pad}{fence}"
