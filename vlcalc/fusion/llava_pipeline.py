"""LLaVA's pipeline: project the image, embed the text, image first.

Source: LLaVA, arXiv:2304.08485, section 4.1 and figure 1; LLaVA-1.5, arXiv:2310.03744, section 3.3.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import Depth
from vlcalc.fusion.base import FUSIONS
from vlcalc.fusion.mlp import MLP
from vlcalc.fusion.pipeline import TextPipeline


@FUSIONS.register("llava_pipeline")
class LlavaPipeline(TextPipeline):
    """An MLP's image tokens before the words.

    Attributes:
        depth: linear layers of the projector, GELU between them: 1 is LLaVA, 2 is LLaVA-1.5.
    """

    module: ClassVar[str] = "pipeline.ConcatPipeline"
    outside_module: ClassVar[frozenset[str]] = frozenset({"keep_prefix", "depth"})

    kind: Literal["llava_pipeline"]
    depth: Depth = 2

    @property
    def projector(self) -> MLP:
        return MLP(kind="mlp", depth=self.depth, keep_prefix=self.keep_prefix)
