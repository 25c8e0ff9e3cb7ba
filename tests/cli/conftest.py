from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.flows.servers import Installation, installation
from tests.server.building import make_database


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    """A data folder with its settings, on which commands run as processes."""
    with installation(tmp_path) as it:
        yield it


@pytest.fixture
def made(place: Installation) -> Installation:
    """The same with a database in it, on which no server ever ran."""
    place.data.mkdir()
    make_database(place.data)
    return place
