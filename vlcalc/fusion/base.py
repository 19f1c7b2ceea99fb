"""The contract of a fusion method: tokens, parameters and FLOPs in closed form, and its module.

A method is a frozen model whose fields are the YAML keys of a spec's `fusion:` block, registered
under its `kind` in the file of that name. It loads without torch, and names its module in
`vlcalc.modules`; `build` imports that, and gives each argument of its constructor the field of that
name, or else what the dims call so.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple

from vlcalc.core.errors import InputError
from vlcalc.core.registry import Registry
from vlcalc.tiling.base import Frozen
from vlcalc.tiling.field import ByKind

if TYPE_CHECKING:
    from torch import Tensor, nn

Taxonomy = Literal["early", "mid", "late"]


class Dims(NamedTuple):
    """What surrounds a fusion method: the encoder's output, the text, the language model.

    Attributes:
        vision_width: width of a visual token as it leaves the encoder.
        text_width: width of the language model.
        columns: visual tokens across the grid of one encoder input (tile, thumbnail).
        rows: visual tokens down that grid.
        num_views: encoder inputs of one image, thumbnail included; each is fused on its own.
        num_prefix_tokens: class or register tokens that the encoder gives beside the grid; only
            methods that say so use them.
        num_text_tokens: text tokens of the prompt.
        text_depth: layers of the language model, which inserted layers are counted by.
        vocab_size: rows of the language model's embedding, for methods that embed text.
        batch_size: images (with their prompts) at once.
        extra_vision_widths: widths of the encoders beside the first, on the same grid; only
            methods that join several encoders use them.
    """

    vision_width: int
    text_width: int
    columns: int
    rows: int
    num_views: int = 1
    num_prefix_tokens: int = 0
    num_text_tokens: int = 0
    text_depth: int = 32
    vocab_size: int = 32_000
    batch_size: int = 1
    extra_vision_widths: tuple[int, ...] = ()

    @property
    def num_visual_tokens(self) -> int:
        """Visual tokens of one encoder input, without prefix tokens."""
        return self.columns * self.rows

    @property
    def num_inputs(self) -> int:
        """Encoder inputs of the whole batch: the leading axis of what is fused."""
        return self.batch_size * self.num_views


class Fusion(Frozen, ABC):
    """One way of joining vision and language.

    Counts hold for the whole batch of `dims`: FLOPs for all views of all images; tokens for one
    image. FLOPs are 2 per multiply-accumulate of matrix products, convolutions and attention only.

    Attributes:
        taxonomy: early, merged before deep processing; mid, visual tokens enter the language
            model; late, one vector a modality, merged at the decision.
        llm_modified: whether layers are added inside the language model.
        token_effect: what happens to the tokens, in a few words.
        spatial_detail: what of the grid survives, in a few words.
        module: the class that is built, as `file.Class` of `vlcalc.modules`.
        outside_module: fields that its constructor does not take: they say what goes in, or an
            argument is computed from them.
    """

    module: ClassVar[str]
    outside_module: ClassVar[frozenset[str]] = frozenset()
    taxonomy: ClassVar[Taxonomy]
    llm_modified: ClassVar[bool] = False
    token_effect: ClassVar[str]
    spatial_detail: ClassVar[str]

    kind: str

    def check(self, dims: Dims) -> None:  # most methods take any dims
        """Refuse dims that the method cannot take.

        Raises:
            InputError: a width, grid or count that does not go with the fields; both are named.
        """

    @property
    def num_tapped_layers(self) -> int:
        """Layers of the encoder before its last whose outputs the method takes as well."""
        return 0

    def check_encoders(self, widths: Sequence[int]) -> None:
        """Refuse a model whose encoders have these widths, where the method cannot take them.

        Most methods read one encoder.

        Raises:
            InputError: more encoders than the method joins, or of other widths than it says.
        """
        if len(widths) > 1:
            raise InputError(
                expected="a `fusion` that joins the features of several encoders (`linear`, `mlp`, "
                "`fused_mlp`, `hybrid_mlp`) beside `second_vision`",
                got=f"`{self.kind}`",
            )

    @abstractmethod
    def num_image_tokens(self, dims: Dims) -> int:
        """Return the positions in the sequence that one image takes."""

    def num_context_tokens(self, dims: Dims) -> int:
        """Return the vectors of one image that are only cross-attended."""
        return 0

    def num_cached_context_values(self, dims: Dims) -> int:
        """Return the keys and values of one image that all inserted layers together keep."""
        return 0

    @abstractmethod
    def num_params(self, dims: Dims) -> int:
        """Return the parameters of the built module, in closed form."""

    @abstractmethod
    def num_flops(self, dims: Dims) -> int:
        """Return the FLOPs of one forward pass over the whole batch, in closed form."""

    def build(self, dims: Dims, device: str = "meta") -> nn.Module:
        """Return the module on a device."""
        import torch

        with torch.device(device):
            return self.make_module(dims)

    def make_module(self, dims: Dims) -> nn.Module:
        """Return the module on the device of the context."""
        outside = {"kind", *self.outside_module}
        fields = {name: value for name, value in self if name not in outside}
        return construct(self.module, {**fields, **self.module_arguments(dims)}, dims)

    def module_arguments(self, dims: Dims) -> dict[str, object]:
        """Return the arguments of the module that neither a field nor the dims have as they are."""
        return {}

    @abstractmethod
    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        """Return inputs of the shapes that the module takes for `dims`."""


FUSIONS: Registry[type[Fusion]] = Registry("fusion method", "vlcalc.fusion")

FusionField = Annotated[Fusion, ByKind(FUSIONS)]


def construct(name: str, arguments: Mapping[str, object], dims: Dims) -> nn.Module:
    """Return a module of `vlcalc.modules`, taking from the dims what the arguments leave out.

    Raises:
        TypeError: the constructor lacks an argument, or is given one that it does not take.
    """
    file, class_name = name.split(".")
    module_type: type[nn.Module] = getattr(import_module(f"vlcalc.modules.{file}"), class_name)
    known = {**dims._asdict(), "num_visual_tokens": dims.num_visual_tokens}
    parameters = inspect.signature(module_type).parameters
    return module_type(**{**{key: known[key] for key in parameters if key in known}, **arguments})
