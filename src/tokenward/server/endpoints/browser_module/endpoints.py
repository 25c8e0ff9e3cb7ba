"""Serves `tokenward.js` and `tokenward.d.ts`, which lie beside this file."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from tokenward.server.endpoints.documentation.described import Access, Text, described
from tokenward.server.endpoints.files import ServedFile, served_file
from tokenward.server.endpoints.messages import Handler, Request, Response

MODULE = "tokenward.js"
TYPES = "tokenward.d.ts"

_CACHE = (b"cache-control", b"public, max-age=300")
_TYPE = {MODULE: b"text/javascript; charset=utf-8", TYPES: b"text/plain; charset=utf-8"}


class BrowserModule:
    """The module for web pages. Read at the first request for it, and kept."""

    def routes(self) -> dict[str, Mapping[str, Handler]]:
        """Where it is served."""
        return {f"/{MODULE}": {"GET": self.read_module}, f"/{TYPES}": {"GET": self.read_types}}

    @described(
        "readBrowserModule",
        access=Access.ANYBODY,
        answer=Text(("text/javascript",), "export function createAuth(options) {}"),
        conditional=True,
    )
    async def read_module(self, request: Request) -> Response:
        """`GET /tokenward.js`: an ES module for web pages, which keeps them signed in by cookie."""
        return _file(MODULE).answer(request, _CACHE)

    @described(
        "readBrowserModuleTypes",
        access=Access.ANYBODY,
        answer=Text(("text/plain",), "export declare function createAuth(options: AuthOptions): Auth;"),
        conditional=True,
    )
    async def read_types(self, request: Request) -> Response:
        """`GET /tokenward.d.ts`: the types of that module, for TypeScript."""
        return _file(TYPES).answer(request, _CACHE)


@cache
def _file(name: str) -> ServedFile:
    return served_file(_TYPE[name], (files(__package__) / name).read_bytes())
