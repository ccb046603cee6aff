"""The weight image: sections, layouts and the container. Bits in, bytes out, exactly both ways."""
