"""Files that are served as they lie in the package: two forms of each, and an ETag for each form."""

import gzip
import hashlib
from typing import NamedTuple

from tokenward.server.endpoints.messages import Header, Request, Response


class ServedFile(NamedTuple):
    """What is served, in both forms; `etag` without quotes."""

    content_type: bytes
    plain: bytes
    gzipped: bytes
    etag: str

    def answer(self, request: Request, cache: Header) -> Response:
        """The form that the request takes, or 304 where it has that one already."""
        encoded = _accepts_gzip(request)
        # Each form has an ETag of its own (RFC 9110 section 8.8.3).
        etag = f'"{self.etag}{"-gzip" if encoded else ""}"'.encode()
        headers = (cache, (b"etag", etag), (b"vary", b"accept-encoding"))
        if request.header(b"if-none-match") == etag:
            return Response(304, b"", self.content_type, headers)
        if not encoded:
            return Response(200, self.plain, self.content_type, headers)
        return Response(200, self.gzipped, self.content_type, (*headers, (b"content-encoding", b"gzip")))


def served_file(content_type: bytes, plain: bytes, gzipped: bytes | None = None) -> ServedFile:
    """A file to serve; `gzipped` where it lies there compressed."""
    if gzipped is None:
        gzipped = gzip.compress(plain, mtime=0)
    return ServedFile(content_type, plain, gzipped, hashlib.sha256(plain).hexdigest()[:32])


def _accepts_gzip(request: Request) -> bool:
    """Whether the client said so, without a weight: who sends one gets the plain form, which is never wrong."""
    offered = b",".join(request.header_values(b"accept-encoding")).split(b",")
    return b"gzip" in (one.strip().lower() for one in offered)
