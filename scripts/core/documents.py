"""JSON documents with a schema number: the one reader and writer of every file format."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, Literal, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from scripts.core.errors import SchemaError
from scripts.core.files import write_atomically

Migration = Callable[[dict[str, Any]], dict[str, Any]]


class StrictModel(BaseModel):
    """Base of the models of documents: unknown keys are refused, and values cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False, defer_build=True)


M = TypeVar("M", bound=BaseModel)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Format(Generic[M]):
    """A file format: reads its documents, migrating older ones, and writes them.

    Attributes:
        name: what a file of this format is, for messages: ``qualification``.
        model: the document's model; its field ``schema_`` has the alias ``schema``.
        schema: the current schema number.
        remedy: what to do with a file that cannot be read, as an imperative.
        migrations: by schema number, the function that turns such a document into one of the next number.
        indent: spaces a level in written files.
        defaults: which fields with their default value are written: none, those of the document itself, or all.
    """

    name: str
    model: type[M]
    schema: int
    remedy: str
    migrations: Mapping[int, Migration] = dataclasses.field(default_factory=dict)
    indent: int = 2
    defaults: Literal["none", "top-level", "all"] = "none"

    def read(self, path: Path) -> M:
        """Return the document in a file.

        Raises:
            SchemaError: the file cannot be read, or `parse` refuses its text.
        """
        try:
            text = path.read_bytes()
        except OSError as error:
            raise SchemaError(f"{path}: cannot be read ({error.strerror}); {self.remedy}") from None
        return self.parse(text, path)

    def parse(self, text: str | bytes, source: object) -> M:
        """Return the document of a JSON text; ``source`` names it in errors.

        Raises:
            SchemaError: the text is not JSON, has an unknown schema number, or does not fit the model.
        """
        try:
            document = self.model.model_validate_json(text)
        except ValidationError as error:
            return self._migrated(text, source, error)
        if "schema_" not in document.model_fields_set:
            self._refuse_schema(source, None)
        return document

    def dump(self, document: M) -> str:
        """Return a document as JSON text: the schema number, then the fields in the model's order."""
        data = document.model_dump(mode="json", by_alias=True, exclude_defaults=self.defaults != "all")
        if self.defaults == "top-level":
            every = document.model_dump(mode="json", by_alias=True)
            data = {key: data.get(key, value) for key, value in every.items()}
        return json.dumps({"schema": self.schema, **data}, indent=self.indent, ensure_ascii=False) + "\n"

    def write(self, path: Path, document: M) -> None:
        """Write a document to a file atomically."""
        write_atomically(path, self.dump(document))

    def _migrated(self, text: str | bytes, source: object, error: ValidationError) -> M:
        """Return the document that the model refused, once it is migrated to the current schema."""
        data = self._data(text, source, error)
        schema = data.get("schema") if isinstance(data, dict) else None
        if type(schema) is not int or schema > self.schema:  # bool is a subclass of int
            self._refuse_schema(source, schema)
        if schema == self.schema:
            self._refuse(source, first_problem(error))
        while schema < self.schema:
            if schema not in self.migrations:
                self._refuse_schema(source, schema)
            data, schema = {**self.migrations[schema](data), "schema": schema + 1}, schema + 1
        try:
            return self.model.model_validate_json(json.dumps(data))
        except ValidationError as problem:
            self._refuse(source, first_problem(problem))

    def _data(self, text: str | bytes, source: object, error: ValidationError) -> Any:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            self._refuse(source, f"not JSON ({first['ctx']['error']})")
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as problem:
            self._refuse(source, f"not JSON ({problem})")

    def _refuse_schema(self, source: object, schema: object) -> NoReturn:
        known = f"this version reads schema {self.schema}"
        if schema is None:
            self._refuse(source, f"no schema number; {known}")
        self._refuse(source, f"unknown schema {schema!r}; {known}")

    def _refuse(self, source: object, problem: str) -> NoReturn:
        raise SchemaError(f"{source}: invalid {self.name}: {problem}; {self.remedy}") from None


def first_problem(error: ValidationError | OSError) -> str:
    """Return the first problem of a file, on one line."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    first = error.errors()[0]
    return ": ".join(filter(None, [".".join(map(str, first["loc"])), first["msg"]]))
