"""`vlcalc.fit`: whether a request fits into the memory of devices, and how much of it would."""

from __future__ import annotations

from vlcalc.api.loads import load_of, model_of
from vlcalc.api.sizes import AnySize
from vlcalc.serving import fit as serving
from vlcalc.serving.fit import DeviceFit
from vlcalc.serving.memory import parse_reserve
from vlcalc.spec.device import DeviceSpec
from vlcalc.spec.devices import load_device
from vlcalc.spec.schema import ModelSpec


def fit(
    model: str | ModelSpec,
    device: str | DeviceSpec,
    image: AnySize,
    *,
    tp: int = 1,
    num_images: int = 1,
    text_tokens: int = 50,
    output_tokens: int = 128,
    batch_size: int = 1,
    dtype: str = "bfloat16",
    kv_dtype: str | None = None,
    quant: str | None = None,
    reserve: str = "0.1",
) -> DeviceFit:
    """Return whether a request fits on devices: memory laid out, largest loads, speed; needs torch.

    >>> import vlcalc
    >>> vlcalc.fit("llava-1.5-7b", "rtx-4090", (336, 336)).fits
    True

    Args:
        model: a spec, or a name that `load_spec` knows, or the path of a YAML file.
        device: likewise of a device.
        image: a size as (width, height) or `"1920x1080"`, or an image file, of which only the
            header is read.
        num_images: images of that size in a prompt.
        text_tokens: text tokens of a prompt.
        output_tokens: tokens of the answer; the first comes with the prompt.
        batch_size: prompts at once.
        dtype: of weights and activations: float32, bfloat16 or float16.
        kv_dtype: of the cache: those, float8 or int8; that of the activations by default.
        quant: of the language model's linear layers: int8, float8, int4, nf4 or nf4-double.
        tp: devices that the language model is split over.
        reserve: memory that is kept free: a share such as `0.1` or `10%`, or `2GiB`.

    Raises:
        InputError: a name, size or number that cannot be, a device whose memory is not known, a
            model that cannot be split like this, or a prompt and answer longer than the window.
        SpecError: a YAML file is not valid.
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
    )
    known = load_device(device) if isinstance(device, str) else device
    return serving.fit_device(model_of(model), load, known, tp=tp, reserve=parse_reserve(reserve))
