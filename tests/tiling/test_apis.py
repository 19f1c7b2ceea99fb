"""Hosted APIs: every printed, billed and derived count that was collected, exactly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from vlcalc.core.errors import InputError, RefusedError
from vlcalc.spec.api import ApiSpec
from vlcalc.spec.loader import load_spec
from vlcalc.tiling.base import ImageSize, TilingField, TilingPolicy

ROOT = Path(__file__).parents[2]
FACTS = json.loads((ROOT / "tests/data/api_tokens.json").read_text(encoding="utf-8"))
NAMES = sorted(path.stem for path in (ROOT / "specs/apis").glob("*.yaml"))


def _id(row: dict[str, Any]) -> str:
    size = f"{row['width']}x{row['height']}" if "width" in row else str(row.get("seconds", ""))
    return f"{row.get('model', 'rule')}-{row.get('detail', '')}-{size}"


def _api(name: str) -> ApiSpec:
    spec = load_spec(name)
    assert isinstance(spec, ApiSpec)
    return spec


def _policy(row: dict[str, Any]) -> TilingPolicy:
    if "policy" in row:
        policy: TilingPolicy = TypeAdapter(TilingField).validate_python(row["policy"])
        return policy
    return _api(row["model"]).tiling_for(row.get("detail"))


@pytest.mark.parametrize("row", FACTS["images"], ids=_id)
def test_collected_count(row: dict[str, Any]) -> None:
    policy, image = _policy(row), ImageSize(row["width"], row["height"])
    if row["tokens"] is None:
        with pytest.raises(RefusedError, match=r"6000x6000: 35,344 patches .*HTTP 400"):
            policy.tile(image)
        return
    tiling = policy.tile(image)
    assert tiling.sequence_tokens == row["tokens"]
    assert list(tiling.resized) == row.get("resized", list(tiling.resized))


def test_collection_is_whole() -> None:
    kinds = [row["kind"].split()[0] for row in FACTS["images"]]
    assert {kind: kinds.count(kind) for kind in sorted(set(kinds))} == {
        "computed": 11,
        "derived": 51,
        "inferred": 1,
        "measured": 56,
        "official": 136,
    }


def test_bill_within_a_token_of_the_rule() -> None:
    # OpenAI's calculator says that floating point may move a result by one token.
    (row,) = (row for row in FACTS["images"] if "billed" in row)
    tiling = _policy(row).tile(ImageSize(row["width"], row["height"]))
    assert abs(tiling.image_tokens - row["billed"]) == 1


@pytest.mark.parametrize("row", FACTS["approximate"], ids=_id)
def test_printed_table(row: dict[str, Any]) -> None:
    spec = _api(row["model"])
    assert spec.approximate
    for image in (ImageSize(row["width"], row["height"]), ImageSize(row["height"], row["width"])):
        assert spec.tiling.tile(image).image_tokens == row["tokens"]


@pytest.mark.parametrize("row", FACTS["flat"], ids=_id)
@pytest.mark.parametrize("image", [ImageSize(1, 1), ImageSize(8000, 6000)], ids=str)
def test_flat_bill(row: dict[str, Any], image: ImageSize) -> None:
    assert _api(row["model"]).tiling.tile(image).sequence_tokens == row["tokens"]


@pytest.mark.parametrize("row", FACTS["video"], ids=_id)
def test_video(row: dict[str, Any]) -> None:
    video = _api(row["model"]).video
    assert video is not None
    assert video.fps == 1.0
    frames = min(row["seconds"], video.max_frames or row["seconds"])
    assert video.tile(ImageSize(1280, 720), frames).sequence_tokens == row["tokens"]


@pytest.mark.parametrize("name", NAMES)
def test_spec(name: str) -> None:
    spec = _api(name)
    assert spec.name == name
    assert all(source.startswith("https://") for source in spec.sources)
    for level in spec.details:
        assert spec.tiling_for(level).tile(ImageSize(640, 480)).sequence_tokens > 0
    assert spec.tiling_for("auto") == spec.tiling_for() == spec.tiling


@pytest.mark.parametrize("name", NAMES)
def test_price_is_dated_and_rises(name: str) -> None:
    price = _api(name).price
    if price is None:
        return
    assert price.date.year == 2026
    assert price.input_usd_per_mtok is not None
    assert price.output_usd_per_mtok is not None
    steps = [(0, price.input_usd_per_mtok)]
    steps += [(tier.above_input_tokens, tier.input_usd_per_mtok or 0.0) for tier in price.tiers]
    assert steps == sorted(set(steps))


def test_names_are_told_apart() -> None:
    names = [name for stem in NAMES for name in (stem, *_api(stem).aliases)]
    assert len(names) == len(set(names))
    assert len(NAMES) == 72


def test_unknown_detail_level() -> None:
    with pytest.raises(
        InputError, match="expected a detail level of claude-opus-5, one of `auto`, got `low`"
    ):
        _api("claude-opus-5").tiling_for("low")


def test_a_level_may_name_another() -> None:
    spec = _api("gpt-5-mini")
    assert spec.details["low"] == "high"
    assert spec.tiling_for("low") == spec.tiling_for("high")


def test_low_that_costs_more_than_high() -> None:
    spec, image = _api("gpt-5.4"), ImageSize(2048, 2048)
    low, high = (spec.tiling_for(level).tile(image).image_tokens for level in ("low", "high"))
    assert (low, high) == (4916, 3000)  # ceil(64 * 64 * 1.2) and 2,500 * 1.2


def test_together_and_aws_disagree() -> None:
    image = ImageSize(1000, 559)
    assert _api("llama-3.2-vision-together").tiling.tile(image).image_tokens == 2 * 1601
    assert _api("llama-3.2-vision-bedrock").tiling.tile(image).image_tokens == 1601
