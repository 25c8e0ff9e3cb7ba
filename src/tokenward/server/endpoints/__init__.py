"""HTTP: parse a request, call one service, render its answer, and never back.

Owns paths and methods (`routes`), the ASGI door (`door`), what a request and an answer are (`messages`), reading
bodies (`bodies`), turning our errors into RFC 9457 problems (`error_responses`), the guard and the headers that every
answer carries (`security`), limits of a connection (`connection`), logs and counters (`telemetry`). Does not own any
rule about accounts, sessions or tokens. Hot routes are plain functions reached by one look-up; there is no framework
between them and the server program.
"""
