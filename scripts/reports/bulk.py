"""Making many objects at once."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Without the collector of cyclic garbage, which otherwise looks at all that was made so far again and again.

    For reading or making many records, which hold no cycles: of 10,000, three quarters of the time went there.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
