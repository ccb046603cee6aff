"""Generated C on this machine: compiled, cached by content, called through cffi."""
