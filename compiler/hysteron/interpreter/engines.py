"""The two float32 engines that can stand witness: onnxruntime and qonnx."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from hysteron.errors import ToolchainError

AnyArray = npt.NDArray[Any]

#: What model files call the domain whose operators qonnx executes.
_QONNX_DOMAINS = ("onnx.brevitas", "qonnx.custom_op.general", "finn.custom_op.general")
_QONNX = "qonnx.custom_op.general"


class OnnxruntimeWitness:
    """onnxruntime with every graph optimisation off, on one thread."""

    name = "onnxruntime"

    def __init__(self, model: bytes) -> None:
        self._model = onnx.load_model_from_string(model)
        self._sessions: dict[tuple[tuple[str, ...], bool], Any] = {}
        self._batched = True

    def run(self, feeds: Mapping[str, AnyArray], wanted: list[str]) -> dict[str, AnyArray]:
        """Run a batch; sample by sample when the model fixes its batch size."""
        if self._batched:
            try:
                return self._whole(feeds, wanted)
            except _engine_errors():
                self._batched = False
        return self._singly(feeds, wanted)

    def _whole(self, feeds: Mapping[str, AnyArray], wanted: list[str]) -> dict[str, AnyArray]:
        count = next(iter(feeds.values())).shape[0]
        arrays = self._session(wanted, True).run(wanted, dict(feeds))
        if any(a.ndim == 0 or a.shape[0] != count for a in arrays):
            raise ToolchainError("the model does not keep the batch axis", where=self.name)
        return dict(zip(wanted, arrays, strict=True))

    def _singly(self, feeds: Mapping[str, AnyArray], wanted: list[str]) -> dict[str, AnyArray]:
        session = self._session(wanted, False)
        count = next(iter(feeds.values())).shape[0]
        rows = [
            session.run(wanted, {name: array[i : i + 1] for name, array in feeds.items()})
            for i in range(count)
        ]
        return {name: np.stack([row[k] for row in rows]) for k, name in enumerate(wanted)}

    def _session(self, wanted: list[str], batched: bool) -> Any:
        key = (tuple(wanted), batched)
        if key not in self._sessions:
            self._sessions[key] = self._build(wanted, batched)
        return self._sessions[key]

    def _build(self, wanted: list[str], batched: bool) -> Any:
        import onnxruntime as ort

        model = exposed(self._model, wanted, batched)
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            return ort.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except _engine_errors() as error:
            if batched:
                raise
            raise ToolchainError(
                "onnxruntime cannot run this model",
                where=self.name,
                got=str(error).splitlines()[0][:200],
                fix="models of the QONNX domains need the qonnx package",
            ) from error


def _engine_errors() -> tuple[type[Exception], ...]:
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    kinds = ("Fail", "InvalidArgument", "RuntimeException", "NotImplemented", "InvalidGraph")
    found = [getattr(state, kind) for kind in kinds if hasattr(state, kind)]
    return (*found, ToolchainError)


def exposed(model: onnx.ModelProto, wanted: list[str], batched: bool) -> onnx.ModelProto:
    """Return a copy whose outputs are ``wanted``; ``batched`` frees axis 0."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    old = {value.name: value for value in copy.graph.output}
    del copy.graph.output[:]
    for name in wanted:
        value = old.get(name) if not batched else None
        copy.graph.output.append(value or onnx.helper.make_empty_tensor_value_info(name))
    if batched:
        del copy.graph.value_info[:]
        constants = {tensor.name for tensor in copy.graph.initializer}
        for value in copy.graph.input:
            dims = value.type.tensor_type.shape.dim
            if value.name not in constants and len(dims):
                dims[0].dim_param = "samples"
    return copy


class QonnxWitness:
    """The qonnx package, for models onnxruntime cannot run; one sample at a time."""

    name = "qonnx"

    def __init__(self, model: bytes) -> None:
        try:
            from qonnx.core.modelwrapper import ModelWrapper
            from qonnx.transformation.fold_constants import FoldConstants
            from qonnx.transformation.infer_shapes import InferShapes
        except ImportError as error:
            raise ToolchainError(
                "the qonnx package is not installed",
                where="witness",
                fix="pip install qonnx, or verify without a witness",
            ) from error
        proto = onnx.load_model_from_string(model)
        _rename_domains(proto)
        constants = {tensor.name for tensor in proto.graph.initializer}
        for value in proto.graph.input:
            dims = value.type.tensor_type.shape.dim
            if value.name not in constants and len(dims):
                dims[0].dim_value = 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shaped = ModelWrapper(proto).transform(InferShapes())
            # Quantised weights are constants: once, not once per sample.
            self._wrapper = shaped.transform(FoldConstants(exclude_op_types=[]))

    def run(self, feeds: Mapping[str, AnyArray], wanted: list[str]) -> dict[str, AnyArray]:
        """Execute node by node and return the wanted tensors."""
        from qonnx.core.onnx_exec import execute_onnx

        count = next(iter(feeds.values())).shape[0]
        rows: dict[str, list[AnyArray]] = {name: [] for name in wanted}
        for i in range(count):
            one = {name: array[i : i + 1] for name, array in feeds.items()}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                context = execute_onnx(self._wrapper, one, return_full_exec_context=True)
            for name in wanted:
                rows[name].append(np.asarray(context[name]))
        return {name: np.stack(row) for name, row in rows.items()}


def _rename_domains(proto: onnx.ModelProto) -> None:
    operators = {"BipolarQuant", "Quant", "IntQuant", "Trunc"}
    for node in proto.graph.node:
        if node.domain in _QONNX_DOMAINS or (node.domain == "" and node.op_type in operators):
            node.domain = _QONNX
    if not any(entry.domain == _QONNX for entry in proto.opset_import):
        proto.opset_import.append(onnx.helper.make_opsetid(_QONNX, 1))


def needs_qonnx(model: bytes) -> bool:
    """Return True when a model holds operators that onnxruntime does not have."""
    proto = onnx.load_model_from_string(model)
    operators = ("BipolarQuant", "Quant", "IntQuant", "Trunc")
    return any(
        node.domain in _QONNX_DOMAINS or node.op_type in operators for node in proto.graph.node
    )
