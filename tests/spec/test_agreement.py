"""Parts that do not fit together are refused, each with its line; those of the catalogue do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from vlcalc.core.errors import SpecError
from vlcalc.core.image_size import ImageSize
from vlcalc.fusion.mlp import MLP
from vlcalc.spec import agreement, catalogue
from vlcalc.spec.loader import build_entry, load_spec
from vlcalc.spec.part_specs import LanguageSpec, VisionSpec
from vlcalc.spec.schema import ModelSpec
from vlcalc.tiling.fixed import Fixed

DESIGN = """\
name: mine
vision: {vision}
tiling: {tiling}
fusion: {fusion}
language: {language}
"""
PARTS = {
    "vision": "{ use: clip-vit-l-14-336 }",
    "tiling": "{ kind: fixed, size: 336 }",
    "fusion": "{ kind: mlp }",
    "language": "{ use: vicuna-7b-v1.5 }",
}
ENCODER = "{ depth: 24, width: 1024, num_heads: 16, ffn_width: 4096, patch_size: 14, %s }"
SHALLOW = ENCODER.replace("depth: 24", "depth: 8") % "norm: rms"
MODELS = [build_entry(entry) for entry in catalogue.entries("model")]


def design(tmp_path: Path, **parts: str) -> ModelSpec:
    path = tmp_path / "mine.yaml"
    path.write_text(DESIGN.format(**{**PARTS, **parts}), encoding="utf-8")
    spec = load_spec(str(path))
    assert isinstance(spec, ModelSpec)
    return spec


@pytest.mark.parametrize(
    ("parts", "counts"),
    [
        ({"tiling": "{ kind: fixed, size: 336, merge_size: 2 }"}, "image tokens .* 144 and 576"),
        ({"fusion": "{ kind: pixel_shuffle, factor: 2 }"}, "image tokens .* 576 and 144"),
        (
            {"tiling": "{ kind: fixed, size: 336, tokens: 64 }", "fusion": "{ kind: q_former }"},
            "image tokens .* 64 and 32",
        ),
        ({"fusion": "{ kind: linear, keep_prefix: true }"}, "image tokens .* 576 and 577"),
        ({"fusion": "{ kind: concat }"}, "image tokens .* 576 and 1 "),
        ({"fusion": "{ kind: gated_xattn_dense }"}, "image tokens .* 576 and 1 "),
        (
            {
                "tiling": "{ kind: fixed, size: 336, placeholders: 1, prefix_tokens: 1 }",
                "fusion": "{ kind: gated_xattn_dense }",
            },
            "context tokens .* 577 and 576",
        ),
        (
            {
                "tiling": "{ kind: fixed, size: 336, merge_size: 2 }",
                "language": "{ name: a-model-of-unknown-shape }",
            },
            "image tokens .* 144 and 576",
        ),
    ],
)
def test_tokens_that_differ_are_refused_with_both_lines(
    tmp_path: Path, parts: dict[str, str], counts: str
) -> None:
    with pytest.raises(SpecError, match=counts) as refusal:
        design(tmp_path, **parts)
    message = str(refusal.value)
    assert "`tiling` at" in message
    assert "mine.yaml:3 and `fusion` at" in message
    assert message.endswith("mine.yaml:4")


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (
            {"vision": f"{{ name: v, feature_layer: -30, encoder: {ENCODER % 'norm: rms'} }}"},
            "`feature_layer` from -25 to 24 of an `encoder` with 24 layers, got -30",
        ),
        (
            {"vision": f"{{ name: v, feature_layer: 25, encoder: {ENCODER % 'norm: rms'} }}"},
            "`feature_layer` from -25 to 24 of an `encoder` with 24 layers, got 25",
        ),
        (
            {
                "tiling": "{ kind: fixed, size: 336, placeholders: 1 }",
                "fusion": "{ kind: gated_xattn_dense, first: 32 }",
            },
            r"`first` below `text_depth` \(32\) in `fusion`, got 32",
        ),
        (
            {
                "tiling": "{ kind: fixed, size: 336, merge_size: 2 }",
                "fusion": "{ kind: deepstack_merger, num_levels: 9 }",
                "language": "{ use: vicuna-7b-v1.5, decoder: { depth: 8 } }",
            },
            r"`num_levels` of at most `text_depth` \(8\).* got 9; `fusion` at",
        ),
        (
            {
                "vision": f"{{ name: v, encoder: {SHALLOW} }}",
                "tiling": "{ kind: fixed, size: 336, merge_size: 2 }",
                "fusion": "{ kind: deepstack_merger, num_levels: 9 }",
            },
            "fewer layers than the 8 of `vision`, got 9 beside the last",
        ),
        (
            {"fusion": "{ kind: pixel_shuffle, factor: 5 }"},
            r"`factor` that divides",
        ),
    ],
)
def test_numbers_that_no_part_has_are_refused(
    tmp_path: Path, parts: dict[str, str], words: str
) -> None:
    with pytest.raises(SpecError, match=words):
        design(tmp_path, **parts)


def test_a_spec_that_is_made_in_python_is_held_to_it_too() -> None:
    def made(tiling: Fixed) -> ModelSpec:
        return ModelSpec(
            name="mine",
            vision=VisionSpec(name="v", patch_size=14),
            tiling=tiling,
            fusion=MLP(kind="mlp"),
            language=LanguageSpec(name="l"),
        )

    assert made(Fixed(kind="fixed", size=336)).tiling.patch == 14
    with pytest.raises(ValidationError, match="144 and 576"):
        made(Fixed(kind="fixed", size=336, merge_size=2))


def test_an_encoder_says_what_the_block_leaves_out(tmp_path: Path) -> None:
    shape = ENCODER % "class_token: true, num_registers: 4"
    spec = design(
        tmp_path,
        vision=f"{{ name: v, encoder: {shape} }}",
        tiling="{ kind: fixed, size: 336, prefix_tokens: 5 }",
        fusion="{ kind: linear, keep_prefix: true }",
    )
    assert spec.vision is not None
    assert (spec.vision.num_prefix_tokens, spec.vision.patch_size, spec.vision.width) == (
        *(5, 14),
        1024,
    )
    assert spec.tiling.patch == 14
    with pytest.raises(SpecError, match="576 and 581"):
        design(
            tmp_path,
            vision=f"{{ name: v, encoder: {shape} }}",
            fusion="{ kind: linear, keep_prefix: true }",
        )


@settings(max_examples=1000, deadline=None)
@given(st.sampled_from(MODELS), st.integers(1, 5000), st.integers(1, 5000))
def test_every_model_agrees_at_every_size(spec: ModelSpec, width: int, height: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agreement, "SIZES", (ImageSize(width, height),))
        agreement.check_agreement(spec.vision, spec.tiling, spec.fusion, spec.language)


@pytest.mark.parametrize("kind", ["linear", "mlp", "fused_mlp"])
def test_encoders_on_other_grids_are_not_joined_by_channel(tmp_path: Path, kind: str) -> None:
    """CLIP at 336 px gives 24x24 vectors; SigLIP at 384 px 27x27, at 336 px of patches 24x24."""
    fusion = f"{{ kind: {kind} }}\nsecond_vision: {{ use: siglip-so400m-14-384 }}"
    with pytest.raises(SpecError, match="24x24 and 27x27 of `clip-vit-l-14-336` and `siglip"):
        design(tmp_path, fusion=fusion)
    same = fusion.replace("14-384 }", "14-384, image_size: 336, encoder: { position_side: 24 } }")
    assert len(design(tmp_path, fusion=same).encoders) == 2
