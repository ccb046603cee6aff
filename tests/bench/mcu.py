"""Instructions per binary multiply-accumulate on emulated cores, beside CMSIS-NN's int8.

``make bench-mcu`` runs it. Two layers, thresholds and packing included: dense 1024x1024 and
conv 3x3 64->64 on 16x16 with zero pads. Counts are executed instructions, exact and
repeatable; they are not cycles.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "kernels"))

from avr_harness import run_on_avr
from boot_harness import BootedKernels, kernels_on
from mcu_harness import FAMILIES, Case, McuKernels, avr_cases, cases, isas

from hysteron.errors import ToolchainError
from hysteron.ops.kernel.xnor_conv import XnorConv
from hysteron.ops.kernel.xnor_dense import XnorDense
from hysteron.targets import Isa, load_target

#: Measured on the same shapes (conv with valid padding) with CMSIS-NN 99f736a6 and GCC 12.2 -O3,
#: counted by QEMU: arm_fully_connected_s8 and arm_convolve_wrapper_s8, instructions per MAC.
CMSIS_NN_INT8 = {
    "cortex-m0": (6.13, 6.39),
    "cortex-m3": (3.37, 2.72),
    "cortex-m4": (1.92, 1.81),
    "cortex-m7": (1.92, 1.81),
    "cortex-m33": (1.92, 1.81),
    "cortex-m55": (0.481, 0.204),
}
#: Int8 dot products in plain C on an ATmega328P, -O2, cycles per multiply-accumulate (simavr).
AVR_INT8 = 9.15
AVR_PARTS = ("atmega328p", "atmega2560")
#: The same with clang 14, where it is better.
CMSIS_NN_INT8_CLANG = {("cortex-m55", "dense"): 0.167}
DENSITIES = (0.0, 0.25, 0.5, 0.75, 1.0)


def per_mac(kernels: McuKernels | BootedKernels, case: Case, density: float) -> float:
    """Return instructions per multiply-accumulate of one case; checks its outputs."""
    arrays = case.arrays(density)
    run = kernels.run(case.op, case.types, arrays)
    (wanted,) = case.op.reference(*arrays)
    if not (run.outputs[0] == wanted[0]).all():
        raise SystemExit(f"{kernels.isa.name}: wrong outputs of {case.op}")
    return run.instructions / case.macs


def int8_beside(isa: str, layer: str, int8: float, binary: float) -> str:
    """Return CMSIS-NN's figures and how many times the binary layer is below the best of them."""
    clang = CMSIS_NN_INT8_CLANG.get((isa, layer))
    both = f"int8 {int8:.3g}" + (f" (clang {clang:.3g})" if clang else "")
    return f"{both}, {min(int8, clang or int8) / binary:4.1f}x"


def report(isa: Isa, family: str) -> None:
    """Print the lines of one core and compiler."""
    try:
        kernels = kernels_on(isa, [XnorDense, XnorConv], family)
    except ToolchainError as error:
        print(f"{isa.name}, {family}: {error}")
        return
    print(f"\n{isa.name}: {kernels.elf.version}")
    print(f"  {' '.join(kernels.elf.flags)}")
    known = CMSIS_NN_INT8.get(isa.name)
    for layout in ("sliced", "sliced_ct"):
        densities = DENSITIES if layout == "sliced" else (0.5,)
        for column, case in enumerate(cases(layout, isa.layout_costs)):
            costs = [per_mac(kernels, case, density) for density in densities]
            half = costs[densities.index(0.5)]
            beside = int8_beside(isa.name, case.name, known[column], half) if known else ""
            each = " ".join(f"{cost:.4f}" for cost in costs)
            kind = "any input" if layout == "sliced_ct" else f"worst {max(costs):.4f}"
            taken = getattr(case.op, "layout", "")
            print(f"  {case.name:6} {taken:10} {half:.4f} ({kind}) {beside:32} {each}")


def report_avr(part: str) -> None:
    """Print the lines of one 8-bit part: cycles of the emulator's model."""
    for case in avr_cases(load_target(part).isa):
        costs = []
        try:
            for density in DENSITIES:
                arrays = case.arrays(density)
                run = run_on_avr(part, case.op, case.types, arrays)
                if not (run.outputs[0] == case.op.reference(*arrays)[0]).all():
                    raise SystemExit(f"{part}: wrong outputs of {case.op}")
                costs.append(run.cycles / case.macs)
        except ToolchainError as error:
            print(f"{part}: {error}")
            return
        if case.name == "dense":
            print(f"\n{part}: {run.version}; cycles in simavr, dense 1024->64, conv 32->32 on 8x8")
            print(f"  {' '.join(run.flags)}")
        half = costs[DENSITIES.index(0.5)]
        beside = f"int8 {AVR_INT8:.2f}, {AVR_INT8 / half:4.1f}x" if case.name == "dense" else ""
        each = " ".join(f"{cost:.4f}" for cost in costs)
        print(
            f"  {case.name:6} {'sliced':10} {half:.4f} (worst {max(costs):.4f}) {beside:18} {each}"
        )


def main() -> None:
    """Measure every core with every compiler that is installed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="cores whose name contains this")
    options = parser.parse_args()
    print("instructions per binary MAC at half of the bits set, thresholds and packing included;")
    print(f"then at densities {', '.join(map(str, DENSITIES))}")
    for isa in isas():
        for family in FAMILIES:
            if options.only in isa.name:
                report(isa, family)
    for part in AVR_PARTS:
        if options.only in part:
            report_avr(part)


if __name__ == "__main__":
    main()
