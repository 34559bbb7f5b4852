"""Text that came from outside. Pure."""

from __future__ import annotations


def encodable(text: str) -> str:
    """Return ``text`` with lone surrogates as backslash escapes, so that it can be written as UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
