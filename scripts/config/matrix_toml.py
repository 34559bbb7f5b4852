"""Read ``matrix.toml``, and report every problem in it with the path of its key."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import ValidationError

from scripts.config import checks
from scripts.config.model import Matrix
from scripts.config.validation import explain
from scripts.core.errors import ConfigError
from scripts.core.paths import MATRIX_TOML


def load(path: Path = MATRIX_TOML) -> Matrix:
    """Read and check ``matrix.toml``. Raise `ConfigError` with every problem."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(path, [f"cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError(path, [f"not UTF-8: {error.reason} at byte {error.start}; save it as UTF-8"]) from None
    return parse(text, path)


def parse(text: str, path: Path = MATRIX_TOML) -> Matrix:
    """Parse and check the text of a ``matrix.toml``. Raise `ConfigError` with every problem."""
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(path, [f"not TOML: {error}"]) from None
    try:
        matrix = Matrix.model_validate(data, context={"folder": path.absolute().parent})
    except ValidationError as error:
        raise ConfigError(path, [explain(details, Matrix) for details in error.errors()]) from None
    problems = [f"{where}: {what}" for where, what in checks.problems(matrix)]
    if problems:
        raise ConfigError(path, problems)
    return matrix
