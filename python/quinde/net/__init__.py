"""Addresses and sockets: names to addresses, the engine of a loop, transports. Knows nothing of HTTP."""
