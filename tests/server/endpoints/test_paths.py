"""Which route a path belongs to."""

import pytest

from tokenward.server.endpoints.paths import Match, Paths

PATHS = Paths(
    {
        "/users/me": "me",
        "/users/{sub}": "user",
        "/users/{sub}/sessions": "sessions",
        "/users/{sub}/sessions/{sid}": "session",
        "/users/{sub}/sessions/all": "all",
    }
)


@pytest.mark.parametrize(
    ("path", "match"),
    [
        ("/users/me", ("/users/me", "me", {})),
        ("/users/usr_1", ("/users/{sub}", "user", {"sub": "usr_1"})),
        ("/users/me/sessions", ("/users/{sub}/sessions", "sessions", {"sub": "me"})),
        ("/users/a/sessions/b", ("/users/{sub}/sessions/{sid}", "session", {"sub": "a", "sid": "b"})),
        # The first route that fits counts.
        ("/users/a/sessions/all", ("/users/{sub}/sessions/{sid}", "session", {"sub": "a", "sid": "all"})),
        # A parameter is text: it is nobody's path, and the braces of a route mean nothing in it.
        ("/users/{sub}", ("/users/{sub}", "user", {"sub": "{sub}"})),
        ("/users/..", ("/users/{sub}", "user", {"sub": ".."})),
    ],
)
def test_a_path_belongs_to_its_route(path: str, match: tuple[str, str, dict[str, str]]) -> None:
    assert PATHS.find(path) == Match(*match)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/users",
        "/users/",
        "/users//sessions",
        "/users/a/sessions/",
        "/users/a/sessions/b/",
        "users/me",
        "//me",
    ],
)
def test_a_path_of_another_shape_belongs_to_none(path: str) -> None:
    assert PATHS.find(path) is None
