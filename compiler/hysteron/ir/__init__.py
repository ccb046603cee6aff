"""Typed graphs: types, nodes, origins, the verifier and the text form."""
