"""Kernels and their sizes: FLOPs as executed, bytes moved, and where each lies among others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import log2
from typing import ClassVar

ELEMENT_BYTES = {"bfloat16": 2, "float8": 1}


@dataclass(frozen=True)
class Kernel(ABC):
    """One kernel at one size.

    Attributes:
        kernel: its name in the tables.
        floor_s: seconds that the smallest one takes, in the roofline time.
        sharpness: exponent of the norm that joins the roofline's two times: 1 adds them, infinity
            takes the longer one.
        cache_speedup: how much faster than memory the last cache is.
        doubts_outliers: whether a measurement that its neighbours contradict counts less.
    """

    kernel: ClassVar[str]
    floor_s: ClassVar[float] = 2e-6
    sharpness: ClassVar[float] = 2
    cache_speedup: ClassVar[float] = 1
    doubts_outliers: ClassVar[bool] = False

    @property
    @abstractmethod
    def variant(self) -> str:
        """Which of the kernel's tables is meant: a dtype, or an operation."""

    @property
    @abstractmethod
    def num_flops(self) -> float:
        """FLOPs that the kernel executes."""

    @property
    @abstractmethod
    def num_bytes(self) -> float:
        """Bytes that it reads and writes at least."""

    @property
    @abstractmethod
    def position(self) -> tuple[float, ...]:
        """Where it lies: logarithms of its sizes, in units over which efficiency changes."""


@dataclass(frozen=True)
class MatrixProduct(Kernel):
    """(rows x inner) @ (inner x columns)."""

    kernel = "product"
    doubts_outliers = True
    dtype: str
    rows: int
    columns: int
    inner: int

    @property
    def variant(self) -> str:
        return self.dtype

    @property
    def num_flops(self) -> float:
        return 2 * self.rows * self.columns * self.inner

    @property
    def num_bytes(self) -> float:
        read = self.inner * (self.rows + self.columns)
        return ELEMENT_BYTES[self.dtype] * read + 2 * self.rows * self.columns

    @property
    def position(self) -> tuple[float, ...]:
        # One row is a product with a vector, which libraries have other kernels for.
        rows = log2(self.rows) if self.rows > 1 else -1
        return 0.2 * rows, 0.28 * log2(self.columns), 0.2 * log2(self.inner)


@dataclass(frozen=True)
class EncoderAttention(Kernel):
    """Attention of every position to every other."""

    kernel = "encoder_attention"
    dtype: str
    batch: int
    length: int
    num_heads: int
    head_dim: int

    @property
    def variant(self) -> str:
        return self.dtype

    @property
    def num_flops(self) -> float:
        return 4 * self.batch * self.num_heads * self.length**2 * self.head_dim

    @property
    def num_bytes(self) -> float:
        return 8 * self.batch * self.num_heads * self.length * self.head_dim

    @property
    def position(self) -> tuple[float, ...]:
        return (
            0.1 * log2(self.batch),
            0.1 * log2(self.num_heads),
            0.28 * log2(self.length),
            0.025 * self.head_dim,
        )


@dataclass(frozen=True)
class PrefillAttention(Kernel):
    """Causal attention over a prompt; `window` is how far back it looks, 0 without end."""

    kernel = "prefill_attention"
    batch: int
    length: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    window: int = 0

    @property
    def variant(self) -> str:
        return "bfloat16"

    @property
    def num_flops(self) -> float:
        span = min(self.window or self.length, self.length)
        pairs = span * (self.length - span) + span * span / 2
        return 4 * self.batch * self.num_heads * pairs * self.head_dim

    @property
    def num_bytes(self) -> float:
        heads = 2 * self.num_heads + 2 * self.num_kv_heads
        return 2 * self.batch * self.length * self.head_dim * heads

    @property
    def position(self) -> tuple[float, ...]:
        return (
            0.14 * log2(self.batch),
            0.14 * log2(self.num_heads),
            0.1 * log2(self.length),
            0.07 * log2(self.num_heads / self.num_kv_heads),
            0.28 * log2(self.head_dim),
            0.28 * (self.window > 0),
        )


@dataclass(frozen=True)
class DecodeAttention(Kernel):
    """Attention of one new token a sequence to a cache of `context` positions."""

    kernel = "decode_attention"
    floor_s = 4e-6
    sharpness = 4
    cache_speedup = 3
    kv_dtype: str
    batch: int
    context: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    window: int = 0

    @property
    def variant(self) -> str:
        return self.kv_dtype

    @property
    def span(self) -> int:
        """Positions of the cache that are read."""
        return min(self.window or self.context, self.context)

    @property
    def num_flops(self) -> float:
        return 4 * self.batch * self.num_heads * self.span * self.head_dim

    @property
    def num_bytes(self) -> float:
        heads = 2 * self.num_heads + 2 * self.num_kv_heads * self.span
        return 2 * self.batch * self.head_dim * heads

    @property
    def position(self) -> tuple[float, ...]:
        return (
            0.2 * log2(self.batch),
            0.14 * log2(self.num_kv_heads),
            0.1 * log2(self.span),
            0.1 * log2(self.num_heads / self.num_kv_heads),
            0.28 * log2(self.head_dim),
            0.034 * (self.window > 0),
        )


@dataclass(frozen=True)
class ExpertLayer(Kernel):
    """A whole feed-forward of experts, evenly routed, on one device of `tp` x `ep`."""

    kernel = "expert_layer"
    floor_s = 5e-6
    dtype: str
    num_tokens: int
    width: int
    ffn_width: int
    top_k: int
    num_experts: int
    tp: int = 1
    ep: int = 1

    @property
    def variant(self) -> str:
        return self.dtype

    @property
    def num_routed(self) -> float:
        """Pairs of a token and one of its experts on this device."""
        return self.num_tokens * self.top_k / self.ep

    @property
    def num_flops(self) -> float:
        return 6 * self.num_routed * self.width * self.ffn_width / self.tp

    @property
    def num_bytes(self) -> float:
        ffn_width = self.ffn_width / self.tp
        idle_share = (1 - self.top_k / self.num_experts) ** self.num_tokens
        num_active = self.num_experts / self.ep * (1 - idle_share)
        weights = 3 * num_active * self.width * ffn_width * ELEMENT_BYTES[self.dtype]
        routed = 2 * self.num_routed * (self.width + 3 * ffn_width)
        return weights + routed + 4 * self.num_tokens * self.width

    @property
    def position(self) -> tuple[float, ...]:
        return (
            0.2 * log2(self.num_tokens),
            0.28 * log2(self.width),
            0.1 * log2(self.ffn_width / self.tp),
            0.7 * log2(self.top_k),
            0.2 * log2(self.num_experts / self.ep),
        )


@dataclass(frozen=True)
class Collective(Kernel):
    """An exchange between devices; `message_elements` are of two bytes."""

    kernel = "collective"
    floor_s = 1e-5
    operation: str
    num_gpus: int
    message_elements: int

    @property
    def variant(self) -> str:
        return self.operation

    @property
    def num_flops(self) -> float:
        return 0

    @property
    def num_bytes(self) -> float:
        """Bytes that one device sends."""
        passes = 2 if self.operation == "all_reduce" else 1
        return passes * 2 * self.message_elements * (self.num_gpus - 1) / self.num_gpus

    @property
    def position(self) -> tuple[float, ...]:
        return 0.5 * log2(self.num_gpus), 0.1 * log2(self.message_elements)


KERNELS: dict[str, type[Kernel]] = {
    cls.kernel: cls
    for cls in (
        MatrixProduct, EncoderAttention, PrefillAttention, DecodeAttention, ExpertLayer, Collective,
    )
}  # fmt: skip
