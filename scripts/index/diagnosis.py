"""Why an installer found no wheel on an index, from the index's own page.

Installers report a yanked release, an empty page, a login page and a missing page all alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from packaging.version import Version

from scripts.index import pages
from scripts.index.errors import UnreachableError, WebError, YankedError
from scripts.index.http import Web
from scripts.index.retries import Retries
from scripts.index.wheelfiles import WheelFile

#: The installer has repeated its requests before; a server that hangs must not cost much more.
_RETRIES: Final = Retries(attempts=2, timeout=8)


def why_missing(index: str, project: str, release: str | None, label: str | None = None) -> WebError | None:
    """Return what is wrong with a project's page, or with a release on it; None where the page explains nothing.

    Args:
        index: the index's URL.
        project: the project's name.
        release: the version that was not found; None for any.
        label: the local label that was allowed besides none.
    """
    try:
        with Web(_RETRIES) as web:
            found = pages.wheels(web, index, project, yanked=True, stale=False)
    except UnreachableError:
        return None
    except WebError as error:
        return error
    public = Version(release).public if release else None
    return yanked([wheel for wheel in found if wheel.release == public and wheel.label in {None, label}])


def yanked(wheels: Sequence[WheelFile]) -> YankedError | None:
    """Return the error for a release all of whose wheels are yanked, with the index's reasons."""
    if not wheels or any(wheel.yanked is None for wheel in wheels):
        return None
    reasons = dict.fromkeys(wheel.yanked for wheel in wheels if wheel.yanked)
    return YankedError(f"{wheels[0].release} is yanked: {'; '.join(reasons) or 'no reason given'}")
