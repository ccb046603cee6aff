"""From a planned program to the files of a C project."""
