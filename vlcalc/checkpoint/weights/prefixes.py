"""The component that a tensor belongs to, by the modules that its name begins with.

Old and new spellings of transformers, the originals' and GGUF's: the whole model's own prefix is
left out, then the first module decides, or the second where a fusion stands inside an encoder.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

COMPONENTS = ("vision", "fusion", "language", "other")
WHOLE = re.compile(r"^(?:(?:model|base_model|thinker|git|module)\.)+")
VISION = re.compile(
    r"vision_(?:tower|model|encoder)|visual|vision|image_encoder|vpm|vit|vqmodel"
    r"|(?:high_res_|sam_)vision\w*|sam_model|v"
)
FUSION = re.compile(
    r"multi_?modal_projector|mm_projector|mm|mlp1|projector|connector|aligner|merger|resampler\w*"
    r"|perceiver_resampler|q_?former|query_tokens|language_projection|visual_projection"
    r"|text_projection|image_to_text_projection|logit_(?:scale|bias)|temperature|image_newline"
    r"|view_sep\w*|gated_cross_attn_layers|embed_vision|visual_embeddings_table|vte"
    r"|vision_embed_tokens|vision_language_adapter|patch_merger"
)
OTHER = re.compile(
    r"audio_\w+|embed_audio|apm|tts|talker|token2wav|code2wav|generation_\w+|gen_\w+"
)
# Modules inside an encoder that join it to the language model.
INNER_FUSION = re.compile(r"merger|merger_list|deepstack_merger_list|downsample")
LAYER = re.compile(r".*\blayers\.\d+\.")


class Family(NamedTuple):
    """What differs in a family from the generic rules.

    Attributes:
        modules: patterns of names, the whole model's prefix left out, and their component.
        parameters: last parts of names that are parameters here, buffers elsewhere.
    """

    modules: tuple[tuple[str, str], ...] = ()
    parameters: tuple[str, ...] = ()


FAMILIES_THAT_DIFFER = {
    "blip": Family(((r"\.crossattention\.", "fusion"),)),
    "ernie4_5_vl_moe": Family(parameters=("e_score_correction_bias",)),
    "janus": Family(((r"^vqmodel\.", "other"),)),
    "ovis2": Family(((r"^vision_tower\.head_", "fusion"),)),
    "siglip": Family(((r"^text_model\.head\.", "fusion"),)),
}
NO_DIFFERENCE = Family()


def family_of(model_type: str) -> Family:
    """Return what differs in the family of a `model_type`."""
    return FAMILIES_THAT_DIFFER.get(model_type, NO_DIFFERENCE)


def components_of(names: Collection[str], family: Family = NO_DIFFERENCE) -> dict[str, str]:
    """Return the component of each tensor by its name.

    A layer of the language model that holds cross-attention is one that the fusion inserted.
    """
    layers = {name: match[0] for name in names if (match := LAYER.match(name))}
    crossed = {layer for name, layer in layers.items() if name.startswith(f"{layer}cross_attn.")}
    return {
        name: "fusion" if layers.get(name) in crossed else component_of(name, family)
        for name in names
    }


def component_of(name: str, family: Family = NO_DIFFERENCE) -> str:
    """Return the component of one tensor."""
    inner = WHOLE.sub("", name)
    for pattern, component in family.modules:
        if re.search(pattern, inner):
            return component
    first, _, rest = inner.partition(".")
    if OTHER.fullmatch(first):
        return "other"
    if FUSION.fullmatch(first):
        return "fusion"
    if VISION.fullmatch(first):
        return "fusion" if INNER_FUSION.fullmatch(rest.partition(".")[0]) else "vision"
    return "language"
