"""The JSON Schemas of every file format, generated from the models that read and write them.

``python -m scripts.schemas`` writes them anew, ``--check`` says whether they are current.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from scripts.core import paths

#: Each schema's file, and the module and model it comes from; imported only when schemas are made.
MODELS: Final[Mapping[str, tuple[str, str]]] = {
    "matrix.schema.json": ("scripts.config.model", "Matrix"),
    "record.schema.json": ("scripts.records.model", "Record"),
    "fresh-record.schema.json": ("scripts.records.model", "FreshRecord"),
    "qualification.schema.json": ("scripts.qualify.model", "Qualification"),
    "report.schema.json": ("scripts.history.report", "Report"),
}


def generated() -> dict[Path, str]:
    """The text of every schema, by its file."""
    return {paths.SCHEMAS / name: _text(module, model) for name, (module, model) in MODELS.items()}


def _text(module: str, name: str) -> str:
    model = getattr(importlib.import_module(module), name)
    assert issubclass(model, BaseModel)
    schema: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def outdated() -> list[Path]:
    """The files that don't hold what their models make, or are missing."""
    return [p for p, text in generated().items() if not p.exists() or p.read_text("utf-8") != text]


def write() -> list[Path]:
    """Write what is outdated; returns the files written."""
    texts = generated()
    changed = outdated()
    for path in changed:
        path.write_text(texts[path], "utf-8", newline="\n")
    return changed
