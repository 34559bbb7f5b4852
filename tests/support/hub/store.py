"""A repository on the emulated GitHub: commits, artifacts, caches, pages, issues and pull requests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

_GH: Final = Path(__file__).with_name("gh.py")

#: Refuses a push without permission, as GitHub does.
_HOOK: Final = """\
#!/bin/sh
case ",$GH_TOKEN," in *,contents=write,*) exit 0;; esac
echo "403: no permission to write contents" >&2; exit 1
"""


class Hub:
    """A repository on GitHub. ``name`` is its owner and name."""

    def __init__(self, folder: Path, source: Path, name: str = "someone/matrix") -> None:
        """Store everything in ``folder``; the repository gets a first commit with the files of ``source``."""
        self.folder, self.source, self.name = folder, source, name
        self.repository = folder / "repository.git"
        self.artifacts, self.caches, self.pages = folder / "artifacts", folder / "caches", folder / "pages"
        self.repositories: dict[str, Path] = {name: self.repository}
        self.runs = 0
        for path in (self.artifacts, self.caches, self.bin):
            path.mkdir(parents=True)
        self._state.write_text(json.dumps({"issues": [], "pulls": [], "labels": [], "calls": []}), "utf-8")
        self._install_gh()
        git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.repository))
        git(source, "init", "--quiet", "--initial-branch=main")
        git(source, "remote", "add", "origin", str(self.repository))
        self.push("First commit")
        hook = self.repository / "hooks" / "pre-receive"
        hook.write_text(_HOOK)
        hook.chmod(0o755)

    @property
    def bin(self) -> Path:
        """The folder that comes first on the steps' ``PATH``."""
        return self.folder / "bin"

    @property
    def _state(self) -> Path:
        return self.folder / "state.json"

    @property
    def state(self) -> dict[str, Any]:
        """Issues, pull requests, labels, and all calls of ``gh``."""
        found: dict[str, Any] = json.loads(self._state.read_text("utf-8"))
        return found

    @property
    def environment(self) -> dict[str, str]:
        """Variables for the programs that the steps run."""
        return {"FAKE_GH_STATE": str(self._state)}

    def push(self, message: str) -> str:
        """Commit all changes of the source and push them; return the commit."""
        git(self.source, "add", "--all")
        git(self.source, *_WHO, "commit", "--quiet", "--allow-empty", f"--message={message}")
        git(self.source, "push", "--quiet", "origin", "HEAD:main", env={"GH_TOKEN": "contents=write"})
        return self.commit()

    def commit(self, ref: str = "main") -> str:
        """Return the commit of a branch."""
        return git(self.repository, "rev-parse", ref).strip()

    def show(self, ref: str, path: str) -> str:
        """Return the text of a file on a branch."""
        return git(self.repository, "show", f"{ref}:{path}")

    def _install_gh(self) -> None:
        program = self.bin / "gh"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {_GH} "$@"\n')
        program.chmod(0o755)


_WHO: Final = ("-c", "user.name=someone", "-c", "user.email=someone@example.org")


def git(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> str:
    """Run git in a folder, and return its output."""
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", **(env or {})}
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **settings},
    )
    if done.returncode:
        raise RuntimeError(f"git {arguments}: {done.stderr}")
    return done.stdout


def copy(source: Path, target: Path) -> None:
    """Copy the files of a folder to another one, which may exist."""
    shutil.copytree(source, target, dirs_exist_ok=True, symlinks=True)
