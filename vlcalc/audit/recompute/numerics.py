"""Numbers that modules give when they are run: shapes on meta, values on the processor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vlcalc.audit.recompute import RECOMPUTATIONS
from vlcalc.audit.recompute.lookup import Method, method

if TYPE_CHECKING:
    from torch import nn

Matrix = Sequence[Sequence[float]]
SEED = 0


@RECOMPUTATIONS.register("output_shape")
def output_shape(fusion: Method, dims: Mapping[str, int], batch: int = 1) -> list[int]:
    """Return the shape that a fusion method gives, run on meta; `batch: 0` leaves out its axis."""
    chosen, around = method(fusion, dims)
    shape = list(chosen.build(around)(*chosen.example_inputs(around)).shape)
    return shape if batch else shape[1:]


@RECOMPUTATIONS.register("num_negatives")
def num_negatives(pairs: int) -> int:
    """Return the similarities of a contrastive batch that are of wrong pairs."""
    import torch

    from vlcalc.modules.late import ContrastiveHeadModule

    with torch.device("meta"):
        vectors = torch.empty(pairs, 8)
        logits = ContrastiveHeadModule(initial=0.07, logarithmic=True).logits(vectors, vectors)
    return logits.numel() - min(logits.shape)


@RECOMPUTATIONS.register("contrastive_losses")
def contrastive_losses(pairs: int, width: int, temperature: float, seeds: int) -> list[float]:
    """Return the losses of random batches, to four decimals, for the seeds 0, 1, ..."""
    import torch

    from vlcalc.modules.late import ContrastiveHeadModule

    head, losses = ContrastiveHeadModule(initial=temperature, logarithmic=False), []
    for seed in range(seeds):
        generator = torch.Generator().manual_seed(seed)
        visual = torch.randn(pairs, width, generator=generator)
        text = torch.randn(pairs, width, generator=generator)
        losses.append(round(head(visual, text).item(), 4))
    return losses


@RECOMPUTATIONS.register("contrastive_row")
def contrastive_row(logits: Matrix, part: str) -> float:
    """Return what the first image of a batch gets: `share` of its text, `loss`, or `mean_loss`.

    Args:
        logits: similarities over the temperature, a row an image; pairs on the diagonal.
        part: which of the three; the last is that of all images.
    """
    import torch
    from torch.nn import functional

    scores = torch.tensor(logits, dtype=torch.double)
    losses = functional.cross_entropy(scores, torch.arange(len(scores)), reduction="none")
    parts = {"share": scores.softmax(-1)[0, 0], "loss": losses[0], "mean_loss": losses.mean()}
    return float(parts[part])


@RECOMPUTATIONS.register("exponentials")
def exponentials(of: Sequence[float]) -> list[float]:
    """Return the exponential of each number."""
    import torch

    values: list[float] = torch.tensor(list(of), dtype=torch.double).exp().tolist()
    return values


@RECOMPUTATIONS.register("tanh_gate")
def tanh_gate(alpha: float) -> float:
    """Return what a gate lets through of 1."""
    import torch

    from vlcalc.modules.primitives import TanhGate

    gate = TanhGate().double()
    with torch.no_grad():
        gate.alpha.fill_(alpha)
        return float(gate(torch.ones(1, dtype=torch.double)))


@RECOMPUTATIONS.register("change_at_start")
def change_at_start(bias: bool) -> float:  # noqa: FBT001 (a key of the YAML)
    """Return the most that gated cross-attention changes of the text before it is trained."""
    import torch

    from vlcalc.modules.cross_attention import GatedCrossAttentionLayer

    torch.manual_seed(SEED)
    layer = GatedCrossAttentionLayer(
        text_width=64, vision_width=32, num_heads=4, head_dim=None, bias=bias, out_bias=True
    )
    text, visual = torch.randn(1, 5, 64), torch.randn(1, 9, 32)
    with torch.no_grad():
        return float((layer(text, visual) - text).abs().max())


@RECOMPUTATIONS.register("tanh_add")
def tanh_add(visual: Sequence[float], text: Sequence[float]) -> list[float]:
    """Return tanh of the sum of two vectors, each dense layer an identity."""
    import torch

    from vlcalc.modules.feature_fusion import TanhAddModule

    size = len(visual)
    module = TanhAddModule(
        vision_width=size, text_width=size, hidden_width=size, output_width=None
    ).double()
    for layer in (module.vision_project, module.text_project, module.output):
        set_identity(layer)
    given = (torch.tensor(list(each), dtype=torch.double) for each in (visual, text))
    with torch.no_grad():
        values: list[float] = module(*given).tolist()
    return values


@RECOMPUTATIONS.register("folded")
def folded(vision_width: int, text_width: int, hidden_width: int) -> dict[str, Any]:
    """Return how far tanh-add without its tanh is from one linear layer, and both parameters.

    The distance is to six decimals: what float32 leaves behind them differs between processors.
    """
    import torch
    from torch import nn

    from vlcalc.cost.params import count_params
    from vlcalc.modules.feature_fusion import TanhAddModule

    torch.manual_seed(SEED)
    module = TanhAddModule(
        vision_width=vision_width,
        text_width=text_width,
        hidden_width=hidden_width,
        output_width=None,
    )
    halves = (module.vision_project, module.text_project)
    visual, text = torch.randn(vision_width), torch.randn(text_width)
    single = nn.Linear(vision_width + text_width, hidden_width)
    with torch.no_grad():
        unfolded = module.output(halves[0](visual) + halves[1](text))
        single.weight.copy_(module.output.weight @ torch.cat([h.weight for h in halves], dim=1))
        single.bias.copy_(module.output(halves[0].bias + halves[1].bias))
        distance = (single(torch.cat([visual, text])) - unfolded).abs().max()
    return {
        "max_abs_diff": round(float(distance), 6),
        "folded_params": count_params(single),
        "original_params": count_params(module),
    }


@RECOMPUTATIONS.register("gelu_error")
def gelu_error(until: float = 6.0) -> float:
    """Return the most that the tanh form of GELU is off, on a fine grid around zero."""
    import torch

    from vlcalc.modules.primitives import build_activation

    grid = torch.linspace(-until, until, 120_001, dtype=torch.double)
    exact, by_tanh = build_activation("gelu"), build_activation("gelu_tanh")
    return float((exact(grid) - by_tanh(grid)).abs().max())


@RECOMPUTATIONS.register("scores")
def scores(queries: Matrix, keys: Matrix, step: str) -> list[list[float]]:
    """Return a step of attention: `products`, or `scaled` by the width of a query.

    Args:
        queries: a row a text token.
        keys: a row an image token.
        step: how far to go.
    """
    import torch

    products = torch.tensor(queries, dtype=torch.double) @ torch.tensor(keys, dtype=torch.double).T
    scaled = products / len(queries[0]) ** 0.5
    values: list[list[float]] = {"products": products, "scaled": scaled}[step].tolist()
    return values


@RECOMPUTATIONS.register("softmax")
def softmax(of: Sequence[float]) -> list[float]:
    """Return the softmax of a row of scores."""
    import torch

    values: list[float] = torch.tensor(list(of), dtype=torch.double).softmax(-1).tolist()
    return values


@RECOMPUTATIONS.register("images_seen")
def images_seen(images: int, latest_only: bool | None = None) -> list[int]:  # noqa: FBT001
    """Return how many images the text after each marker may attend to, by the default mask."""
    import torch

    from vlcalc.modules.cross_attention import image_mask

    markers = torch.tensor([[1, 0] * images])
    options = {} if latest_only is None else {"only_latest": latest_only}
    mask = image_mask(markers, num_images=images, tokens_per_image=1, **options)
    return [int(row.sum()) for row in mask[0, 0, 1::2]]


@RECOMPUTATIONS.register("gates_and_feed_forward")
def gates_and_feed_forward(fusion: str) -> dict[str, Any]:
    """Return the gates of an inserted layer, its parameters, and the share of its feed-forward."""
    import torch

    from vlcalc.cost.params import count_params
    from vlcalc.fusion.inserted import InsertedLayers
    from vlcalc.modules.primitives import TanhGate

    chosen, around = method(fusion)
    assert isinstance(chosen, InsertedLayers)
    with torch.device("meta"):
        layer = chosen.build_layer(around)
    feed_forward = _submodule(layer, "feed_forward")
    return {
        "gates": sum(isinstance(module, TanhGate) for module in layer.modules()),
        "layer_params": count_params(layer),
        "feed_forward_params": count_params(feed_forward) if feed_forward else 0,
    }


def _submodule(layer: nn.Module, name: str) -> nn.Module | None:
    return dict(layer.named_children()).get(name)


def set_identity(layer: nn.Linear) -> None:
    """Make a linear layer give what it is given."""
    from torch import nn

    nn.init.eye_(layer.weight)
    nn.init.zeros_(layer.bias)
