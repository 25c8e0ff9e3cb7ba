"""Four tabs on one cookie: what coalescing is for. The model, and how it loses sessions without."""

from pathlib import Path

from tests.server.building import run_server
from tests.server.sessions.tabs import Model

BROWSERS = 1000
PERIODS = 10


async def run(folder: Path, *, coalesce: bool, seed: int) -> Model:
    async with run_server(folder) as server:
        model = Model(server, seed=seed, coalesce=coalesce)
        await model.run(browsers=BROWSERS, periods=PERIODS)
    return model


async def test_four_tabs_on_one_cookie_lose_no_session_with_coalescing_and_most_without(
    tmp_path: Path,
) -> None:
    with_it = await run(tmp_path / "with", coalesce=True, seed=1)
    assert with_it.signed_out == 0, with_it.events
    # All that the model is about happened, many times.
    for event in ("session.refreshed", "session.refresh_retried", "session.refresh_coalesced", "lost"):
        assert with_it.events[event] >= 100, with_it.events
    without = await run(tmp_path / "without", coalesce=False, seed=1)
    assert without.signed_out > BROWSERS / 2, without.events
