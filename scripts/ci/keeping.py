"""The jobs that may write: one keeps an issue, one the pull request of new releases. Both take data, never code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from scripts import paths
from scripts.ci import actions, hub, issues
from scripts.ci.issues import Text
from scripts.ci.report import ISSUE
from scripts.commands import merge as merging
from scripts.commands import update
from scripts.errors import Exit, SchemaError, UsageError
from scripts.matrix import config
from scripts.results import accepting
from scripts.results.records import Store, write_atomically
from scripts.views import report_files

BRANCH: Final = "matrix/new-releases"


def issue(folder: Path) -> Exit:
    """Open, update or close the issue whose text an earlier job left in ``folder``."""
    action = issues.decide(_text(folder / ISSUE), hub.open_issues(), actions.run_link())
    print("nothing to change" if action is None else f"{action.do}: {hub.do(action).strip()}")
    return Exit.OK


def _text(path: Path) -> Text:
    if not path.is_file() or path.is_symlink():
        raise UsageError(f"{path}: no such file")
    try:
        return Text.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise SchemaError(f"{path}: no text of an issue: {error}") from None


def pull_request(folder: Path) -> Exit:
    """Add the new releases and their results on a branch, and open its pull request.

    What is new is looked up again, and records are merged as data: nothing that an earlier job could have changed
    is taken as it is.
    """
    asked = os.environ.get("CI_RELEASES", "").split()
    new = [release for release in update.news(config.load()).releases if release in asked]
    if not new:
        print("the index has none of the releases asked for any more, or matrix.toml has them")
        return Exit.OK
    write_atomically(paths.MATRIX_TOML, update.Change(new).after)
    matrix = config.load()
    merged = merging.merge([folder], paths.RECORDS)
    records = [record for record in merged.records if record.cell.torch in new]
    done = accepting.accept(records, Store(paths.RESULTS))
    report_files.write_results_page(matrix)
    title = f"torch {', '.join(new)}: release and results"
    names = [path.relative_to(paths.ROOT).as_posix() for path in (paths.MATRIX_TOML, paths.RESULTS) if path.exists()]
    if hub.commit(BRANCH, f"{title}\n", names):
        body = _body(matrix, new, len(done))
        print(hub.pull_request(BRANCH, title, body).strip())
    return Exit.OK


def _body(matrix: config.Matrix, new: list[str], recorded: int) -> str:
    """The text of the pull request: the change points that the new releases bring."""
    report = report_files.report(matrix, report_files.accepted())
    changes = issues.change_points([one for one in report.changes if one.after in new])
    parts = [
        f"The index has {', '.join(new)}; {recorded} cells were recorded.",
        *(changes or ["Nothing changes with it, as far as the recorded cells show."]),
    ]
    link = actions.run_link()
    return "\n\n".join([*parts, *([f"[The run that recorded them]({link})."] if link else [])])
