"""Train binarized networks with straight-through gradients, write them as ONNX.

``data``, ``export`` and ``measure`` work without torch; ``straight_through``,
``loop`` and ``recipe`` need the optional extra ``hysteron[train]``.
"""
