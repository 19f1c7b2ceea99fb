"""Text that others wrote, made fit to be shown."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return the text with every letter escaped that a terminal obeys or cannot show.

    Escaped are control characters (ESC, BEL, newline, the C1 set), marks that turn the direction of
    writing, invisible letters and bytes of a file name that are no UTF-8: `a\x1b[2Jb`. Spaces of
    any width stay.
    """
    if text.isprintable():
        return text
    return "".join(c if shows(c) else c.encode("unicode_escape").decode() for c in text)


def shows(character: str) -> bool:
    """Tell whether a terminal shows a letter as it is, or as a space."""
    from unicodedata import category  # names with such letters are rare: no command waits for it

    return character.isprintable() or category(character) == "Zs"
