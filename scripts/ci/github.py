"""Issues, branches and pull requests on GitHub, with git and GitHub's command line program ``gh``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from scripts.ci.issues import IssueAction, OpenIssue
from scripts.core import paths, processes
from scripts.core.errors import MatrixError

#: The label of the workflows' issues. Setting one takes write access, so nobody else can make an issue pass for theirs.
LABEL: Final = "matrix"


class GitHubError(MatrixError):
    """``gh`` or git failed, or cannot be started."""


def run(command: Sequence[str], *, text: str | None = None, cwd: Path = paths.ROOT) -> str:
    """Run a program and return its stdout.

    Raises:
        GitHubError: with the program's own message.
    """
    try:
        done = processes.capture(command, text=text or "", cwd=cwd)
    except OSError as error:
        raise GitHubError(f"{command[0]} cannot be started: {error.strerror}") from error
    if done.returncode:
        output = done.stderr.strip() or done.stdout.strip()
        raise GitHubError(f"`{' '.join(command[:3])} …` failed with exit code {done.returncode}: {output}")
    return done.stdout


def open_issues() -> list[OpenIssue]:
    """Return the open issues with the workflows' label."""
    output = run(
        ["gh", "issue", "list", "--label", LABEL, "--state", "open", "--limit", "100", "--json", "number,title,body"]
    )
    return [OpenIssue(number=issue["number"], title=issue["title"], body=issue["body"]) for issue in json.loads(output)]


def apply(action: IssueAction) -> str:
    """Create, update or close an issue; returns its URL, as ``gh`` prints it."""
    number = str(action.number)
    match action.do:
        case "create":
            run(["gh", "label", "create", LABEL, "--force", "--description", "Maintained by the matrix workflows"])
            return run(
                ["gh", "issue", "create", "--title", action.title, "--label", LABEL, "--body-file", "-"],
                text=action.body,
            )
        case "update":
            return run(["gh", "issue", "edit", number, "--title", action.title, "--body-file", "-"], text=action.body)
        case "close":
            return run(["gh", "issue", "close", number, "--comment", action.body])


def commit(branch: str, message: str, changed: Sequence[str]) -> bool:
    """Commit paths on a branch that starts at HEAD, and push it; returns False if nothing differs."""
    run(["git", "checkout", "--quiet", "-B", branch])
    run(["git", "add", "--all", "--", *changed])
    if not run(["git", "status", "--porcelain", "--untracked-files=no"]).strip():
        return False
    bot = "github-actions[bot]"
    identity = ["-c", f"user.name={bot}", "-c", f"user.email=41898282+{bot}@users.noreply.github.com"]
    run(["git", *identity, "commit", "--quiet", "--file=-"], text=message)
    run(["gh", "auth", "setup-git"])  # the workflow checks out without persisting credentials
    run(["git", "push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}"])
    return True


def pull_request(branch: str, title: str, body: str) -> str:
    """Open the pull request of a branch, or update its title and body; returns its URL, as ``gh`` prints it."""
    existing = json.loads(run(["gh", "pr", "list", "--head", branch, "--state", "open", "--json", "number"]))
    if existing:
        number = str(existing[0]["number"])
        return run(["gh", "pr", "edit", number, "--title", title, "--body-file", "-"], text=body)
    return run(["gh", "pr", "create", "--head", branch, "--title", title, "--body-file", "-"], text=body)
