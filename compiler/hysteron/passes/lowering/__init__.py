"""Lowering rules: source ops to kernel ops, one module per family of ops."""
