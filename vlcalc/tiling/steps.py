"""Lines of an explanation that several policies share."""

from __future__ import annotations

from vlcalc.tiling.words import Step, View


def patches_step(view: View, patch: int) -> Step:
    """Say how many patches the inputs of one view have."""
    value = f"{view.columns} x {view.rows} = {view.columns * view.rows:,} patches"
    if view.number > 1:
        value += f", {view.number} times"
    return Step("patches", value, f"one per {patch} x {patch} px, columns x rows")


def vectors_step(vectors: int, rule: str, placeholders: int | None = None) -> Step:
    """Count vectors: image tokens, or context tokens that the sequence only holds a place for."""
    if placeholders is None:
        return Step("tokens", f"{vectors:,} image tokens", rule, image_tokens=vectors)
    return Step(
        "tokens",
        f"{vectors:,} context tokens, {placeholders} image token in the sequence",
        f"{rule}; cross-attended, so only a placeholder stands in the sequence",
        image_tokens=placeholders,
        context_tokens=vectors,
    )


def repeated(steps: tuple[Step, ...], count: int, name: str, rule: str) -> tuple[Step, ...]:
    """Return the steps of one image without its tokens, then a step that counts all of them."""
    image = sum(step.image_tokens for step in steps)
    extra = sum(step.extra_tokens for step in steps)
    context = sum(step.context_tokens for step in steps)
    one = image + extra + context
    value = f"{count} x {one:,} = {count * one:,} tokens"
    uncounted = (step._replace(image_tokens=0, extra_tokens=0, context_tokens=0) for step in steps)
    return (*uncounted, Step(name, value, rule, count * image, count * extra, count * context))
