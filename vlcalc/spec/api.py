"""What a hosted API is: its billing rule, how that is known, its price and its limits."""

from __future__ import annotations

import datetime
from typing import Literal, get_args

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from vlcalc.core.bounds import Amount, NonNegativeFloat, PositiveInt
from vlcalc.core.errors import InputError
from vlcalc.spec.name import Name
from vlcalc.tiling.base import Frozen, TilingField, TilingPolicy, VideoField

# How a number is known, the surest first.
Status = Literal["official", "measured", "inferred", "assumed"]


class PriceTier(Frozen):
    """Price of a whole request whose input is longer than `above_input_tokens`."""

    above_input_tokens: PositiveInt
    input_usd_per_mtok: NonNegativeFloat | None = None
    output_usd_per_mtok: NonNegativeFloat | None = None


class Price(Frozen):
    """List price in US dollars per million tokens, which holds on `date`.

    Attributes:
        tiers: other prices of longer requests, shortest first.
    """

    input_usd_per_mtok: NonNegativeFloat | None = None
    output_usd_per_mtok: NonNegativeFloat | None = None
    tiers: tuple[PriceTier, ...] = ()
    date: datetime.date
    source: str


class Limits(Frozen):
    """What a hosted API refuses; None is unknown, not unlimited."""

    max_images: PositiveInt | None = None
    max_request_bytes: Amount | None = None
    max_image_bytes: Amount | None = None
    max_side_px: PositiveInt | None = None
    note: str = ""


class ApiSpec(Frozen):
    """A model behind a hosted API: only its billing rule is known.

    Attributes:
        name: its own name, the stem of its file.
        provider: who hosts it; a file with this key describes an API.
        status: how the count is known: printed by the provider, measured on bills, inferred from
            measurements, or assumed.
        statuses: likewise for each thing that the count rests on, where they are not all known
            alike; the count is known no better than the least known of them.
        date: when the rule was last looked up.
        default_detail: the level that counts when none is asked for.
        details: detail level -> tiling rule, or the name of another level.
        price: what tokens cost; None when not known.
        approximate: whether the provider itself calls the count approximate.
    """

    name: Name
    title: str = ""
    provider: str
    aliases: tuple[str, ...] = ()
    status: Status
    statuses: dict[str, Status] = Field(default_factory=dict)
    date: datetime.date
    default_detail: str = "high"
    details: dict[str, TilingField | str]
    video: VideoField | None = None
    context_window: PositiveInt | None = None
    max_output_tokens: PositiveInt | None = None
    price: Price | None = None
    limits: Limits | None = None
    approximate: bool = False
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check_status(self) -> ApiSpec:
        order = get_args(Status)
        least_known = max(self.statuses.values(), key=order.index, default=self.status)
        if self.status != least_known:
            raise PydanticCustomError(
                "status",
                "expected `status` as the least known of `statuses` ({least_known}), got {status}",
                {"least_known": least_known, "status": self.status},
            )
        return self

    def tiling_for(self, detail: str | None = None) -> TilingPolicy:
        """Return the rule of a detail level.

        Raises:
            InputError: the model has no such level.
        """
        level = detail or self.default_detail
        rule = self.details.get(level)
        if isinstance(rule, str):
            rule = self.details.get(rule)
        if not isinstance(rule, TilingPolicy):
            known = ", ".join(f"`{key}`" for key in self.details)
            raise InputError(
                expected=f"a detail level of {self.name}, one of {known}",
                got=f"`{level}`",
            )
        return rule

    @property
    def tiling(self) -> TilingPolicy:
        """The rule of the default detail level."""
        return self.tiling_for()
