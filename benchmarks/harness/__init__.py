"""The benchmark harness: starts quinde and its peers by turns, loads them, and writes down what it cost.

Standard library only, for it runs on the Python that happens to be there; the peers run on the one in
benchmarks/.venv. It knows servers and clients as command lines and never imports quinde or a peer.
"""
