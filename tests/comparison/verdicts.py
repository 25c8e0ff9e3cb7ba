"""What a library made of an input, found out within a time limit."""

import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NamedTuple, NoReturn

LIMIT_SECONDS: Final = 3.0

REFUSED: Final = "refused"
ACCEPTED: Final = "accepted"
CRASHED: Final = "crashed"
TOO_SLOW: Final = "too slow"
NOT_APPLICABLE: Final = "–"


class Verdict(NamedTuple):
    """`word` is one of the constants above; `detail` names the exception of a crash."""

    word: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.word} ({self.detail})" if self.detail else self.word


class NotApplicable(Exception):
    """The library has nothing that takes such an input."""


class _OutOfTime(BaseException):
    """The time limit is over. No `except Exception` inside a library keeps it."""


def verdict_of(call: Callable[[], object], refusals: tuple[type[Exception], ...]) -> Verdict:
    """Run `call` and return what came of it; `refusals` are the exceptions that its documentation names.

    Warnings do not count: they neither keep a token out nor tell the caller anything in production.
    """
    try:
        with _time_limit(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call()
    except NotApplicable:
        return Verdict(NOT_APPLICABLE)
    except refusals:
        return Verdict(REFUSED)
    except _OutOfTime:
        return Verdict(TOO_SLOW)
    except Exception as error:  # noqa: BLE001 - that something else escapes is what is looked for
        return Verdict(CRASHED, type(error).__name__)
    return Verdict(ACCEPTED)


@contextmanager
def _time_limit() -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise _OutOfTime

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
