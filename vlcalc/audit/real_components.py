"""Which parameters of a class of transformers belong to which component.

The rules are read in order, the first whose text is in a parameter's name counts; what none names
belongs to the language model. They follow the names that classes give their modules, so that one
list does for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

COMPONENTS = ("vision", "fusion", "language", "other")
RULES = (
    ("vqmodel", "other"),
    ("generation_", "other"),
    ("visual.merger", "fusion"),
    ("visual.deepstack", "fusion"),
    ("visual.downsample", "fusion"),
    ("crossattention", "fusion"),
    ("cross_attn", "fusion"),
    ("multi_modal_projector", "fusion"),
    ("mm_projector", "fusion"),
    ("image_newline", "fusion"),
    ("connector", "fusion"),
    ("aligner", "fusion"),
    ("perceiver_resampler", "fusion"),
    ("qformer", "fusion"),
    ("query_tokens", "fusion"),
    ("language_projection", "fusion"),
    ("image_to_text_projection", "fusion"),
    ("visual_projection", "fusion"),
    ("vision_embed_tokens", "fusion"),
    ("visual_embeddings_table", "fusion"),
    ("vision_tower", "vision"),
    ("image_tower", "vision"),
    ("vision_model", "vision"),
    ("image_encoder", "vision"),
    ("visual", "vision"),
)
# Types whose names mean something else; read before the rules of all.
RULES_OF_TYPE = {"chameleon": (("vqmodel", "vision"),)}


def real_component_of(name: str, model_type: str) -> str:
    """Return the component of a parameter or module, by its name."""
    rules = (*RULES_OF_TYPE.get(model_type, ()), *RULES)
    return next((component for text, component in rules if text in name), "language")


def real_components(model: nn.Module, model_type: str) -> dict[str, int]:
    """Return the parameters of a real class by component, tied ones once."""
    counts = dict.fromkeys(COMPONENTS, 0)
    for name, parameter in model.named_parameters():
        counts[real_component_of(name, model_type)] += parameter.numel()
    return counts
