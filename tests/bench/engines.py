"""What is timed: our C, the popcount limit and onnxruntime, each on one thread.

Every ``*_engine`` returns a call that does a fixed number of inferences of batch 1, one
after the other, and returns seconds per inference.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cffi
import numpy as np
import onnx
from nets import SEED

from hysteron.driver.compile import CompiledModel, Options, compile_model
from hysteron.host.bridge import Net
from hysteron.host.compiler import build, find_cc
from hysteron.targets import load_isa

Engine = Callable[[], float]

_LIMIT_BITS = 8192 * 16  # as in limit.c
_LIMIT_REPEATS = 2000


def _repeated(call: Callable[[], object], repeats: int) -> Engine:
    def seconds() -> float:
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        return (time.perf_counter() - start) / repeats

    return seconds


def compiled_for(model: onnx.ModelProto, spec: str, isa: str) -> CompiledModel:
    """Compile for the target ``host-ISA``."""
    return compile_model(model, Options(inputs=(spec,), target=f"host-{isa}"))


def our_engine(compiled: CompiledModel, sample: np.ndarray, repeats: int) -> Engine:
    """Return our generated C; the loop over ``repeats`` inferences runs in C."""
    net = Net(compiled.program, threads=1)
    ffi = cffi.FFI()
    rows = np.repeat(net._pack(sample), repeats, axis=0)
    out = np.zeros((repeats, int(net._lib.hyst_host_sizes[2])), dtype=np.uint8)
    ctx, failed = net._context(), ffi.new("uint64_t *")

    def seconds() -> float:
        start = time.perf_counter()
        status = net._lib.hyst_host_batch(
            ffi.from_buffer(ctx), ffi.from_buffer(rows), ffi.from_buffer(out), repeats, failed
        )
        took = (time.perf_counter() - start) / repeats
        if status:
            raise RuntimeError(f"the generated code failed with status {status}")
        return took

    return seconds


def density(compiled: CompiledModel, sample: np.ndarray) -> float:
    """Return the share of +1 among all binary activations."""
    types = compiled.program.final.types
    tensors = Net(compiled.program, threads=1).trace(sample)
    bits = [
        np.greater(array.ravel(), 0) for name, array in tensors.items() if types[name].dtype == "b1"
    ]
    return float(np.concatenate(bits).mean())


def limit_engine() -> Engine:
    """Return the popcount loop; seconds per 1-bit multiply-accumulate."""
    source = (Path(__file__).parent / "limit.c").read_bytes()
    ffi = cffi.FFI()
    ffi.cdef("uint64_t limit_run(const uint8_t *x, const uint8_t *w, uint64_t repeats);")
    lib = ffi.dlopen(str(build({"limit.c": source}, find_cc(load_isa("host-avx2")), "library")))
    rng = np.random.default_rng(SEED)
    x, w = (rng.integers(0, 256, size, dtype=np.uint8) for size in (1024, 16 * 1024))

    def seconds() -> float:
        start = time.perf_counter()
        lib.limit_run(ffi.from_buffer(x), ffi.from_buffer(w), _LIMIT_REPEATS)
        return (time.perf_counter() - start) / _LIMIT_REPEATS / _LIMIT_BITS

    return seconds


def onnxruntime_engine(model: onnx.ModelProto, x: np.ndarray, repeats: int) -> Engine:
    """Return onnxruntime's CPU provider with one thread."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    feed = {"x": x.astype(np.float32)}
    return _repeated(lambda: session.run(None, feed), repeats)


def quantised(model: onnx.ModelProto, x: np.ndarray) -> onnx.ModelProto:
    """Return the model in onnxruntime's static int8 QDQ form, weights per channel."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter([{"x": x.astype(np.float32)}])

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.left, None)

    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/{name}.onnx" for name in ("given", "prepared", "int8")]
        onnx.save(model, paths[0])
        quant_pre_process(paths[0], paths[1], skip_symbolic_shape=True)
        quantize_static(
            paths[1], paths[2], Reader(), quant_format=QuantFormat.QDQ, per_channel=True
        )
        return onnx.load(paths[2])
