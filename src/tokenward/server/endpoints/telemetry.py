"""Log and metrics as endpoints know them; both are made in `tokenward.server.observation`."""

from tokenward.server.observation.log import LibraryHandler, Log
from tokenward.server.observation.metrics import Metrics

__all__ = ["LibraryHandler", "Log", "Metrics"]
