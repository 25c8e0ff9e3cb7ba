"""The dependency that gives a route of FastAPI its user. The only module here that imports FastAPI."""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from fastapi.openapi.models import OAuth2, OAuthFlowPassword, OAuthFlows
from fastapi.requests import HTTPConnection
from fastapi.security.base import SecurityBase

Result = TypeVar("Result")


class Dependency(SecurityBase, Generic[Result]):
    """What to give to `Depends` in a route of HTTP or of WebSocket.

    To FastAPI it is a security scheme: pages made from the description of the API get an "Authorize" that signs in with
    user name and password. Whoever may pass is decided by `check`, and by nothing that FastAPI does.
    """

    def __init__(self, check: Callable[[HTTPConnection], Awaitable[Result]], *, login_path: str) -> None:
        # The flow has no counterpart in OAuth 2.1, and here it is only how such pages ask for a password.
        password = OAuthFlowPassword(tokenUrl=login_path, scopes={})
        self.model: Any = OAuth2(flows=OAuthFlows(password=password))
        self.scheme_name = "Tokenward"
        self._check = check

    async def __call__(self, connection: HTTPConnection) -> Result:
        """The user of this connection, or the exception by which the route refuses it."""
        return await self._check(connection)
