"""Running something that blocks beside the event loop."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

_A = TypeVar("_A")
_R = TypeVar("_R")


async def run_beside(function: Callable[[_A], _R], argument: _A) -> _R:
    """Return what `function` returns, or raise what it raises; it runs on a daemon thread of its own.

    The loop's own executor would not do: it may be full of the application's work, and a program that ends waits for
    its threads. When the caller is cancelled, the thread goes on to its end, and nobody hears of it.

    Raises:
        RuntimeError: when the system has no thread to give.
    """
    outcome: Future[_R] = Future()
    outcome.set_running_or_notify_cancel()

    def run() -> None:
        try:
            result = function(argument)
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            outcome.set_exception(error)
        else:
            outcome.set_result(result)

    threading.Thread(target=run, name="tokenward-remote-jwks", daemon=True).start()
    return await asyncio.wrap_future(outcome)
