"""A million sizes: seconds, peak memory, and the ratio to the processor's own counting function.

Run: python -m tests.benchmarks.sizes   (transformers installed: the ratio is printed as well)
"""

from __future__ import annotations

import importlib.util
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import ClassVar

from tests.benchmarks.compare import peak_bytes_of_children, run_in_turn

ROWS = 1_000_000
SAMPLE = 20_000
MAX_SECONDS = 20
MAX_BYTES = 150_000_000


def write_sizes(path: Path, rows: int) -> None:
    """Write random sizes of 56 to 4,096 px a side."""
    rng = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        file.write("width,height\n")
        file.writelines(f"{rng.randint(56, 4096)},{rng.randint(56, 4096)}\n" for _ in range(rows))


class NoTokenizer:
    """All that `_get_num_multimodal_tokens` asks of a tokenizer."""

    init_kwargs: ClassVar[dict[str, object]] = {}


def processor_seconds_per_size() -> float | None:
    """Return the time of one call of `_get_num_multimodal_tokens`; None without transformers."""
    if importlib.util.find_spec("transformers") is None:
        return None
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
    from transformers.models.qwen2_vl.processing_qwen2_vl import Qwen2VLProcessor

    # Built without its constructor, which wants a tokenizer from a checkpoint.
    processor = object.__new__(Qwen2VLProcessor)
    processor.tokenizer = NoTokenizer()
    processor.image_processor = Qwen2VLImageProcessorPil(min_pixels=3136, max_pixels=12_845_056)
    rng = random.Random(0)
    sizes = [[rng.randint(56, 4096), rng.randint(56, 4096)] for _ in range(SAMPLE)]
    start = time.perf_counter()
    for size in sizes:
        processor._get_num_multimodal_tokens(image_sizes=[size])
    return (time.perf_counter() - start) / SAMPLE


def main() -> None:
    """Print seconds, memory and ratio, and exit with 1 when a limit is broken."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sizes.csv")
        write_sizes(path, ROWS)
        command = [sys.executable, "-m", "vlcalc", "tokens", "--sizes", str(path)]
        runs = run_in_turn({"vlcalc": [*command, "--model", "qwen2.5-vl"]}, 1)
    seconds, peak = runs["vlcalc"].median_s, peak_bytes_of_children()
    print(f"{ROWS:,} sizes: {seconds:.1f} s (at most {MAX_SECONDS}), "
          f"peak {peak / 1e6:.0f} MB (at most {MAX_BYTES / 1e6:.0f})")  # fmt: skip
    theirs = processor_seconds_per_size()
    if theirs is not None:
        ratio = seconds / ROWS / theirs
        print(f"_get_num_multimodal_tokens: {theirs * 1e6:.1f} us a size")
        print(f"vlcalc, start-up and reading included: {seconds / ROWS * 1e6:.1f} us, {ratio:.2f}x")
    sys.exit(0 if seconds <= MAX_SECONDS and peak <= MAX_BYTES else 1)


if __name__ == "__main__":
    main()
