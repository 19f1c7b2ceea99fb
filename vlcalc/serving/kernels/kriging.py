"""Ordinary kriging among a few points: the best linear unbiased guess of a value between them.

Source: N. Cressie, Statistics for Spatial Data (1993), section 3.2; covariance exp(-distance).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import dist, exp, sqrt

Position = tuple[float, ...]
Matrix = list[list[float]]

# Variance of a measurement itself, as a share of the field's.
NOISE = 1e-3
# By how much (in logarithms) a value may contradict its neighbours before it is doubted.
TOLERANCE = 0.3
# Noise that an excess of 1 over the tolerance adds.
DOUBT = 5.0


def krige(
    positions: Sequence[Position], values: Sequence[float], at: Position, *, doubtful: bool = False
) -> float:
    """Return the value at a position.

    Args:
        positions: of the points.
        values: their values.
        at: where the value is wanted.
        doubtful: whether values that the rest contradict count less.
    """
    covariances = [
        [exp(-dist(position, other)) for other in positions[: row + 1]]
        for row, position in enumerate(positions)
    ]
    near = [exp(-dist(position, at)) for position in positions]
    noise = [NOISE] * len(values)
    inverse = _inverse_factor(covariances, noise)
    if doubtful:
        mean, residuals = _residuals(inverse, values)
        variances = _inverse_diagonal(inverse)
        for i, (residual, variance) in enumerate(zip(residuals, variances, strict=True)):
            noise[i] += DOUBT * max(abs(residual / variance) - TOLERANCE, 0)
        inverse = _inverse_factor(covariances, noise)
    mean, residuals = _residuals(inverse, values)
    return mean + sum(map(float.__mul__, near, residuals))


def _inverse_factor(covariances: Matrix, noise: Sequence[float]) -> Matrix:
    """Return the rows of the inverse of the lower Cholesky factor of covariance plus noise."""
    factor: Matrix = []
    inverse: Matrix = []
    for i, row in enumerate(covariances):
        lower: list[float] = []
        for j in range(i):
            lower.append((row[j] - sum(map(float.__mul__, lower, factor[j]))) / factor[j][j])
        pivot = sqrt(row[i] + noise[i] - sum(value * value for value in lower))
        solved = [0.0] * i
        for value, other in zip(lower, inverse, strict=True):
            for k, element in enumerate(other):
                solved[k] -= value * element
        inverse.append([*(value / pivot for value in solved), 1 / pivot])
        factor.append([*lower, pivot])
    return inverse


def _solve(inverse: Matrix, values: Sequence[float]) -> list[float]:
    """Return the product of the inverse of the covariances with a vector."""
    solution = [0.0] * len(values)
    for row in inverse:
        scale = sum(map(float.__mul__, row, values))
        for k, element in enumerate(row):
            solution[k] += scale * element
    return solution


def _residuals(inverse: Matrix, values: Sequence[float]) -> tuple[float, list[float]]:
    """Return the mean of the field, and what the covariances' inverse makes of the rest."""
    ones = _solve(inverse, [1.0] * len(values))
    mean = sum(map(float.__mul__, ones, values)) / sum(ones)
    weighted = _solve(inverse, values)
    return mean, [value - mean * one for value, one in zip(weighted, ones, strict=True)]


def _inverse_diagonal(inverse: Matrix) -> list[float]:
    diagonal = [0.0] * len(inverse)
    for row in inverse:
        for k, element in enumerate(row):
            diagonal[k] += element * element
    return diagonal
