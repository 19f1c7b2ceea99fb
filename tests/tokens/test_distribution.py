"""Distributions, held against numpy's nearest-rank quantiles."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vlcalc.tokens.distribution import Distribution, bar

token_counts = st.lists(st.integers(0, 500), min_size=1, max_size=60)


def distribution_of(values: list[int]) -> Distribution:
    found = Distribution()
    for value in values:
        found.add(value)
    return found


@settings(max_examples=1000, deadline=None)
@given(token_counts, st.sampled_from([0, 1, 50, 95, 99, 100]))
def test_quantiles_equal_numpy(values: list[int], percent: int) -> None:
    expected = np.percentile(values, percent, method="inverted_cdf")
    assert distribution_of(values).quantile(percent) == expected


@settings(max_examples=1000)
@given(token_counts)
def test_bins_hold_every_image_once(values: list[int]) -> None:
    bins = distribution_of(values).histogram()
    assert 1 <= len(bins) <= 10
    for low, high, images in bins:
        assert images == sum(low <= value <= high for value in values)
    assert sum(images for *_, images in bins) == len(values)


@settings(max_examples=1000)
@given(token_counts, st.integers(0, 500))
def test_totals(values: list[int], limit: int) -> None:
    found = distribution_of(values)
    assert (found.num_images, found.total_tokens) == (len(values), sum(values))
    assert found.mean_tokens == sum(values) / len(values)
    assert found.share_above(limit) == sum(v > limit for v in values) / len(values)


def test_nothing_counted_is_unknown() -> None:
    empty = Distribution()
    assert (empty.quantile(50), empty.mean_tokens, empty.share_above(5)) == (None, None, None)
    assert empty.histogram() == []


def test_bars() -> None:
    assert bar(1, 1) == "█" * 40
    assert bar(1, 80) == "▌"
    assert bar(1, 2, unicode=False) == "#" * 20
    assert bar(0, 0) == ""
