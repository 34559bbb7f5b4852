"""GitHub, by its own command line program ``gh``, and git: issues, branches and pull requests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from scripts import paths, process
from scripts.ci.issues import Action, Open
from scripts.errors import MatrixError

#: Only who may set labels can make an issue that the workflows take for their own.
LABEL: Final = "matrix"


class HubError(MatrixError):
    """``gh`` or git said no."""


def run(command: Sequence[str], *, text: str | None = None, cwd: Path = paths.ROOT) -> str:
    """Run a program, and return what it prints. Raises `HubError` with what it complains about."""
    try:
        done = process.capture(command, text=text or "", cwd=cwd)
    except OSError as error:
        raise HubError(f"{command[0]} can't be run: {error.strerror}") from error
    if done.returncode:
        raise HubError(f"`{' '.join(command[:3])} …` failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def open_issues() -> list[Open]:
    """The open issues with the workflows' label."""
    told = run(
        ["gh", "issue", "list", "--label", LABEL, "--state", "open", "--limit", "100", "--json", "number,title,body"]
    )
    return [Open(number=one["number"], title=one["title"], body=one["body"]) for one in json.loads(told)]


def do(action: Action) -> str:
    """Do it; returns what ``gh`` says, which is the issue's address."""
    number = str(action.number)
    match action.do:
        case "create":
            run(["gh", "label", "create", LABEL, "--force", "--description", "Kept by the workflows of the matrix"])
            return run(
                ["gh", "issue", "create", "--title", action.title, "--label", LABEL, "--body-file", "-"],
                text=action.body,
            )
        case "update":
            return run(["gh", "issue", "edit", number, "--title", action.title, "--body-file", "-"], text=action.body)
        case "close":
            return run(["gh", "issue", "close", number, "--comment", action.body])


def commit(branch: str, message: str, changed: Sequence[str]) -> bool:
    """Commit some paths on a branch made anew and push it; False where nothing differs."""
    run(["git", "checkout", "--quiet", "-B", branch])
    run(["git", "add", "--all", "--", *changed])
    if not run(["git", "status", "--porcelain", "--untracked-files=no"]).strip():
        return False
    bot = "github-actions[bot]"
    who = ["-c", f"user.name={bot}", "-c", f"user.email=41898282+{bot}@users.noreply.github.com"]
    run(["git", *who, "commit", "--quiet", "--file=-"], text=message)
    run(["gh", "auth", "setup-git"])  # the checkout leaves no credentials behind
    run(["git", "push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}"])
    return True


def pull_request(branch: str, title: str, body: str) -> str:
    """Open the pull request of a branch, or bring its text up to date; returns what ``gh`` says."""
    told = run(["gh", "pr", "list", "--head", branch, "--state", "open", "--json", "number"])
    known = json.loads(told)
    if known:
        return run(["gh", "pr", "edit", str(known[0]["number"]), "--title", title, "--body-file", "-"], text=body)
    return run(["gh", "pr", "create", "--head", branch, "--title", title, "--body-file", "-"], text=body)
