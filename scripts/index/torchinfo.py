"""What a torch wheel says of itself in ``torch/version.py``, and where GitHub shows what lies between two. Pure."""

from __future__ import annotations

import ast
import re
from typing import Final

from scripts.records.model import Torch

#: The file in every wheel that tells version, CUDA and commit.
VERSION_FILE: Final = "torch/version.py"

_COMPARE: Final = "https://github.com/pytorch/pytorch/compare"
#: Digits of a commit that GitHub takes for the whole of it.
_SHORT: Final = 12
_COMMIT: Final = re.compile(r"[0-9a-f]{7,40}")


def parse(source: bytes) -> Torch | None:
    """Version, commit and CUDA from the text of ``torch/version.py``, which is read and never run."""
    try:
        said = dict(_assigned(ast.parse(source)))
    except (SyntaxError, ValueError):
        return None
    version = said.get("__version__")
    if version is None:
        return None
    return Torch(version=version, git_version=said.get("git_version"), cuda=said.get("cuda"))


def _assigned(tree: ast.Module) -> list[tuple[str, str]]:
    """Names at the top of a module that are given a plain text."""
    found = []
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                found.append((name, text))
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(text))):
                found.append((name, text))
            case _:
                pass
    return found


def compare_link(before: Torch | None, after: Torch | None) -> str | None:
    """GitHub's page of the commits between two torches, if both tell their commit; what is none makes no link."""
    commits = [torch.git_version for torch in (before, after) if torch and torch.git_version]
    if len(commits) < 2 or not all(map(_COMMIT.fullmatch, commits)):  # noqa: PLR2004 - both
        return None
    return f"{_COMPARE}/{'...'.join(commit[:_SHORT] for commit in commits)}"
