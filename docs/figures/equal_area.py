"""2T2R against error-correcting codes at equal area: the figure and table of docs/showcase.md.

    python docs/figures/equal_area.py       equal_area.svg beside this file, the table on stdout

Everything comes from ``hysteron.memory.ecc_study``; there is nothing random in it.
"""

from __future__ import annotations

from pathlib import Path

from hysteron.campaign.plots import rendered
from hysteron.memory.ecc_study import OFFSET_RATIOS, SPREAD_RATIOS, Row, figure, study

SHOWN = (1e-2, 1e-4)
CODE = "1T1R + SECDED (8,4)"


def table(rows: list[Row]) -> str:
    """Return the Markdown table of the two schemes with two cells per data bit."""
    found = {(r.scheme, r.spread_ratio, r.offset_ratio, r.raw_ber): r.data_ber for r in rows}
    lines = [
        "| s_H / s_L | offset / s_L | raw 1T1R rate | SECDED (8,4) | 2T2R | 2T2R / code |",
        "|---|---|---|---|---|---|",
    ]
    for spread in SPREAD_RATIOS:
        for offset in OFFSET_RATIOS:
            for raw in SHOWN:
                code, pair = (found[name, spread, offset, raw] for name in (CODE, "2T2R"))
                cells = f"{spread:g} | {offset:g} | {raw:g} | {code:.1e} | {pair:.1e}"
                lines.append(f"| {cells} | {pair / code:.2g} |")
    return "\n".join(lines)


if __name__ == "__main__":
    ROWS = study()
    print(table(ROWS))
    Path(__file__).with_name("equal_area.svg").write_bytes(rendered(figure(ROWS), "svg"))
