"""The version, commit and CUDA of a torch wheel, from its ``torch/version.py``; links between commits. Pure."""

from __future__ import annotations

import ast
import re
from typing import Final

from scripts.core.documents import StrictModel

#: The file in every wheel that holds its version, CUDA version and commit.
VERSION_FILE: Final = "torch/version.py"

_COMPARE: Final = "https://github.com/pytorch/pytorch/compare"
#: Digits of a commit id that GitHub accepts as an abbreviation.
_SHORT: Final = 12
_COMMIT: Final = re.compile(r"[0-9a-f]{7,40}")


class Torch(StrictModel):
    """Version, commit and CUDA version of an installed torch."""

    version: str
    git_version: str | None = None
    cuda: str | None = None


def parse(source: bytes) -> Torch | None:
    """Return version, commit and CUDA version from the text of ``torch/version.py``, which is parsed and never run."""
    try:
        assigned = dict(_assigned(ast.parse(source)))
    except (SyntaxError, ValueError):
        return None
    version = assigned.get("__version__")
    if version is None:
        return None
    return Torch(version=version, git_version=assigned.get("git_version"), cuda=assigned.get("cuda"))


def _assigned(tree: ast.Module) -> list[tuple[str, str]]:
    """Return the top-level names of a module that are assigned a string literal, with the string."""
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
    """Return GitHub's page of the commits between two versions; None unless both have a valid commit id."""
    commits = [torch.git_version for torch in (before, after) if torch and torch.git_version]
    if len(commits) < 2 or not all(map(_COMMIT.fullmatch, commits)):  # noqa: PLR2004 - both
        return None
    return f"{_COMPARE}/{'...'.join(commit[:_SHORT] for commit in commits)}"
