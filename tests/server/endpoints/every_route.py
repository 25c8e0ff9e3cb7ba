"""Every route of the table that the server uses, whatever it may be."""

from typing import Any

from tokenward.server.endpoints.documentation.endpoints import DocumentationEndpoints
from tokenward.server.endpoints.routes import routes


def route_names(prefix: str = "/") -> list[str]:
    """Method and path of each route whose path begins so, as the table has them."""

    class Anything:
        def __getattr__(self, name: str) -> "Anything":
            return self

    anything: Any = Anything()
    others = ("issuer", "documentation", "return")
    parameters = [name for name in routes.__annotations__ if name not in others]
    table = routes(
        issuer="https://auth.example.com",
        documentation=DocumentationEndpoints(),
        **dict.fromkeys(parameters, anything),
    )
    return [
        f"{method} {path}" for path, methods in table.items() if path.startswith(prefix) for method in methods
    ]


def filled(path: str, text: str) -> str:
    """The path with `text` in the place of its parameters."""
    return "/".join(text if segment.startswith("{") else segment for segment in path.split("/"))
