"""JSON as others wrote it, read strictly; JSON of ours, fit for a file and a terminal alike."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from vlcalc.core.text import shows

MAX_DIGITS = 30  # more than any count has; what is done with longer ones overflows


def json_text(value: Any, *, indent: int | None = None) -> str:
    r"""Return a value as JSON; of letters, those alone are escaped that a terminal obeys.

    Half a surrogate pair, which no UTF-8 file can hold, becomes `\udc80` too.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=str, indent=indent)
    if text.replace("\n", "").isprintable():
        return text
    # A newline that is left stands between values: inside of texts they are `\n` already.
    return "".join(c if c == "\n" or shows(c) else json.dumps(c)[1:-1] for c in text)


def parse_json(text: str) -> Any:
    """Return the value that JSON text holds.

    Raises:
        ValueError: it is broken, too deep, names a key twice or has a number of no sensible length;
            the message says which.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique_keys, parse_int=_bounded_int)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key `{twice[:60]}` twice")
    return values


def _bounded_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits")
    return int(digits)
