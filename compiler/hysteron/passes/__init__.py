"""Rewrites from the source graph to the kernel graph, one per file, in one ordered list."""
