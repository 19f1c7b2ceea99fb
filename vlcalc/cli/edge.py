"""The edge of the command line: text into arguments, results into text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand, TyperOption

from vlcalc.cli.option_names import option_name
from vlcalc.core.errors import InputError

if TYPE_CHECKING:
    from vlcalc.report.report import Report


class Command(TyperCommand):
    """A command that refuses an option which is given twice, or without a value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line.

        Raises:
            InputError: an option is empty, or the last of several would win silently.
        """
        values, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for option in dict.fromkeys(order):
            if isinstance(option, TyperOption):
                _check(option, values.get(option.name or ""), order.count(option))
        return super().parse_args(ctx, args)


def _check(option: TyperOption, value: Any, times: int) -> None:
    switch = option.is_flag and not option.secondary_opts  # twice on is on
    if times > 1 and not option.multiple and not switch:
        several = ",..." in (option.metavar or "") or "[," in (option.metavar or "")
        raise InputError(
            expected="it once",
            got=f"it {times} times",
            where=option_name(option.name),
            hint="several values are joined by commas" if several else "",
        )
    if value == "" or (isinstance(value, list) and "" in value):
        raise InputError(expected="a value", got="nothing", where=option_name(option.name))


def whole_number(text: str | None, option: str, *, minimum: int = 0) -> int | None:
    """Return the whole number of an option; None where it was not given."""
    from vlcalc.core.units import parse_count

    return None if text is None else parse_count(text, where=f"--{option}", minimum=minimum)


def text_length(text: str | None, prompt: str | None, model: str | None) -> int | None:
    """Return the tokens of a text, given as a number or in words; None where neither was.

    Raises:
        InputError: both were given, or the model has no tokenizer for words.
    """
    if prompt is None:
        return whole_number(text, "text")
    if text is not None:
        raise InputError(expected="--text or --prompt, not both", got=f"`{text}` and a text")
    if model is None:
        raise InputError(
            expected="one --model, whose tokenizer counts", got="another number", where="--prompt"
        )
    from vlcalc.api.text_length import count_text_tokens

    return count_text_tokens(model, prompt)


def whole_numbers(text: str | None, option: str) -> tuple[int, ...]:
    """Return the whole numbers of an option that are joined by commas; none without it."""
    from vlcalc.core.units import parse_counts

    return () if text is None else parse_counts(text, where=f"--{option}")


def words(text: str | None) -> list[str] | None:
    """Return the words of an option that are joined by commas; None where it was not given."""
    return None if text is None else text.split(",")


def settings(texts: Sequence[str] | None) -> dict[str, object] | None:
    """Return the settings of `--set KEY=VALUE`, values read as in YAML; None without any.

    Raises:
        InputError: there is no `=`, a key comes twice, or a value is no YAML.
    """
    from vlcalc.spec.document import parse_value

    values: dict[str, object] = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not equals:
            hint = "such as `--set tiling.max_pixels=1003520`"
            raise InputError(expected="KEY=VALUE", got=f"`{text}`", where="--set", hint=hint)
        if key in values:
            raise InputError(expected="each key once", got=f"`{key}` again", where="--set")
        values[key] = parse_value(value, f"--set `{key}`")
    return values or None


def given(**arguments: Any) -> dict[str, Any]:
    """Return the arguments that were given, so that the rest are as the API has them."""
    return {name: value for name, value in arguments.items() if value is not None}


def refuse(
    options: Mapping[str, object], names: Sequence[str], *, expected: str = "", hint: str = ""
) -> None:
    """Refuse options that do not go with the rest.

    Raises:
        InputError: one of them was given.
    """
    for name in names:
        value = options[name]
        if value is None or value is False or value == []:
            continue
        typed = " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        got = option_name(name) if value is True else f"`{typed}`"
        if expected:
            raise InputError(expected=expected, got=got, where=option_name(name))
        raise InputError(expected=f"no {option_name(name)} here", got=got, hint=hint)


def show_report(report: Report, format_name: str, output: Path | None) -> None:
    """Write a result; raises as `show`."""
    from vlcalc.cli.output import show

    show(
        report.tables,
        format_name,
        output,
        machines=report.machines,
        document=report.document,
    )
