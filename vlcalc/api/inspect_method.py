"""`vlcalc.inspect_method`: one fusion method in full, counted on the meta device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlcalc.api import defaults
from vlcalc.api.arguments import require_torch
from vlcalc.fusion.base import Dims
from vlcalc.report.report import Report
from vlcalc.spec.loader import load_fusion
from vlcalc.spec.schema import FusionSpec

if TYPE_CHECKING:
    from vlcalc.cost.inspection import Inspection


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodInspection:
    """What a fusion method is and costs.

    Attributes:
        counts: its module, and all that was counted of it.
        depth: levels of submodules to show.
    """

    counts: Inspection
    depth: int

    def report(self) -> Report:
        """Return description, submodules, totals, and every count each way if it was verified."""
        from vlcalc.cost import inspection

        tree = inspection.submodule_table(self.counts, depth=self.depth)
        totals = inspection.totals_table(self.counts)
        tables = [inspection.method_table(self.counts), tree, totals]
        if self.counts.torch_flops is not None:
            tables.append(inspection.method_checks_table(self.counts))
        return Report(tables=tables, machines=tree)


def inspect_method(
    method: str | FusionSpec,
    *,
    vision_width: int | None = None,
    text_width: int | None = None,
    grid: tuple[int, int] | None = None,
    views: int | None = None,
    text_tokens: int | None = None,
    batch_size: int = defaults.BATCH_SIZE,
    dtype: str = defaults.DTYPE,
    attention: str = defaults.ATTENTION,
    depth: int = defaults.DEPTH,
    verify: bool = False,
) -> MethodInspection:
    """Return what a fusion method is, and what its submodules and operators cost; needs torch.

    >>> import vlcalc
    >>> vlcalc.inspect_method("mlp", grid=(16, 16)).counts.dims.columns
    16

    Args:
        method: a preset, a method's kind, the path of a YAML file, or a spec.
        vision_width: of a visual token; as all dims by default that of the published design, else
            that of CLIP ViT-L/14-336 and Vicuna-7B.
        text_width: of the language model.
        grid: visual tokens of one encoder input, columns and rows.
        views: encoder inputs of an image.
        text_tokens: of a prompt, where text takes part.
        batch_size: images at once.
        dtype: of weights and activations.
        attention: backend that peak activations are counted for.
        depth: levels of submodules to show.
        verify: whether to count FLOPs with torch's counter too.

    Raises:
        InputError: an unknown name, or dims that the method refuses.
        SpecError: a YAML file that is not valid.
    """
    spec = load_fusion(method) if isinstance(method, str) else method
    columns, rows = grid or (None, None)
    dims = _dims_of(
        spec,
        vision_width=vision_width,
        text_width=text_width,
        columns=columns,
        rows=rows,
        num_views=views,
        num_text_tokens=text_tokens,
        batch_size=batch_size,
    )
    require_torch("counts modules")
    from vlcalc.cost import inspection

    counts = inspection.count_method(spec, dims, attention=attention, dtype=dtype, verify=verify)
    return MethodInspection(counts=counts, depth=depth)


def _dims_of(spec: FusionSpec, **given: int | None) -> Dims:
    """Return the dims given, over those of the design, over those of a usual pair."""
    known = spec.native.model_dump() if spec.native else defaults.METHOD_DIMS
    text_tokens = known.get("num_text_tokens") or defaults.METHOD_TEXT_TOKENS
    chosen = {key: value for key, value in given.items() if value is not None}
    return Dims(**{**known, "num_text_tokens": text_tokens, **chosen})
