"""Token counts over many images, in constant memory: a counter of counts, not a list of images."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

BARS = " ▏▎▍▌▋▊▉█"  # eighths of a character
HISTOGRAM_WIDTH = 40


@dataclass(slots=True)
class Distribution:
    """How many images cost how many positions of the sequence (image and extra tokens).

    Attributes:
        counts: sequence tokens -> number of images.
        num_refused: images that the model's processor refuses.
    """

    counts: Counter[int] = field(default_factory=Counter)
    num_refused: int = 0

    def add(self, tokens: int, count: int = 1) -> None:
        """Note `count` images of `tokens` tokens each."""
        if count:
            self.counts[tokens] += count

    @property
    def num_images(self) -> int:
        """Images that were counted, refused ones excepted."""
        return self.counts.total()

    @property
    def total_tokens(self) -> int:
        """Tokens of all images together."""
        return sum(tokens * count for tokens, count in self.counts.items())

    @property
    def mean_tokens(self) -> float | None:
        """Tokens of the average image; None without images."""
        return self.total_tokens / self.num_images if self.counts else None

    def quantile(self, percent: int) -> int | None:
        """Return the nearest-rank quantile: the smallest count that `percent` % do not exceed."""
        rank = max(1, -(-self.num_images * percent // 100))
        seen = 0
        for tokens in sorted(self.counts):
            seen += self.counts[tokens]
            if seen >= rank:
                return tokens
        return None

    def share_above(self, limit: int | None) -> float | None:
        """Return the share of images that cost more than `limit` tokens."""
        if limit is None or not self.counts:
            return None
        return sum(n for tokens, n in self.counts.items() if tokens > limit) / self.num_images

    def histogram(self, bins: int = 10) -> list[tuple[int, int, int]]:
        """Return (from, to, images) for bins of equal width, both ends included."""
        if not self.counts:
            return []
        low, high = min(self.counts), max(self.counts)
        width = max(1, -(-(high - low + 1) // bins))
        edges = range(low, high + 1, width)
        images = Counter[int]()
        for tokens, count in self.counts.items():
            images[(tokens - low) // width] += count
        return [(start, start + width - 1, images[i]) for i, start in enumerate(edges)]


def bar(images: int, most: int, *, unicode: bool = True) -> str:
    """Draw a bar of up to 40 characters: `images` against the `most` of any bin."""
    share = images / most if most else 0.0
    if not unicode:
        return "#" * round(share * HISTOGRAM_WIDTH)
    eighths = round(share * HISTOGRAM_WIDTH * 8)
    return BARS[-1] * (eighths // 8) + BARS[eighths % 8].strip()
