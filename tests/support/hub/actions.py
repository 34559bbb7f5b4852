"""Local versions of the actions that the workflows use. Each refuses unknown inputs."""

from __future__ import annotations

import fnmatch
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tests.support.hub import store
from tests.support.hub.store import Hub

Inputs = Mapping[str, str]


class ActionError(Exception):
    """An action failed as the real one would."""


class StepContext:
    """The context of a step: the job's workspace and environment, and the run's artifacts."""

    def __init__(self, hub: Hub, workspace: Path, artifacts: Path, env: dict[str, str]) -> None:
        self.hub, self.workspace, self.artifacts, self.env = hub, workspace, artifacts, env
        self.outputs: dict[str, str] = {}

    def path(self, text: str) -> Path:
        """Return the path of an input, relative to the workspace."""
        return self.workspace / text


def checkout(step: StepContext, inputs: Inputs) -> None:
    """Clone a repository; without ``persist-credentials: false`` it is an error."""
    if inputs.get("persist-credentials") != "false":
        raise ActionError("the checkout would keep credentials")
    source = step.hub.repositories[inputs.get("repository") or step.env["GITHUB_REPOSITORY"]]
    target = step.path(inputs.get("path", "."))
    depth = [] if inputs.get("fetch-depth", "1") == "0" else ["--depth=1"]
    store.git(step.workspace, "clone", "--quiet", *depth, source.as_uri(), str(target))
    if ref := inputs.get("ref"):
        store.git(target, "fetch", "--quiet", *depth, "origin", ref)
        store.git(target, "checkout", "--quiet", ref)


def setup_uv(step: StepContext, inputs: Inputs) -> None:
    """Activate the environment of the tests, which has the engine's requirements."""
    if inputs.get("activate-environment") != "true":
        raise ActionError("no environment would be active")
    step.env["VIRTUAL_ENV"] = sys.prefix
    step.env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), step.env["PATH"]])


def upload(step: StepContext, inputs: Inputs) -> None:
    """Save files for other jobs; the root of the artifact is the single path, or the common folder of several."""
    target = step.artifacts / inputs["name"]
    if target.exists():
        if inputs.get("overwrite") != "true":
            raise ActionError(f"artifact {inputs['name']!r} already exists")
        shutil.rmtree(target)
    paths = [step.path(line.strip()) for line in inputs["path"].splitlines() if line.strip()]
    existing = [path for path in paths if path.exists() and (path.is_file() or any(path.iterdir()))]
    hidden = any(part.startswith(".") for path in paths for part in path.relative_to(step.workspace).parts)
    if hidden and inputs.get("include-hidden-files") != "true":
        existing = []
    if not existing:
        if inputs.get("if-no-files-found", "warn") == "error":
            raise ActionError(f"no files found at {inputs['path']!r}")
        return
    root = paths[0] if len(paths) == 1 else Path(os.path.commonpath(paths))
    for path in existing:
        store.copy(path, target / path.relative_to(root))


def download(step: StepContext, inputs: Inputs) -> None:
    """Download an artifact by its name, or those that match a pattern, each into a subfolder if there are several."""
    target = step.path(inputs["path"])
    if name := inputs.get("name"):
        if not (step.artifacts / name).is_dir():
            raise ActionError(f"Artifact {name!r} not found")
        store.copy(step.artifacts / name, target)
        return
    found = [path for path in sorted(step.artifacts.iterdir()) if fnmatch.fnmatchcase(path.name, inputs["pattern"])]
    for path in found:
        store.copy(path, target / path.name if len(found) > 1 else target)


def restore(step: StepContext, inputs: Inputs) -> None:
    """Restore the cache with the key, else the newest one that starts with one of the restore keys."""
    caches = step.hub.caches
    names = [path.name for path in sorted(caches.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)]
    prefixes = inputs.get("restore-keys", "").split()
    near = [name for prefix in prefixes for name in names if name.startswith(prefix)]
    exact = inputs["key"] in names
    step.outputs["cache-hit"] = str(exact).lower()
    for name in [inputs["key"]] if exact else near[:1]:
        store.copy(caches / name, step.path(inputs["path"]))


def save(step: StepContext, inputs: Inputs) -> None:
    """Save a cache, unless its key exists."""
    source, target = step.path(inputs["path"]), step.hub.caches / inputs["key"]
    if source.exists() and not target.exists():
        store.copy(source, target)
        os.utime(target)


def upload_page(step: StepContext, inputs: Inputs) -> None:
    """Upload the page for its deployment."""
    store.copy(step.path(inputs["path"]), step.artifacts / "github-pages")


def deploy_page(step: StepContext, inputs: Inputs) -> None:
    """Publish the page."""
    del inputs
    granted = step.env["HUB_PERMISSIONS"].split(",")
    if not {"pages=write", "id-token=write"} <= set(granted):
        raise ActionError("no permission to deploy pages")
    shutil.rmtree(step.hub.pages, ignore_errors=True)
    store.copy(step.artifacts / "github-pages", step.hub.pages)
    step.outputs["page_url"] = "https://someone.example/matrix/"


#: The function of each action, and its known inputs.
KNOWN: Final[Mapping[str, tuple[Callable[[StepContext, Inputs], None], set[str]]]] = {
    "actions/checkout": (checkout, {"repository", "ref", "path", "fetch-depth", "persist-credentials"}),
    "astral-sh/setup-uv": (setup_uv, {"python-version", "activate-environment", "enable-cache"}),
    "actions/upload-artifact": (
        upload,
        {"name", "path", "include-hidden-files", "if-no-files-found", "overwrite"},
    ),
    "actions/download-artifact": (download, {"name", "pattern", "path"}),
    "actions/cache/restore": (restore, {"path", "key", "restore-keys"}),
    "actions/cache/save": (save, {"path", "key"}),
    "actions/upload-pages-artifact": (upload_page, {"path"}),
    "actions/deploy-pages": (deploy_page, set()),
}


def run(step: StepContext, uses: str, inputs: Mapping[str, Any]) -> None:
    """Run an action. Raises `ActionError` where the real one would fail, `LookupError` for an unknown input."""
    name, _, ref = uses.partition("@")
    if len(ref) != 40 or set(ref) - set("0123456789abcdef"):
        raise LookupError(f"{uses}: not pinned to a commit")
    action, known = KNOWN[name]
    unknown = inputs.keys() - known
    if unknown:
        raise LookupError(f"{uses}: unknown inputs: {unknown}")
    action(step, {key: str(value) for key, value in inputs.items()})
