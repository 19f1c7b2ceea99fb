"""Relations that the fields of a shape must keep."""

from __future__ import annotations

from pydantic_core import PydanticCustomError


def check_field_divides(part_name: str, part: int, whole_name: str, whole: int) -> None:
    """Refuse a part that does not divide the whole, naming both.

    Raises:
        PydanticCustomError: `part` does not divide `whole`.
    """
    if whole % part:
        raise PydanticCustomError(
            "divides",
            "expected `{part_name}` ({part}) that divides `{whole_name}` ({whole})",
            {"part_name": part_name, "part": part, "whole_name": whole_name, "whole": whole},
        )
