"""JSON Schemas of the file formats, generated from their models.

``python -m scripts.schemas`` generates them, ``--check`` reports outdated ones.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from scripts.core import paths

#: The module and model of each schema file; imported only when schemas are generated.
MODELS: Final[Mapping[str, tuple[str, str]]] = {
    "matrix.schema.json": ("scripts.config.model", "Matrix"),
    "project.schema.json": ("scripts.config.project", "ProjectTable"),
    "record.schema.json": ("scripts.records.model", "Record"),
    "fresh-record.schema.json": ("scripts.records.model", "FreshRecord"),
    "qualification.schema.json": ("scripts.qualify.model", "Qualification"),
    "report.schema.json": ("scripts.history.report", "Report"),
}


def generated() -> dict[Path, str]:
    """Return the text of every schema by its path."""
    return {paths.SCHEMAS / name: _text(module, model) for name, (module, model) in MODELS.items()}


def _text(module: str, name: str) -> str:
    model = getattr(importlib.import_module(module), name)
    assert issubclass(model, BaseModel)
    schema: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def outdated() -> list[Path]:
    """Return the schema files that are missing or differ from their models."""
    return [p for p, text in generated().items() if not p.exists() or p.read_text("utf-8") != text]


def write() -> list[Path]:
    """Write the outdated schemas and return their paths."""
    texts = generated()
    changed = outdated()
    for path in changed:
        path.write_text(texts[path], "utf-8", newline="\n")
    return changed
