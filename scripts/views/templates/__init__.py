"""The templates of reports, and how they are rendered: everything that was recorded is untrusted text, and escaped."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import jinja2

from scripts.texts import visible

_FOLDER: Final = Path(__file__).parent

#: What Markdown or HTML within it could take for markup, wherever it stands.
_MARKUP: Final = re.compile(r"([\\`*_\[\]<>#|~&$@])")


def render(name: str, **values: Any) -> str:
    """A template with its values. HTML is escaped by Jinja, Markdown by the filters ``md`` and ``code``."""
    return _environment().get_template(name).render(**values)


def source(name: str) -> str:
    """The text of a file among the templates that is put in as it is: styles and scripts."""
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
    """A text that Markdown shows as it is, on one line, a cell of a table included."""
    return _MARKUP.sub(r"\\\1", visible(" ".join(text.split())))


def code(text: str) -> str:
    """A text as an inline code span, whatever backticks it has, on one line; bars are escaped for tables."""
    text = visible(" ".join(text.split())).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return f"{fence}{pad}{text}{pad}{fence}"
