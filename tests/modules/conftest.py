"""The module tests run many tiny operators: one thread is faster than two that wait."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="package")
def _one_thread() -> Iterator[None]:
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def no_grad() -> Iterator[None]:
    """Run without gradients, from a fixed seed."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)
    with torch.no_grad():
        yield
