"""A model of browsers with several tabs on one cookie jar, which refresh without asking each other.

Time goes in slots. Requests that reach the server in the same slot run at once. Each way of a request takes a random
while, so answers arrive in another order than they were made in; some are lost, and the tab asks again. The jar keeps
the cookie that came last. What answers is the real `Sessions` on a real database.
"""

import asyncio
import heapq
from collections import Counter, defaultdict
from collections.abc import Callable
from random import Random

from tests.server.building import HOME, Server

from tokenward.server.login import FIRST_PARTY
from tokenward.server.sessions.refresh_tokens import InvalidGrant

SLOT_SECONDS = 0.05
TABS = 4
# Each tab has a timer of its own, a minute before its access token of fifteen minutes expires. A browser's tabs were
# opened together, or woke up together with the machine, so their timers go off within so many seconds.
PERIOD_SECONDS = 840
SPREADS_SECONDS = (1, 3, 12)
# One way of a request: mostly some tenths of a second, and at most so long. An answer is lost once in so many.
TYPICAL_SECONDS = 0.25
LONGEST_SECONDS = 4.0
LOST_ONE_IN = 50
# After so long without an answer a tab asks again.
PATIENCE_SECONDS = 4.0


class _Browser:
    def __init__(self, token: str, spread_seconds: int) -> None:
        self.jar = token
        self.spread_seconds = spread_seconds
        self.signed_out = False


class Model:
    """Some browsers, signed in, and what happens to them."""

    def __init__(self, server: Server, *, seed: int, coalesce: bool) -> None:
        self._server = server
        self._random = Random(seed)  # noqa: S311 - the same happens at every run
        self._coalesce = coalesce
        self._due: defaultdict[int, list[Callable[[], asyncio.Task[None] | None]]] = defaultdict(list)
        self._slots: list[int] = []
        self._slot = 0
        self._browsers: list[_Browser] = []
        self.events: Counter[str] = Counter()

    @property
    def signed_out(self) -> int:
        """How many browsers lost their session."""
        return sum(browser.signed_out for browser in self._browsers)

    async def run(self, *, browsers: int, periods: int) -> None:
        """Sign in that many browsers, and let their tabs refresh that many times each."""
        began, ends = self._server.clock.now(), periods * PERIOD_SECONDS + PERIOD_SECONDS // 2
        account = await self._server.account()
        started = await asyncio.gather(*(self._server.start(account) for _ in range(browsers)))
        for session in started:
            browser = _Browser(session.refresh_token, self._random.choice(SPREADS_SECONDS))
            self._browsers.append(browser)
            for _ in range(TABS):
                self._next_period(browser)
        while self._slots:
            self._slot = heapq.heappop(self._slots)
            at = self._slot * SLOT_SECONDS
            if at > ends:
                break
            self._server.clock.advance(began + at - self._server.clock.now())
            requests = [happen() for happen in self._due.pop(self._slot)]
            await asyncio.gather(*(request for request in requests if request is not None))

    def _later(
        self, seconds: float, happen: Callable[..., asyncio.Task[None] | None], *about: object
    ) -> None:
        slot = self._slot + max(1, round(seconds / SLOT_SECONDS))
        if slot not in self._due:
            heapq.heappush(self._slots, slot)
        self._due[slot].append(lambda: happen(*about))

    def _wake(self, browser: _Browser) -> None:
        """The tab sends what the jar holds now."""
        if not browser.signed_out:
            self._later(self._way(), self._ask, browser, browser.jar)

    def _ask(self, browser: _Browser, token: str) -> asyncio.Task[None]:
        return asyncio.create_task(self._refresh(browser, token))

    async def _refresh(self, browser: _Browser, token: str) -> None:
        try:
            refreshed = await self._server.services.sessions.refresh(
                token, client_id=FIRST_PARTY, origin=HOME, request_id="test", coalesce=self._coalesce
            )
        except InvalidGrant as error:
            browser.signed_out = True
            self.events[error.reason] += 1
            return
        self.events[refreshed.event] += 1
        if self._random.randrange(LOST_ONE_IN) == 0:
            self.events["lost"] += 1
            self._later(PATIENCE_SECONDS, self._wake, browser)
        else:
            # A coalesced answer sets no cookie.
            cookie = None if refreshed.coalesced else refreshed.refresh_token
            self._later(self._way(), self._receive, browser, cookie)

    def _receive(self, browser: _Browser, cookie: str | None) -> None:
        if cookie is not None:
            browser.jar = cookie
        self._next_period(browser)

    def _next_period(self, browser: _Browser) -> None:
        passed = self._slot * SLOT_SECONDS
        goes_off = (passed // PERIOD_SECONDS + 1) * PERIOD_SECONDS
        self._later(goes_off - passed + self._random.uniform(0, browser.spread_seconds), self._wake, browser)

    def _way(self) -> float:
        return min(self._random.lognormvariate(0, 1.0) * TYPICAL_SECONDS, LONGEST_SECONDS)
