"""Retries of requests: exponential backoff with jitter, ``Retry-After``, bounded in number and time."""

from __future__ import annotations

import dataclasses
import socket
import time
from typing import Any, Self

import urllib3

from scripts.index.errors import TRANSIENT


@dataclasses.dataclass(frozen=True, kw_only=True)
class Retries:
    """Limits on the retries of a request. All times are in seconds."""

    attempts: int = 5
    backoff: float = 0.25  # doubles from the second retry on; the first follows at once
    longest: float = 30.0  # between two attempts, even if Retry-After is longer
    total: float = 90.0  # from the first failure on; no attempt starts later
    timeout: float = 30.0  # to connect, and between two chunks of a response


class Retry(urllib3.Retry):
    """urllib3's retries with a bound on their total time, and indifferent to a ``Retry-After`` that is no time."""

    def __init__(self, *arguments: Any, plan: Retries, deadline: float | None = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.plan, self.deadline = plan, deadline

    @classmethod
    def of(cls, plan: Retries) -> Self:
        """Return the state before the first attempt of a request."""
        return cls(
            total=plan.attempts - 1,
            status_forcelist=TRANSIENT,
            backoff_factor=plan.backoff,
            backoff_jitter=plan.backoff,
            backoff_max=plan.longest,
            raise_on_status=False,
            plan=plan,
        )

    def new(self, **changes: Any) -> Self:
        """Return a changed copy; the first one, made at the first failure, starts the clock."""
        deadline = time.monotonic() + self.plan.total if self.deadline is None else self.deadline
        return super().new(plan=self.plan, deadline=deadline, **changes)

    def increment(self, *arguments: Any, **details: Any) -> Self:
        """Return the state after a failure. Raises `urllib3.exceptions.MaxRetryError` if no attempt is left.

        An unknown host name is looked up twice, without waiting, which would delay a fallback by
        seconds in every run. A failing resolver is retried like any other failure.
        """
        state = self.new(total=0) if self.history and _no_such_host(details.get("error")) else self
        return super(Retry, state).increment(*arguments, **details)

    def is_exhausted(self) -> bool:
        """Return whether there is no attempt or no time left."""
        return super().is_exhausted() or self._left() <= 0

    def get_backoff_time(self) -> float:
        """Return the seconds to wait where the server names none."""
        return min(super().get_backoff_time(), self._left())

    def get_retry_after(self, response: urllib3.BaseHTTPResponse) -> float | None:
        """Return the seconds that the server asks to wait, within our limits; None for what cannot be read."""
        try:
            seconds = super().get_retry_after(response)
        except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
            return None
        return None if seconds is None else min(seconds, self.plan.longest, self._left())

    def _left(self) -> float:
        return self.plan.total if self.deadline is None else max(0.0, self.deadline - time.monotonic())


def _no_such_host(error: Exception | None) -> bool:
    """Return whether the resolver answered that a host has no address."""
    while isinstance(error, urllib3.exceptions.ProxyError):
        error = error.original_error
    cause = error.__cause__ if isinstance(error, urllib3.exceptions.NameResolutionError) else None
    return isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_NONAME
