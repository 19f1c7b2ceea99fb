"""Hosted APIs: every printed, billed and derived count that was collected, exactly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from vlcalc.core.errors import InputError, RefusedError
from vlcalc.spec import catalogue
from vlcalc.spec.api import ApiSpec
from vlcalc.spec.loader import load_spec
from vlcalc.tiling.base import ImageSize, TilingField, TilingPolicy

ROOT = Path(__file__).parents[2]
FACTS = json.loads((ROOT / "tests/data/api_tokens.json").read_text(encoding="utf-8"))
NAMES = sorted(path.stem for path in (ROOT / "specs/apis").glob("*.yaml"))
PRICED = [
    entry.name
    for entry in catalogue.entries("api")
    if "price" in catalogue.document_of(entry.path).data
]


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
    else:
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


def test_most_prices_are_known() -> None:
    assert len(PRICED) == 59


@pytest.mark.parametrize("name", PRICED)
def test_price_is_dated_and_rises(name: str) -> None:
    price = _api(name).price
    assert price is not None
    assert price.date.year == 2026
    assert price.input_usd_per_mtok is not None
    assert price.output_usd_per_mtok is not None
    steps = [(0, price.input_usd_per_mtok)]
    steps += [(tier.above_input_tokens, tier.input_usd_per_mtok or 0.0) for tier in price.tiers]
    assert steps == sorted(set(steps))


def test_names_are_told_apart() -> None:
    names = [name for stem in NAMES for name in (stem, *_api(stem).aliases)]
    assert len(names) == len(set(names))
    assert len(NAMES) == 76


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


def test_nova_takes_the_row_of_the_square() -> None:
    # One public report: 1,314 tokens billed at 512x512 and 2,610 at 1120x1120, a difference of
    # 1,296. By area alone 1120x1120 would be nearest to 1400x900.
    nova = _api("amazon-nova-v1")
    small, large = (nova.tiling.tile(ImageSize(side, side)).image_tokens for side in (512, 1120))
    assert (small, large) == (1300, 2600)
    assert abs((large - small) - (2610 - 1314)) <= 10
    assert nova.statuses == {"table": "official", "row": "inferred"}
    # Larger than every printed size of its shape: the nearest of all.
    assert nova.tiling.tile(ImageSize(3000, 2000)).image_tokens == 2600


@pytest.mark.parametrize(
    "name",
    [
        *("claude-3-7-sonnet", "claude-3-7-sonnet-20250219", "claude-sonnet-4-20250514"),
        *("claude-opus-4", "claude-opus-4-1-20250805", "claude-4-sonnet"),
    ],
)
def test_claude_since_3_7_is_billed_by_patches(name: str) -> None:
    # One public report of April 2025, Sonnet 3.7: a difference of 1,160 tokens in billed usage.
    tiling = _api(name).tiling
    small, large = (tiling.tile(ImageSize(side, side)).image_tokens for side in (512, 1120))
    assert (small, large) == (361, 1521)
    assert large - small == 1160
    assert _api(name).status != "official"


def test_the_formula_of_claude_is_not_said_to_be_billed() -> None:
    legacy = _api("claude-3-5-sonnet-20241022")
    assert legacy.name == "claude-legacy"
    assert legacy.statuses == {"formula": "official", "billing": "assumed"}
    assert legacy.status == "assumed"
    assert legacy.approximate


def test_a_tier_that_is_read_off_a_name_is_not_official() -> None:
    readings = [name for name in NAMES if "our reading of its name" in " ".join(_api(name).notes)]
    assert len(readings) == 10
    for name in readings:
        spec = _api(name)
        assert spec.statuses["rule"] == "official"
        assert spec.status == spec.statuses["tier"] != "official"


@pytest.mark.parametrize("name", NAMES)
def test_a_count_is_known_no_better_than_what_it_rests_on(name: str) -> None:
    order = ["official", "measured", "inferred", "assumed"]
    spec = _api(name)
    assert all(order.index(part) <= order.index(spec.status) for part in spec.statuses.values())


def test_a_status_better_than_its_parts_is_refused() -> None:
    data = _api("claude-opus-5").model_dump() | {"status": "official"}
    with pytest.raises(ValidationError, match=r"least known of `statuses` \(inferred\)"):
        ApiSpec.model_validate(data)


@pytest.mark.parametrize(
    ("dated", "name"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("GPT-4o-2024-08-06", "gpt-4o"),
        ("gpt-4.1-mini-2025-04-14", "gpt-4.1-mini"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
    ],
)
def test_a_dated_snapshot_is_its_model(dated: str, name: str) -> None:
    assert _api(dated).name == name


@pytest.mark.parametrize("name", ["llava-1.5-20240101", "gpt-4o-2024-8-6", "gpt-4o-2024"])
def test_a_date_leads_to_hosted_models_only(name: str) -> None:
    with pytest.raises(InputError, match="expected the name of a model or api"):
        load_spec(name)
