"""Runs the stages in order; the only package that sees all of them."""
