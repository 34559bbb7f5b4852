"""The jobs with write permission: one maintains an issue, one the pull request of new releases.

Both read the artifacts of earlier jobs as data; they never run code from them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from scripts.ci import actions, github, issues
from scripts.ci.inputs import declared_suite
from scripts.ci.issues import IssueText
from scripts.ci.report import ISSUE
from scripts.config import matrix_toml
from scripts.config.model import Matrix
from scripts.config.suite import Suite
from scripts.core import paths
from scripts.core.documents import first_problem
from scripts.core.errors import Exit, SchemaError, UsageError
from scripts.core.files import write_atomically
from scripts.index import new_releases
from scripts.index.new_releases import MatrixEdit
from scripts.records import accept
from scripts.records.merge_folders import merge_folders
from scripts.records.store import Store
from scripts.views import report_files

BRANCH: Final = "matrix/new-releases"


def issue(folder: Path) -> Exit:
    """Open, update or close the issue whose text an earlier job wrote to ``folder``."""
    action = issues.decide(_issue_text(folder / ISSUE), github.open_issues(), actions.run_link())
    print("nothing to change" if action is None else f"{action.do}: {github.apply(action).strip()}")
    return Exit.OK


def _issue_text(path: Path) -> IssueText:
    if not path.is_file() or path.is_symlink():
        raise UsageError(f"{path}: no such file")
    try:
        return IssueText.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise SchemaError(f"{path}: not the text of an issue ({first_problem(error)})") from None


def pull_request(folder: Path) -> Exit:
    """Add the new releases and their results on a branch, and open its pull request.

    New releases are looked up again and records are validated by the merge: nothing that a cell could have tampered
    with is trusted.
    """
    requested = os.environ.get("CI_RELEASES", "").split()
    new = [release for release in new_releases.find(matrix_toml.load()).releases if release in requested]
    if not new:
        print("nothing to add: matrix.toml already has these releases, or the index no longer does")
        return Exit.OK
    write_atomically(paths.MATRIX_TOML, MatrixEdit(new).after)
    matrix = matrix_toml.load()
    suite = declared_suite(matrix)
    merged = merge_folders([folder], suite.paths.records, suite=suite.name)
    records = [record for record in merged.records if record.cell.torch in new]
    accepted = accept.accept(records, Store(suite.paths.results))
    report_files.write_results_page(matrix, suite)
    title = f"torch {', '.join(new)}: release and results"
    names = [path.relative_to(paths.ROOT).as_posix() for path in (paths.MATRIX_TOML, paths.RESULTS) if path.exists()]
    if github.commit(BRANCH, f"{title}\n", names):
        body = _body(matrix, suite, new, len(accepted))
        print(github.pull_request(BRANCH, title, body).strip())
    return Exit.OK


def _body(matrix: Matrix, suite: Suite, new: list[str], recorded: int) -> str:
    """Return the text of the pull request, with the change points at the new releases."""
    report = report_files.report(matrix, suite, report_files.accepted(suite))
    changes = issues.change_points([change for change in report.changes if change.after in new])
    parts = [
        f"The index has {', '.join(new)}; {recorded} cells were recorded.",
        *(changes or ["No change points in the recorded cells."]),
    ]
    link = actions.run_link()
    return "\n\n".join([*parts, *([f"[The workflow run]({link})."] if link else [])])
