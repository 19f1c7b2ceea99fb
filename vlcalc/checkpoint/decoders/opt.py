"""OPT: learned positions, LayerNorms and biases throughout.

Source: transformers models/opt/modeling_opt.py.
"""

from __future__ import annotations

from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.decoder_parts import language
from vlcalc.checkpoint.readers import DECODERS, Block, reads
from vlcalc.core.errors import InputError


@reads(
    DECODERS,
    "opt",
    vocab_size=50_272,
    hidden_size=768,
    num_hidden_layers=12,
    ffn_dim=3072,
    num_attention_heads=12,
    max_position_embeddings=2048,
    activation_function="relu",
    do_layer_norm_before=True,
    _remove_final_layer_norm=False,
    enable_bias=True,
    layer_norm_elementwise_affine=True,
    word_embed_proj_dim=None,
    tie_word_embeddings=True,
)
def opt_decoder(text: Config) -> Block:
    """Return OPT's block.

    Raises:
        InputError: the norms stand elsewhere, or the embedding has another width (OPT-350M).
    """
    width = text.integer("hidden_size")
    if (text.optional_integer("word_embed_proj_dim") or width) != width:
        raise InputError(
            expected=f"embeddings as wide as the layers ({width})",
            got=str(text.integer("word_embed_proj_dim")),
            where=f"{text.where}word_embed_proj_dim",
        )
    if text.flag("_remove_final_layer_norm") or not (
        text.flag("do_layer_norm_before") and text.flag("layer_norm_elementwise_affine")
    ):
        raise InputError(
            expected="learned norms before each half and one at the end",
            got="others",
            where=f"{text.where}do_layer_norm_before",
        )
    bias = text.key("enable_bias")
    shape = {
        "depth": text.key("num_hidden_layers"),
        "width": text.key("hidden_size"),
        "num_heads": text.key("num_attention_heads"),
        "ffn_width": text.key("ffn_dim"),
        "vocab_size": text.key("vocab_size"),
        "activation": text.activation("activation_function"),
        "gated": False,
        "qkv_bias": bias,
        "output_bias": bias,
        "mlp_bias": bias,
        "norm": "layer",
        "learned_positions": text.key("max_position_embeddings"),
        "position_offset": 2,
        "rotary_fraction": 0.0,
        "tied_embeddings": text.key("tie_word_embeddings"),
    }
    return language(text, shape)
