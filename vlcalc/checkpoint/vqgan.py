"""Parameters of the convolutional image tokenisers in Chameleon and Janus, in closed form.

Source: Esser et al., arXiv:2012.09841; transformers models/chameleon/modeling_chameleon.py
::ChameleonVQVAE, models/janus/modeling_janus.py::JanusVQVAE.
"""

from __future__ import annotations

from itertools import pairwise

from vlcalc.checkpoint.config import Config
from vlcalc.core.errors import InputError
from vlcalc.fusion.arithmetic import conv_params

MAX_BLOCKS = 1000  # of one level, and levels; published ones have 2 and 5


def resnet_params(inputs: int, outputs: int) -> int:
    """Return the parameters of a residual block: two norms, two convolutions, a shortcut."""
    convolutions = conv_params(inputs, outputs, 3) + conv_params(outputs, outputs, 3)
    shortcut = conv_params(inputs, outputs, 1) if inputs != outputs else 0
    return 2 * inputs + 2 * outputs + convolutions + shortcut


def attention_params(width: int) -> int:
    """Return the parameters of an attention block: a norm and four convolutions of one pixel."""
    return 2 * width + 4 * conv_params(width, width, 1)


def level_widths(vq: Config) -> list[int]:
    """Return the widths of the levels, from the pixels on.

    Raises:
        InputError: there are none, or more levels or blocks than any tokeniser has.
    """
    multipliers = vq.integers("channel_multiplier", least=1)
    if not 0 < len(multipliers) <= MAX_BLOCKS or vq.integer("num_res_blocks") > MAX_BLOCKS:
        raise InputError(
            expected=f"1 to {MAX_BLOCKS} levels and blocks",
            got="others",
            where=str(vq.mark("channel_multiplier")),
        )
    return [vq.integer("base_channels") * multiplier for multiplier in multipliers]


def tokeniser_encoder_params(
    vq: Config, *, attention_levels: set[int], middle_attention: bool
) -> int:
    """Return the parameters from pixels to latents.

    Args:
        vq: the tokeniser's configuration.
        attention_levels: levels, from 0, with an attention block behind every residual one.
        middle_attention: whether the middle has one.
    """
    widths, blocks = level_widths(vq), vq.integer("num_res_blocks")
    params = conv_params(vq.integer("in_channels"), vq.integer("base_channels"), 3)
    for level, (before, width) in enumerate(pairwise((vq.integer("base_channels"), *widths))):
        params += resnet_params(before, width) + (blocks - 1) * resnet_params(width, width)
        params += blocks * attention_params(width) * (level in attention_levels)
        params += conv_params(width, width, 3) * (level < len(widths) - 1)
    last = widths[-1]
    params += 2 * resnet_params(last, last) + middle_attention * attention_params(last)
    latents = vq.integer("latent_channels") * (1 + vq.flag("double_latent"))
    return params + 2 * last + conv_params(last, latents, 3)


def tokeniser_decoder_params(vq: Config) -> int:
    """Return the parameters from latents to pixels, attention in the level of the smallest map."""
    widths, blocks = level_widths(vq), vq.integer("num_res_blocks") + 1
    last = widths[-1]
    params = conv_params(vq.integer("latent_channels"), last, 3)
    params += 2 * resnet_params(last, last) + attention_params(last)
    before = last
    for level, width in reversed(list(enumerate(widths))):
        params += resnet_params(before, width) + (blocks - 1) * resnet_params(width, width)
        params += blocks * attention_params(width) * (level == len(widths) - 1)
        params += conv_params(width, width, 3) * (level > 0)
        before = width
    return params + 2 * before + conv_params(before, vq.integer("out_channels"), 3)


def codebook_params(vq: Config) -> int:
    """Return the parameters of the codes, and of the layers to their width and back."""
    latent, width = vq.integer("latent_channels"), vq.integer("embed_dim")
    both = conv_params(latent, width, 1) + conv_params(width, latent, 1)
    return vq.integer("num_embeddings") * width + both
