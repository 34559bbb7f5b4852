"""``PYTHON -I -S -B pyc.py JOB``: compile modules without running them. Runs in a cell's Python, which may be 3.8.

JOB is a JSON file: pairs of a source and the bytecode file to write. Where compiling warns, an empty file with the
suffix ``.warned`` is written instead, so that each cell's own import warns.
"""

from __future__ import annotations

import contextlib
import json
import os
import py_compile
import sys
import warnings


def compile_to(source: str, target: str) -> None:
    """Compile one module. Raises `py_compile.PyCompileError`, which the import of the module will report."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mode = py_compile.PycInvalidationMode.TIMESTAMP
        py_compile.compile(source, target, doraise=True, invalidation_mode=mode)
    if caught:
        os.replace(target, target + ".warned")  # noqa: PTH105
        with open(target + ".warned", "w"):  # noqa: PTH123
            pass


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as job:  # noqa: PTH123
        pairs = json.load(job)
    for pair in pairs:
        with contextlib.suppress(py_compile.PyCompileError, OSError, ValueError, RecursionError, MemoryError):
            compile_to(*pair)
