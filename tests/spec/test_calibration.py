"""Rates between the sizes that were measured, and what a table must hold."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from vlcalc.spec.calibration import Axis, Calibration, RateTable

TABLE = RateTable(
    axes=(Axis(of="rows", sizes=(1.0, 4.0, 64.0)), Axis(of="inner", sizes=(10.0, 1000.0))),
    rates=(1.0, 100.0, 4.0, 400.0, 2.0, 200.0),
)


@pytest.mark.parametrize(
    ("rows", "inner", "rate"),
    [
        (1, 10, 1.0),
        (64, 1000, 200.0),
        (2, 10, 2.0),  # half way from 1 to 4, on a logarithmic axis
        (1, 100, 10.0),
        (2, 100, 20.0),
        (16, 10, 8**0.5),
        (0.1, 1, 1.0),  # flat outside
        (1e6, 1e6, 200.0),
    ],
)
def test_rates_are_interpolated_on_logarithmic_axes(rows: float, inner: float, rate: float) -> None:
    assert TABLE.rate(rows=rows, inner=inner, bytes=7) == pytest.approx(rate)


def test_a_table_of_one_point_is_flat() -> None:
    table = RateTable(axes=(Axis(of="bytes", sizes=(8.0,)),), rates=(3.0,))
    assert table.rate(bytes=1) == table.rate(bytes=100) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rates": (1.0,)}, "expected 6 rates, one for each point of the axes, got 1"),
        ({"rates": (1.0, 2.0, 1e-300, 1.0, 1.0, 1.0)}, "greater than or equal to 1"),
        ({"axes": ({"of": "rows", "sizes": (2.0, 1.0)},)}, "expected values that rise"),
        ({"axes": ({"of": "rows", "sizes": (1.0, 1.0)},)}, "expected values that rise"),
        ({"axes": ({"of": "depth", "sizes": (1.0,)},)}, "'batch', 'rows'"),
    ],
)
def test_a_wrong_table_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RateTable.model_validate({**TABLE.model_dump(), **fields})


def test_a_calibration_survives_its_file() -> None:
    calibration = Calibration(date="2026-01-31", threads=1, rates={"float32": {"mm": TABLE}})
    assert Calibration.model_validate_json(calibration.model_dump_json()) == calibration
