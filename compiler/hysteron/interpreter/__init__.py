"""Exact meaning of both graphs, in plain NumPy: the reference every kernel is compared with."""
