"""hysteron: binarized neural networks to bit-packed C99, proven exact.

>>> import hysteron as hy
>>> program = hy.compile("model.onnx", target="host", inputs="image:uint8")  # doctest: +SKIP
"""

from __future__ import annotations

from hysteron.errors import HysteronError

__version__ = "0.1.0"

__all__ = ["HysteronError", "__version__", "compile", "emulate", "verify"]


def __getattr__(name: str) -> object:
    # The API pulls in onnx and the whole compiler: loaded on first use only.
    if name in ("compile", "emulate", "verify"):
        from hysteron.driver import api

        return getattr(api, name)
    raise AttributeError(f"module 'hysteron' has no attribute '{name}'")
