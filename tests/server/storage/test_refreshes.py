from pathlib import Path

from benchmarks.refresh_million import run


async def test_refreshes_change_no_row_count_and_not_the_size_of_the_file(tmp_path: Path) -> None:
    """A short run of the million: `run` itself fails where something grew."""
    figures = await run(refreshes=20_000, sessions=1_000, path=tmp_path / "refresh.db")
    assert figures["file_growth"] <= 1.2
