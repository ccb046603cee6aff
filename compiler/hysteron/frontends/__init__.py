"""Model files in, source graphs out. Nothing else reads model formats."""
