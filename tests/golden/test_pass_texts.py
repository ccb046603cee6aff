"""The graph of the digits CNN after each pass, as text."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hysteron._assets import asset_dir
from hysteron.driver.compile import Options, compile_model
from hysteron.ops.text import print_graph


@pytest.mark.parametrize("target", ["host-portable", "cortex-m0"])
def test_graph_after_each_pass_is_as_reviewed(
    target: str, golden: Callable[[str, str], None]
) -> None:
    path = asset_dir("models") / "digits_cnn" / "digits_cnn.onnx"
    texts: list[str] = []
    compile_model(
        path,
        Options(inputs=("uint8",), target=target),
        lambda name, graph: texts.append(f"# {len(texts)} {name}\n{print_graph(graph)}"),
    )
    golden(f"{target}.txt", "\n".join(texts))
