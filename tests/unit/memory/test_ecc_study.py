"""2T2R is as good as a code of equal area only where both states spread alike."""

from __future__ import annotations

import pytest

from hysteron.memory.ecc_study import Row, ber_2t2r, channel_1t1r, figure, study


def _at(rows: list[Row], scheme: str, ratio: float, raw: float, offset: float = 0.0) -> float:
    (found,) = (
        row.data_ber
        for row in rows
        if (row.scheme, row.spread_ratio, row.raw_ber, row.offset_ratio)
        == (scheme, ratio, raw, offset)
    )
    return found


_ROWS = study()


@pytest.mark.parametrize("raw", [1e-2, 1e-3, 1e-4, 1e-5])
def test_with_equal_spreads_2t2r_tracks_the_8_4_code(raw: float) -> None:
    ratio = _at(_ROWS, "2T2R", 1.0, raw) / _at(_ROWS, "1T1R + SECDED (8,4)", 1.0, raw)
    assert 1 / 1.6 < ratio < 1.6


@pytest.mark.parametrize(("spread", "factor"), [(2.0, 4.5), (3.0, 10.0)])
def test_with_unequal_spreads_the_8_4_code_wins(spread: float, factor: float) -> None:
    code = _at(_ROWS, "1T1R + SECDED (8,4)", spread, 1e-4)
    assert _at(_ROWS, "2T2R", spread, 1e-4) > factor * code


def test_a_comparator_offset_costs_2t2r_and_nobody_else() -> None:
    assert _at(_ROWS, "2T2R", 1.0, 1e-3, 0.5) > 2 * _at(_ROWS, "2T2R", 1.0, 1e-3)
    assert _at(_ROWS, "1T1R", 1.0, 1e-3, 0.5) == _at(_ROWS, "1T1R", 1.0, 1e-3)


# (ln(R_H/R_L), s_L, s_H, 1T1R, 2T2R)
@pytest.mark.parametrize(
    ("d", "low", "high", "single", "double"),
    [(2.3026, 0.2, 0.6, 1.7e-3, 1.4e-4), (2.3026, 0.3, 0.3, 6.2e-5, 2.9e-8)],
)
def test_closed_forms_give_the_known_table(
    d: float, low: float, high: float, single: float, double: float
) -> None:
    assert channel_1t1r(d, low, high).error_rate() == pytest.approx(single, rel=0.05)
    assert ber_2t2r(d, low, high) == pytest.approx(double, rel=0.05)


def test_the_figure_has_a_panel_per_spread_and_offset() -> None:
    assert len(figure(_ROWS).axes) == 6
