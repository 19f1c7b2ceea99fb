"""Inputs of the shapes that fusion modules take; torch is imported inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlcalc.fusion.base import Dims

if TYPE_CHECKING:
    from torch import Tensor


def visual_tokens(dims: Dims, device: str, *, prefix: bool = False) -> Tensor:
    """Return (b, n, d): the visual tokens of every view, with `prefix` its prefix tokens too."""
    import torch

    tokens = dims.num_visual_tokens + (dims.num_prefix_tokens if prefix else 0)
    return torch.randn(dims.num_inputs, tokens, dims.vision_width, device=device)


def text_states(dims: Dims, device: str) -> Tensor:
    """Return (b, s, t): hidden states of the text inside the language model."""
    import torch

    return torch.randn(dims.batch_size, dims.num_text_tokens, dims.text_width, device=device)


def text_ids(dims: Dims, device: str) -> Tensor:
    """Return (b, s): token ids of the text."""
    import torch

    shape = (dims.batch_size, dims.num_text_tokens)
    return torch.zeros(shape, dtype=torch.long, device=device)


def context_states(dims: Dims, device: str, width: int, tokens: int) -> Tensor:
    """Return (b, views * tokens, width): what inserted layers attend to."""
    import torch

    return torch.randn(dims.batch_size, dims.num_views * tokens, width, device=device)


def joined_views(dims: Dims, device: str, *, prefix: bool = False) -> Tensor:
    """Return (b, views * n, d): the visual tokens of all views of an image as one sequence."""
    return visual_tokens(dims, device, prefix=prefix).reshape(
        dims.batch_size, -1, dims.vision_width
    )


def pooled_pair(dims: Dims, device: str) -> tuple[Tensor, Tensor]:
    """Return (b, d) and (b, t): one pooled vector of each image and of its text."""
    import torch

    visual = torch.randn(dims.batch_size, dims.vision_width, device=device)
    return visual, torch.randn(dims.batch_size, dims.text_width, device=device)
