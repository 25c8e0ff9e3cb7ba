"""The description of the HTTP interface: `/openapi.json`, and the page `/docs` that shows it.

Owns what is declared beside an endpoint (`described`), the types of members that several bodies and answers share
(`fields`), which errors an operation can answer (`refusals`), how all of it becomes an OpenAPI 3.1 document
(`schemas`, `document`), and serving the document and the page (`endpoints`, with the vendored files in `swagger/`).
Does not own what endpoints do: nothing here runs in a request to another path.
"""
