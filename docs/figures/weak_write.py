"""Weak ST-MRAM writes without ECC against strong ones with it: relative programming energy.

    python docs/figures/weak_write.py       weak_write.svg beside this file, the table on stdout

Physics: technology ``st-mram`` at its default write current, write errors only. Energy:
I^2 R t of the write pulse times cells per data bit; the encoder, the decoder, reads and the
smaller transistor of a weaker write are left out. The tolerated rates are the knees measured
in knee.json.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from knee import knee_of
from scipy.optimize import brentq

from hysteron.campaign.plots import rendered
from hysteron.memory.ecc import Secded, residual
from hysteron.memory.load import load_technology
from hysteron.memory.technology import Technology

HERE = Path(__file__).parent
SPREADS = (0.0, 5.0)  # percent of Delta; assumptions both
#: Data bit error rate asked of a memory that must look perfect; assumption.
PERFECT = 1e-9
CODE = Secded(64)
NETWORKS = ("fashion_mlp", "fashion_mlp_fixed", "fashion_mlp_range")


def data_rate(technology: Technology, spread: float, pulse: float, coded: bool) -> float:
    """Return the data bit error rate after a write of ``pulse`` ns, with or without the code."""
    conditions = {"write_pulse_ns": pulse, "delta_sigma_percent": spread}
    channel = technology.channel(2, conditions)
    return residual(CODE, channel).data_ber if coded else channel.error_rate()


def energy(technology: Technology, spread: float, rate: float, coded: bool) -> float:
    """Return the relative write energy per data bit that just reaches ``rate``."""

    def excess(pulse: float) -> float:
        return float(np.log(data_rate(technology, spread, pulse, coded) / rate))

    pulse = float(brentq(excess, 3.0, 60.0, xtol=1e-4))
    write = technology.energy({"write_pulse_ns": pulse}).program
    return write * (CODE.cells_per_bit if coded else 1.0)


def table(technology: Technology, knees: dict[str, float]) -> str:
    """Return the Markdown table: energy per data bit over that of a strong write with ECC."""
    heads = " | ".join(f"spread of Delta {spread:g} %" for spread in SPREADS)
    lines = [f"| memory | data bit error rate | {heads} |", "|---|---|---|---|"]
    schemes = [("strong write, SECDED (72,64)", PERFECT, True), ("strong write", PERFECT, False)]
    schemes += [("weak write", 1e-4, False), ("weak write", 1e-3, False)]
    schemes += [(f"weak write, knee of `{name}`", rate, False) for name, rate in knees.items()]
    for label, rate, coded in schemes:
        ratios = [
            energy(technology, spread, rate, coded) / energy(technology, spread, PERFECT, True)
            for spread in SPREADS
        ]
        lines.append(f"| {label} | {rate:.1e} | " + " | ".join(f"{r:.2f}" for r in ratios) + " |")
    return "\n".join(lines)


def figure(technology: Technology) -> Any:
    """Return the figure of energy per data bit against the data bit error rate."""
    from matplotlib.figure import Figure

    made = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = made.add_subplot()
    rates = np.logspace(-12, -2, 21)
    for number, spread in enumerate(SPREADS):
        unit = energy(technology, spread, PERFECT, True)
        for coded, style in ((False, "-"), (True, "--")):
            found = [energy(technology, spread, rate, coded) / unit for rate in rates]
            label = f"spread {spread:g} %, " + ("SECDED (72,64)" if coded else "no code")
            axes.plot(rates, found, f"C{number}{style}", label=label)
    axes.set(xscale="log", xlabel="data bit error rate", ylim=(0, None))
    axes.set_ylabel(f"write energy per data bit\n(1: SECDED at {PERFECT:g})")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return made


def main() -> None:
    """Print the table and write the figure."""
    technology = load_technology("st-mram")
    results = json.loads((HERE / "knee.json").read_text("utf-8"))
    knees = {name: knee_of(results[name]).rate for name in NETWORKS if name in results}
    print(table(technology, knees))
    (HERE / "weak_write.svg").write_bytes(rendered(figure(technology), "svg"))


if __name__ == "__main__":
    main()
