"""Chips: seeded specimens of a memory technology that hold an image."""
