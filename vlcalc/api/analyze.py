"""`vlcalc.analyze`: what a model costs in its four phases, and what it keeps in memory."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

from vlcalc.api.loads import load_of, model_of
from vlcalc.api.sizes import AnySize
from vlcalc.inference.inference import Inference, infer
from vlcalc.spec.schema import ModelSpec


def analyze(
    model: str | ModelSpec,
    image: AnySize,
    *,
    num_images: int = 1,
    text_tokens: int = 50,
    output_tokens: int = 128,
    batch_size: int = 1,
    dtype: str = "bfloat16",
    kv_dtype: str | None = None,
    quant: str | None = None,
    logits: Literal["last", "all"] = "last",
    attention: str = "flash",
) -> Inference:
    """Return what a request costs a model: parameters, encode, fuse, prefill, decode, memory.

    >>> import vlcalc
    >>> vlcalc.analyze("llava-1.5", (336, 336)).params.total
    7063427072

    Args:
        model: a spec, or a name that `load_spec` knows, or the path of a YAML file.
        image: a size as (width, height) or `"1920x1080"`, or an image file, of which only the
            header is read.
        num_images: images of that size in a prompt.
        text_tokens: text tokens of a prompt.
        output_tokens: tokens of the answer; the first comes with the prompt.
        batch_size: prompts at once.
        dtype: of weights and activations: float32, bfloat16 or float16.
        kv_dtype: of the cache: those, float8 or int8; that of the activations by default.
        quant: of the language model's linear layers: int8, float8, int4, nf4 or nf4-double.
        logits: the positions of the prompt that the head is applied to.
        attention: backend that bytes and activations are counted for; that alone needs torch.

    Raises:
        InputError: a name, size or number that cannot be, a hosted API, or a prompt and answer
            longer than the window.
        SpecError: the model's YAML file is not valid.
        RefusedError: the model's processor refuses such an image.
    """
    load = load_of(
        image,
        num_images=num_images,
        text_tokens=text_tokens,
        output_tokens=output_tokens,
        batch_size=batch_size,
        dtype=dtype,
        kv_dtype=kv_dtype,
        quant=quant,
        logits=logits,
        attention=attention,
    )
    return infer(model_of(model), load, traced=find_spec("torch") is not None)
