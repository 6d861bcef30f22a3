"""Scale: many connections, many requests, large bodies; memory and time stay bounded.

In the ordinary suite with small numbers; `make soak` (QUINDE_SOAK=1) takes the large ones, for minutes, and
prints what it measured.
"""
