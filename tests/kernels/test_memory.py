"""Any bytes in constants are safe, and padding bits mean nothing."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kernel_harness import (
    VARIANTS,
    WARNINGS,
    Kernels,
    assert_identical,
    build,
    compiler,
    declarations,
    examples,
    kernel_ops,
    pack_activation,
    pack_constant,
    packed_size,
    random_inputs,
    sources,
    zeros_for,
)

from hysteron._assets import asset_dir
from hysteron.ir.types import TensorType
from hysteron.ops.kernel._base import KernelOp

#: Random images per kernel; the all-zero and all-one image come on top.
IMAGES = 1000
SANITIZERS = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@pytest.fixture(scope="module", params=sorted(VARIANTS))
def kernels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kernels:
    return Kernels(build(request.param, tmp_path_factory.mktemp(request.param)))


def constant_bytes(op: KernelOp, types: tuple[TensorType, ...]) -> list[int]:
    """Return the section sizes, measured on zeros."""
    count = op.activation_count(*types)
    encodings = op.const_encodings(*types)[: len(types) - count]
    return [
        len(pack_constant(zeros_for(type_), type_, encoding, getattr(op, "groups", 1)))
        for type_, encoding in zip(types[count:], encodings, strict=True)
    ]


def c_program() -> str:
    """Return a program that runs every example on exactly sized buffers of any bytes.

    Every section is allocated separately, so AddressSanitizer sees a read past it.
    """
    cases = [(op, types) for op, types in examples()]
    per_kernel = {name: sum(op.name == name for op, _ in cases) for name in kernel_ops()}
    text = [
        *(f'#include "hyst/op_{name}.h"' for name in kernel_ops()),
        '#include "hyst/sliced_steps.h"',
        "#include <stdlib.h>\n#include <string.h>",
        "static unsigned long long state = 1;",
        "static unsigned char next(void) { state = state * 6364136223846793005ull"
        " + 1442695040888963407ull; return (unsigned char)(state >> 56); }",
        "static void *fresh(size_t n, int kind) { unsigned char *p = malloc(n ? n : 1);",
        " for (size_t i = 0; i < n; i++) p[i] = kind == 0 ? 0 : kind == 1 ? 255 : next();",
        " return p; }",
    ]
    for number, (op, types) in enumerate(cases):
        text.append(_case_function(number, op, types))
    text.append("int main(void) { int i;")
    for number, (op, _) in enumerate(cases):
        rounds = -(-IMAGES // per_kernel[op.name])
        text.append(f"for (i = 0; i < {rounds + 2}; i++) case{number}(i < 2 ? i : 2);")
    return "\n".join([*text, "return 0; }"])


def _case_function(number: int, op: KernelOp, types: tuple[TensorType, ...]) -> str:
    count = op.activation_count(*types)
    inputs = [(packed_size(type_), "2") for type_ in types[:count]]
    consts = [(-(-size // 8) * 8, "kind") for size in constant_bytes(op, types)]
    outs = [(packed_size(type_), "2") for type_ in op.infer(*types)]
    buffers = inputs + [("null", "")] * (op.ACTIVATIONS[1] - len(inputs))
    buffers += consts + [("null", "")] * (op.CONSTANTS[1] - len(consts))
    if op.name == "float_binary":
        buffers = [*inputs, *consts]
    buffers += outs + [("null", "")] * (op.OUTPUTS[1] - len(outs))
    buffers += [("null", "")] * op.SUMS + [(op.scratch_bytes(*types), "2")]
    lines = [f"static void case{number}(int kind) {{"]
    values = ", ".join(str(value) for _, value in op.params(*types))
    lines.append(f"const hyst_{op.name}_params p = {{{values}}}; (void)kind;")
    names = []
    for index, (size, kind) in enumerate(buffers):
        names.append(f"b{index}")
        value = "NULL" if size == "null" else f"fresh({size}u, {kind})"
        lines.append(f"void *b{index} = {value};")
    lines.append(f"hyst_{op.name}(&p, {', '.join(names)});")
    if op.SUMS and (size := op.sums_bytes(*types)):
        # the tables of thresholds that a model's init makes of the same bytes
        first = op.ACTIVATIONS[1]
        t = f"b{first + 1}" if len(consts) > 1 else "NULL"
        numbers = ", ".join(str(value) for _, value in op.sums_params(*types))
        lines.append(f"void *sums = fresh({size}u, 2);")
        lines.append(f"hyst_sliced_sums(b{first}, {t}, {numbers}, sums);")
        lines.append(f"hyst_{op.name}(&p, {', '.join([*names[:-2], 'sums', names[-1]])});")
        names.append("sums")
    lines += [f"free({name});" for name in names]
    return "\n".join([*lines, "}"])


@pytest.mark.parametrize("variant", sorted(set(VARIANTS) - {"gnu11_fma"}))
def test_random_zero_and_one_images_are_free_of_undefined_behaviour(
    tmp_path: Path, variant: str
) -> None:
    flags, suffix = VARIANTS[variant]
    program = tmp_path / "images.c"
    program.write_text(c_program())
    binary = tmp_path / "images"
    include = asset_dir("runtime_c") / "include"
    subprocess.run(
        [
            *(compiler(), "-std=c99", *SANITIZERS, *flags),
            *(f"-I{include}", "-o", str(binary), str(program)),
            *map(str, sources(suffix)),
        ],
        check=True,
        timeout=300,
    )
    done = subprocess.run([str(binary)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr == ""


def flipped_padding(
    op: KernelOp, type_: TensorType, array: np.ndarray[Any, Any], encoding: str, packed: bytes
) -> bytes:
    """Return the section with every bit that is no cell set: the cells of all ones are known."""
    ones = pack_constant(np.ones_like(array), type_, encoding, getattr(op, "groups", 1))
    cells = np.frombuffer(ones, np.uint8)
    if type_.dtype == "t2":
        negative = pack_constant(-np.ones_like(array), type_, encoding, getattr(op, "groups", 1))
        cells = cells | np.frombuffer(negative, np.uint8)
    return (np.frombuffer(packed, np.uint8) | ~cells).tobytes()


@pytest.mark.parametrize(
    "name", ["xnor_dense", "xnor_conv", "int_dense", "int_conv", "step", "bit_pool", "float_dense"]
)
def test_padding_bits_of_constants_change_nothing(kernels: Kernels, name: str) -> None:
    rng = np.random.default_rng(1)
    changed = 0
    for op, types in kernel_ops()[name].examples():
        arrays = random_inputs(rng, op, types, batch=1)
        count = op.activation_count(*types)
        clean, dirty = [], []
        for array, type_, encoding in zip(
            arrays[count:], types[count:], op.const_encodings(*types), strict=True
        ):
            packed = pack_constant(array, type_, encoding, getattr(op, "groups", 1))
            clean.append(packed)
            if encoding != "plain":
                packed = flipped_padding(op, type_, array, encoding, packed)
            dirty.append(packed)
        changed += clean != dirty
        inputs = [
            pack_activation(array[0], type_.dtype)
            for array, type_ in zip(arrays[:count], types[:count], strict=True)
        ]
        for mine, theirs in zip(
            kernels.call(op, types, inputs, dirty),
            kernels.call(op, types, inputs, clean),
            strict=True,
        ):
            assert_identical(mine, theirs, f"{op} {[str(t) for t in types]}")
    assert changed > 0


def test_symbols_are_prefixed_and_nothing_is_called_but_memory_functions(tmp_path: Path) -> None:
    """Compiled without a popcount instruction: no library population count appears either."""
    include = asset_dir("runtime_c") / "include"
    allowed = {"memcpy", "memset", "memmove", "_GLOBAL_OFFSET_TABLE_"}
    for number, source in enumerate(sources("portable")):
        for bits in (32, 64):
            target = tmp_path / f"{number}_{bits}.o"
            subprocess.run(
                [
                    *(compiler(), "-std=c99", "-O2", *WARNINGS, f"-DHYST_WORD_BITS={bits}"),
                    *("-fno-stack-protector", f"-I{include}", "-c", str(source), "-o", str(target)),
                ],
                check=True,
                timeout=60,
            )
            listing = subprocess.run(
                ["nm", "-g", str(target)], check=True, capture_output=True, text=True, timeout=60
            ).stdout
            for kind, symbol in re.findall(r"\b([A-Za-z]) (\w+)$", listing, re.MULTILINE):
                if kind == "U":
                    assert symbol in allowed or symbol.startswith("hyst_"), (
                        f"{source.name}: {symbol}"
                    )
                else:
                    assert symbol.startswith("hyst_"), f"{source.name}: {symbol}"
                    assert kind in ("T", "R"), f"{source.name}: {symbol} is data that changes"


def test_every_header_declares_its_kernel() -> None:
    for name in kernel_ops():
        assert f"void hyst_{name}(const hyst_{name}_params *p" in declarations()
