"""How sign-ins, registrations and refreshes came out, counted where they are decided."""

import contextlib
from collections.abc import Callable, Iterator, Mapping

from tokenward.errors import Error
from tokenward.server.observation.events import (
    REFRESHES,
    REGISTRATIONS,
    SIGN_INS,
    Event,
    outcome_of_refresh,
    outcome_of_registration,
    outcome_of_sign_in,
)

_SUCCESS = "success"
_ACCEPTED: Mapping[Event, str] = {
    "session.refreshed": "rotated",
    "session.refresh_retried": "retried",
    "session.refresh_coalesced": "coalesced",
}


class LoginOutcomes:
    """Counts by outcome, each from zero."""

    def __init__(self) -> None:
        self.sign_ins = dict.fromkeys(SIGN_INS, 0)
        self.registrations = dict.fromkeys(REGISTRATIONS, 0)
        self.refreshes = dict.fromkeys(REFRESHES, 0)

    def signing_in(self) -> contextlib.AbstractContextManager[None]:
        """Count one sign-in, by how the block ends."""
        return _counted(self.sign_ins, outcome_of_sign_in)

    def registering(self) -> contextlib.AbstractContextManager[None]:
        """Count one registration, by how the block ends."""
        return _counted(self.registrations, outcome_of_registration)

    def refreshed(self, event: Event) -> None:
        """Count one refresh that was accepted, by the event that it was."""
        self.refreshes[_ACCEPTED[event]] += 1

    def refresh_refused(self, error: Error) -> None:
        """Count one refresh that was not."""
        self.refreshes[outcome_of_refresh(error)] += 1


@contextlib.contextmanager
def _counted(counts: dict[str, int], outcome_of: Callable[[Error], str]) -> Iterator[None]:
    # What is no error of ours, a caller that was cancelled among it, has failed.
    outcome = "failed"
    try:
        yield
        outcome = _SUCCESS
    except Error as error:
        outcome = outcome_of(error)
        raise
    finally:
        counts[outcome] += 1
