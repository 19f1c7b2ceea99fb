"""The policy of detected regions: their number is all that counts."""

from __future__ import annotations

from vlcalc.core.image_size import ImageSize
from vlcalc.spec.loader import load_spec
from vlcalc.spec.schema import ModelSpec
from vlcalc.tiling.base import View
from vlcalc.tiling.regions import Regions


def test_every_size_has_the_same_regions() -> None:
    policy = Regions.model_validate({"kind": "regions", "num_regions": 36})
    small, large = policy.tile(ImageSize(8, 8)), policy.tile(ImageSize(4000, 3000))
    assert small.image_tokens == large.image_tokens == 36
    assert small.views == large.views == (View("regions", 1, 36, 1),)
    assert (small.extra_tokens, small.context_tokens, small.num_tiles) == (0, 0, 1)


def test_visualbert_has_the_regions_of_its_task() -> None:
    for name, regions in (("visualbert", 100), ("visualbert-nlvr2", 144)):
        spec = load_spec(name)
        assert isinstance(spec, ModelSpec)
        assert spec.tiling.tile(ImageSize(640, 480)).sequence_tokens == regions
