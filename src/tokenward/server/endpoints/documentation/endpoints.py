"""`/openapi.json`, and the page `/docs`, which shows it by the files of Swagger UI that are vendored here."""

import gzip
from collections.abc import Mapping
from functools import cached_property
from importlib.resources import files
from typing import Any

import msgspec

from tokenward.protocol.errors import NOT_FOUND
from tokenward.server.endpoints.documentation.described import Access, Text, described
from tokenward.server.endpoints.documentation.document import Handlers, describe
from tokenward.server.endpoints.error_responses import NotFound
from tokenward.server.endpoints.files import ServedFile, served_file
from tokenward.server.endpoints.messages import JSON, Handler, Header, Request, Response

DESCRIPTION_PATH = "/openapi.json"
PAGE_PATH = "/docs"

_CSP = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# The one page here on which a password is typed, so nothing of another origin is on it, and no other page holds it.
PAGE_POLICY: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", _CSP),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
)

_DESCRIPTION_CACHE = (b"cache-control", b"public, max-age=300")
# Asked for again each time, so that page and files are of one version; unchanged ones are 304.
_FILE_CACHE = (b"cache-control", b"no-cache")

_HTML = b"text/html; charset=utf-8"
_TYPES = {
    "page.css": b"text/css; charset=utf-8",
    "page.js": b"text/javascript; charset=utf-8",
    "swagger-ui.css": b"text/css; charset=utf-8",
    "swagger-ui-bundle.js": b"text/javascript; charset=utf-8",
    "favicon-32x32.png": b"image/png",
}


class Description(msgspec.Struct):
    """An OpenAPI document, as far as a client looks at it before it reads the rest."""

    openapi: str
    info: dict[str, Any]
    servers: list[dict[str, Any]]
    tags: list[dict[str, Any]]
    paths: dict[str, Any]
    components: dict[str, Any]


class DocumentationEndpoints:
    """The description of the interface for programs, and the page that shows it to people.

    Everything is made at the first request for it, and kept; the same goes for the files, which lie in the package.
    """

    def __init__(self, *, page_headers: tuple[Header, ...] = ()) -> None:
        self._page_policy = PAGE_POLICY + page_headers
        self._described: Handlers = {}
        self._files: dict[str, ServedFile] = {}

    def routes_beside(self, others: Mapping[str, Mapping[str, Handler]]) -> dict[str, Mapping[str, Handler]]:
        """The routes of the documentation; from now on it describes these and the others."""
        own: dict[str, Mapping[str, Handler]] = {
            DESCRIPTION_PATH: {"GET": self.read_description},
            PAGE_PATH: {"GET": self.read_page},
            PAGE_PATH + "/{file}": {"GET": self.read_file},
        }
        self._described = {**others, **own}
        return own

    @described(
        "readDescription",
        access=Access.ANYBODY,
        answer=Description(
            openapi="3.1.0",
            info={"title": "Tokenward"},
            servers=[{"url": "."}],
            tags=[],
            paths={},
            components={},
        ),
        conditional=True,
    )
    async def read_description(self, request: Request) -> Response:
        """`GET /openapi.json`: this description."""
        return self._description.answer(request, _DESCRIPTION_CACHE)

    @described(
        "readPage",
        access=Access.ANYBODY,
        answer=Text(("text/html",), "<!doctype html><title>Tokenward: HTTP interface</title>"),
        conditional=True,
    )
    async def read_page(self, request: Request) -> Response:
        """`GET /docs`: a page that shows this description, on which requests can be tried out."""
        page = self._file("index.html", _HTML).answer(request, _FILE_CACHE)
        return page._replace(policy=self._page_policy)

    @described(
        "readPageFile",
        access=Access.ANYBODY,
        answer=Text(("text/css", "text/javascript", "image/png"), "html { box-sizing: border-box; }"),
        conditional=True,
        refuses=(NOT_FOUND,),
    )
    async def read_file(self, request: Request) -> Response:
        """`GET /docs/{file}`: the style sheets, scripts and images of that page."""
        name = request.parameters["file"]
        content_type = _TYPES.get(name)
        if content_type is None:
            raise NotFound
        return self._file(name, content_type).answer(request, _FILE_CACHE)

    @cached_property
    def _description(self) -> ServedFile:
        plain = msgspec.json.encode(describe(self._described))
        return served_file(JSON, plain)

    def _file(self, name: str, content_type: bytes) -> ServedFile:
        found = self._files.get(name)
        if found is None:
            # `name` is one of those in `_TYPES`, never a path that a client made up.
            found = self._files[name] = _read_file(name, content_type)
        return found


def _read_file(name: str, content_type: bytes) -> ServedFile:
    folder = files(__package__)
    own = folder / "page" / name
    if own.is_file():
        plain = own.read_bytes()
        return served_file(content_type, plain)
    stored = folder / "swagger" / f"{name}.gz"
    if stored.is_file():
        gzipped = stored.read_bytes()
        return served_file(content_type, gzip.decompress(gzipped), gzipped)
    plain = (folder / "swagger" / name).read_bytes()
    return served_file(content_type, plain)
