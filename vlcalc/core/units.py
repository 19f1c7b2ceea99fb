"""The only place where a number becomes text, or text a number."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from vlcalc.core.errors import InputError
from vlcalc.core.image_size import ImageSize, check_size

UNKNOWN = "-"
WHOLE = "[0-9]{1,3}(?:_[0-9]{3})+|[0-9]+"  # a whole number: `4096` or `4_096`


def format_count(value: int | None) -> str:
    """Write a count with thousands separators: 11520 -> `11,520`."""
    return UNKNOWN if value is None else f"{value:,}"


def format_share(value: float | None) -> str:
    """Write a share of 1 in percent: 0.140625 -> `14.06 %`."""
    return UNKNOWN if value is None else f"{value * 100:,.2f} %"


def format_percent(value: float | None) -> str:
    """Write a share that somebody chose, in percent without needless digits: 0.8 -> `80 %`."""
    return UNKNOWN if value is None else f"{format_number(value * 100)} %"


def format_number(value: float | None) -> str:
    """Write a number that has no unit with six significant digits: 0.90514825 -> `0.905148`."""
    return UNKNOWN if value is None else f"{value:,.6g}"


def format_usd(value: float | None) -> str:
    """Write dollars with as many digits as small prices need: 0.0019125 -> `$0.001912`."""
    if value is None:
        return UNKNOWN
    return f"${value:,.2f}" if value >= 10 else f"${value:.4g}"


def format_ratio(value: float | None) -> str:
    """Write a ratio or a mean with one digit after the point."""
    return UNKNOWN if value is None else f"{value:,.1f}"


def format_times(value: float | None) -> str:
    """Write a ratio to something: 0.111 -> `0.11x`, 0.0004 -> `0.0004x`."""
    if value is None:
        return UNKNOWN
    return f"{value:,.2f}x" if value >= 0.1 or value == 0 else f"{value:.2g}x"


def format_flops(value: int | None) -> str:
    """Write floating-point operations in powers of 1,000: 24159191040 -> `24.16 G`."""
    return UNKNOWN if value is None else _scaled(value, 1000, ("", "K", "M", "G", "T", "P", "E"))


def format_bytes(value: int | None) -> str:
    """Write bytes in powers of 1,024: 1610612736 -> `1.50 GiB`."""
    if value is None:
        return UNKNOWN
    return _scaled(value, 1024, ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"))


def _scaled(value: float, base: int, names: tuple[str, ...]) -> str:
    power = 0
    while abs(value) >= base and power < len(names) - 1:
        value, power = value / base, power + 1
    number = f"{value:,.0f}" if power == 0 else f"{value:,.2f}"
    return f"{number} {names[power]}".rstrip()


def format_decimal_bytes(value: int | None) -> str:
    """Write bytes in the gigabytes that devices are sold by: 80000000000 -> `80 GB`."""
    return UNKNOWN if value is None else f"{_short(value / 1e9)} GB"


def format_seconds(value: float | None) -> str:
    """Write a time with 3 significant digits: 0.012345 -> `12.3 ms`, 83.2 -> `83.2 s`."""
    if value is None:
        return UNKNOWN
    value = float(f"{value:.3g}")  # first, or 0.9996 ms would be `1,000 us`
    for scale, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if abs(value) >= scale:
            return f"{_significant(value / scale)} {name}"
    return f"{_significant(value * 1e9)} ns" if value else "0 s"


def format_flops_per_s(value: float | None) -> str:
    """Write a rate of floating-point operations: 989400000000000 -> `989.4 TFLOP/s`."""
    return UNKNOWN if value is None else f"{_short(value / 1e12)} TFLOP/s"


def format_tera(value: float | None) -> str:
    """Write a number in units of 10^12, for a column whose title has them: `989.4`."""
    return UNKNOWN if value is None else _short(value / 1e12)


def format_bytes_per_s(value: float | None) -> str:
    """Write a bandwidth in powers of 1,000: 3350000000000 -> `3,350 GB/s`."""
    return UNKNOWN if value is None else f"{_short(value / 1e9)} GB/s"


def _short(value: float) -> str:
    """Write a number with at most 2 digits after the point, or 3 significant ones below 1."""
    if 0 < abs(value) < 0.995:
        return f"{value:.3g}"
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def _significant(value: float) -> str:
    """Write a number with 3 significant digits, trailing zeros kept, large ones whole."""
    digits = 2 - math.floor(math.log10(abs(value)) + 1e-9)
    return f"{value:,.{max(digits, 0)}f}"


def parse_size(text: str, *, where: str = "") -> ImageSize:
    """Read `1920x1080`, width first.

    Raises:
        InputError: the text is no size, or one that no image has.
    """
    match = re.fullmatch(rf"\s*({WHOLE})\s*[xX]\s*({WHOLE})\s*", text)
    if not match or len(text) > 40:
        hint = "width first, joined by the letter x"
        raise InputError(
            expected="a size such as `1920x1080`", got=f"`{text[:60]}`", where=where, hint=hint
        )
    size = ImageSize(int(match[1].replace("_", "")), int(match[2].replace("_", "")))
    check_size(size, where=where)
    return size


def parse_grid(text: str, *, where: str = "") -> tuple[int, int]:
    """Read a grid of tiles `3x2`, columns first.

    Raises:
        InputError: the text is no grid.
    """
    match = re.fullmatch(r"\s*([0-9]{1,4})\s*[xX]\s*([0-9]{1,4})\s*", text)
    if not match or not int(match[1]) or not int(match[2]):
        raise InputError(
            expected="a grid such as `3x2`, columns x rows", got=f"`{text[:60]}`", where=where
        )
    return int(match[1]), int(match[2])


def parse_count(text: str, *, where: str = "", minimum: int = 0) -> int:
    """Read a whole number such as `4096`, `4_096`, `4K`, `128k` (K = 1,024) or `1M`.

    A comma is refused: it stands between several numbers, never between thousands.

    Raises:
        InputError: the text is no such number, or it is below `minimum`.
    """
    match = re.fullmatch(rf"\s*({WHOLE})\s*([kKmM]?)\s*", text)
    if not match or len(text) > 20:
        raise InputError(
            expected="a whole number such as `4096` or `4K`",
            got=f"`{text[:60]}`",
            where=where,
            hint="one number is taken here; between thousands `_` may stand" if "," in text else "",
        )
    scale = {"": 1, "k": 1024, "m": 1024 * 1024}[match[2].lower()]
    value = int(match[1].replace("_", "")) * scale
    if value < minimum:
        raise InputError(expected=f"at least {minimum}", got=f"`{text}`", where=where)
    return value


def parse_counts(text: str, *, where: str = "", minimum: int = 1) -> tuple[int, ...]:
    """Read whole numbers joined by commas: `224,336` or `4K,32K`.

    Raises:
        InputError: as `parse_count`, or a number begins with 0, as in `4,096`: that was one number.
    """
    parts = text.split(",")
    for part in parts[1:]:
        if re.match(r"\s*0[0-9]", part):
            raise InputError(
                expected="whole numbers joined by commas",
                got=f"`{text[:60]}`",
                where=where,
                hint="between thousands only `_` may stand",
            )
    return tuple(parse_count(part, where=where, minimum=minimum) for part in parts)


def parse_memory(text: str, *, where: str = "") -> int:
    """Read bytes such as `80GB` (powers of 1,000) or `24GiB` (powers of 1,024).

    Raises:
        InputError: the text is no such amount, or it is nothing.
    """
    match = re.fullmatch(
        r"\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*([kmgt])(i?)b\s*", text, re.IGNORECASE
    )
    if not match or not float(match[1]):
        raise InputError(
            expected="an amount of memory such as `80GB` or `24GiB`",
            got=f"`{text[:60]}`",
            where=where,
        )
    base = 1024 if match[3] else 1000
    return int(Fraction(match[1]) * base ** ("kmgt".index(match[2].lower()) + 1))


def parse_clip(text: str, *, where: str = "") -> tuple[float, float]:
    """Read `60@2`: seconds, and frames a second.

    Raises:
        InputError: the text is no such pair of positive numbers.
    """
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]+)?)@([0-9]{1,6}(?:\.[0-9]+)?)", text)
    if not match or not float(match[1]) or not float(match[2]):
        raise InputError(expected="SECONDS@FPS such as `60@2`", got=f"`{text[:60]}`", where=where)
    return float(match[1]), float(match[2])
