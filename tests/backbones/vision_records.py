"""Which vision parts each system of the parameter records has, and how it changes them."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.backbones.vision_specs import ENCODERS, OPAQUE
from vlcalc.backbones.vit import VisionTransformer
from vlcalc.backbones.vit_parts import Neck


class Record(NamedTuple):
    """Encoders of one system: parts with what it changes, and parameters beside them."""

    parts: tuple[tuple[str, dict[str, Any]], ...]
    beside: int = 0

    def num_params(self) -> int:
        encoders = [changed(ENCODERS[name], **change) for name, change in self.parts]
        return self.beside + sum(encoder.num_params() for encoder in encoders)


def changed(encoder: VisionTransformer, **fields: Any) -> VisionTransformer:
    return VisionTransformer.model_validate({**encoder.model_dump(), **fields})


def one(name: str, beside: int = 0, **change: Any) -> Record:
    return Record(((name, change),), beside)


CLIP_L = one("clip-vit-l-14")
CLIP_L_336 = one("clip-vit-l-14-336")
CLIP_L_PROJECTED = one("clip-vit-l-14", beside=1024 * 768)  # open_clip's map of the class token
EVA = one("eva-vit-g-14-blip2")
INTERN = one("internvit-300m-448px")
INTERN_6B = one("internvit-6b-448px")
QWEN2 = one("qwen2-vl-vit")
QWEN25 = one("qwen2.5-vl-vit")
QWEN3 = one("qwen3-vl-vit")
SIGLIP_384 = one("siglip-so400m-14-384")
SIGLIP_384_POOLED = one("siglip-so400m-14-384", attention_pool=True)
SIGLIP_26 = one("siglip-so400m-14-384", depth=26)
PALIGEMMA = one("siglip-so400m-14-224")
GEMMA3 = one("siglip-so400m-14-896")

# DeepSeek-VL's second encoder: two convolutions behind SAM's neck, a second neck for what leaves
# its first full layer, and a weight between the two.
SAM_NECK = {"neck": {"width": 256, "downsample_widths": (512, 1024)}}
SECOND_NECK = Neck(width=256).num_params(768) + 1

RECORDS = {
    "clip-vit-b-32": one("clip-vit-b-32"),
    "clip-vit-l-14": CLIP_L,
    "clip-vit-l-14-336": CLIP_L_336,
    "openclip-vit-h-14": one("openclip-vit-h-14"),
    "siglip-so400m-14-384": SIGLIP_384_POOLED,
    "siglip-so400m-14-384-vision-nohead": SIGLIP_384,
    "eva-vit-g-14-blip2": EVA,
    "eva-vit-g-14-full": one("eva-vit-g-14"),
    "vit-G-14": one("openclip-vit-bigg-14-224"),
    "blip-image-captioning-base": one("blip-vit-b-16-384"),
    "openflamingo-9b": CLIP_L_PROJECTED,
    "idefics2-8b": one("siglip-so400m-14-980"),
    "idefics3-8b-llama3": one("siglip-so400m-14-364"),
    "smolvlm-2.2b": SIGLIP_384,
    "smolvlm-256m": one("siglip-b-16-512"),
    "qwen-vl-7b": one("openclip-vit-bigg-14"),
    "qwen2.5-vl-72b": one("qwen2.5-vl-vit-72b"),
    "qwen3-vl-2b": one("qwen3-vl-vit-300m"),
    "internvit-300m-448px": INTERN,
    "internvit-6b-448px-v2.5": INTERN_6B,
    "llama-3.2-11b-vision": one("mllama-vit-h-14-448"),
    "llama-3.2-11b-vision-instruct": one("mllama-vit-h-14-560"),
    "llama-3.2-90b-vision-instruct": one("mllama-vit-h-14-560"),
    "llama-4-scout": one("llama4-vit-14-336"),
    "pixtral-12b": one("pixtral-vit-16"),
    "mistral-small-3.1-24b": one("pixtral-vit-14"),
    "deepseek-vl-1.3b": one("siglip-l-16-384", attention_pool=True),
    "deepseek-vl-7b": Record(
        (("siglip-l-16-384", {"attention_pool": True}), ("sam-vit-b", SAM_NECK)), SECOND_NECK
    ),
    "phi-3.5-vision": CLIP_L_336,
    "phi-4-multimodal": one("siglip-so400m-14-448", attention_pool=True),
    "molmo-7b-d": one("clip-vit-l-14-336", depth=23, post_norm=False),
    "openvla-7b": Record(
        (("dinov2-l-14-reg4-224", {}), ("siglip-so400m-14-224", {"attention_pool": True}))
    ),
    "kosmos-2": CLIP_L,
    "janus-pro-1b": one("siglip-l-16-384"),
    "vit-b-16-224": one("vit-b-16-224"),
    "vit-l-14-224": one("vit-l-14-224"),
}

# Systems that share an encoder, by the start of their names.
FAMILIES = {
    "blip2": EVA,
    "instructblip": EVA,
    "llava-1.0": CLIP_L,
    "llava-1.5": CLIP_L_336,
    "llava-next": CLIP_L_336,
    "llava-onevision": SIGLIP_26,
    "idefics-": one("openclip-vit-h-14"),
    "otter": CLIP_L_PROJECTED,
    "qwen2-vl": QWEN2,
    "qwen2.5-vl": QWEN25,
    "qwen3-vl": QWEN3,
    "internvl2-40b": INTERN_6B,
    "internvl2-llama3-76b": INTERN_6B,
    "internvl2.5-26b": INTERN_6B,
    "internvl2.5-38b": INTERN_6B,
    "internvl3-38b": INTERN_6B,
    "internvl": INTERN,
    "paligemma-3b-896": GEMMA3,
    "paligemma": PALIGEMMA,
    "gemma3": GEMMA3,
    "deepseek-vl2": SIGLIP_384_POOLED,
}

OPAQUE_RECORDS = {
    "align-base": OPAQUE["efficientnet-b7"],
    "clip-rn50": OPAQUE["clip-resnet-50"],
    "flamingo-3b": OPAQUE["nfnet-f6"],
    "flamingo-9b": OPAQUE["nfnet-f6"],
    "flamingo-80b": OPAQUE["nfnet-f6"],
}


def record_of(name: str) -> Record:
    """Return the encoders of a record, its own before those of its family."""
    if name in RECORDS:
        return RECORDS[name]
    return next(record for prefix, record in FAMILIES.items() if name.startswith(prefix))
