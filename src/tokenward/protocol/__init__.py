"""The words of the protocols: registered names and error codes.

It owns the spelling of what goes over the wire, and no logic. How a token is made and checked is in
`tokenward.jose` and `tokenward.tokens`; how an error becomes an HTTP response is in the server.

RFC 6749 (section 5.2), RFC 6750 (section 3.1), RFC 7519 (section 4.1), RFC 9068 (section 2), RFC 9457.
"""
