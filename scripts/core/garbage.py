"""Making many objects at once."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Without the collector of cyclic garbage, which otherwise looks at all that was made so far again and again.

    For many objects that all live on and hold no cycles. Of reading 10,000 records three quarters of the time went
    there, of a cold scan with its tables of contents a third.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
