"""Which route a path belongs to. Knows no methods, no handlers and nothing of HTTP."""

from collections.abc import Mapping
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

NO_PARAMETERS: Mapping[str, str] = {}


class Match(NamedTuple, Generic[T]):
    """A route, what stands there, and the text that stood in the place of each of its parameters."""

    route: str
    target: T
    parameters: Mapping[str, str]


class Paths(Generic[T]):
    """Routes such as `/users/me` and `/users/me/sessions/{sid}`, whole segments in braces being parameters.

    A route without parameters is one look-up, which almost every request is, and goes before one with. Others are
    compared one after the other among those with as many segments; of two that both fit, the first one counts. A
    parameter is never empty. It may hold any other text: what it means is the endpoint's to check.
    """

    def __init__(self, table: Mapping[str, T]) -> None:
        self._fixed = {
            route: Match(route, target, NO_PARAMETERS) for route, target in table.items() if "{" not in route
        }
        self._with_parameters: dict[int, list[tuple[list[str], str, T]]] = {}
        for route, target in table.items():
            if "{" in route:
                segments = route.split("/")
                self._with_parameters.setdefault(len(segments), []).append((segments, route, target))

    def find(self, path: str) -> Match[T] | None:
        """The route of this path, or `None`. `path` is percent-decoded."""
        fixed = self._fixed.get(path)
        if fixed is not None:
            return fixed
        given = path.split("/")
        for segments, route, target in self._with_parameters.get(len(given), ()):
            parameters: dict[str, str] = {}
            for segment, text in zip(segments, given, strict=True):
                if segment.startswith("{") and text:
                    parameters[segment[1:-1]] = text
                elif segment != text:
                    break
            else:
                return Match(route, target, parameters)
        return None
