"""What is suppressed cannot be computed, by any sums and by any bounds."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from riskclf.casework.suppression import Sum, suppressed


def table(cells: list[list[int]]) -> tuple[list[int], list[Sum], int]:
    """The numbers of a table with its totals, their sums, and how many columns there are."""
    full = [[*row, sum(row)] for row in cells]
    full.append([sum(column) for column in zip(*full, strict=True)])
    width = len(full[0])
    at = np.arange(len(full) * width).reshape(-1, width)
    sums: list[Sum] = [(int(row[-1]), row[:-1].tolist()) for row in at]
    sums += [(int(column[-1]), column[:-1].tolist()) for column in at.T]
    return [x for row in full for x in row], sums, width


def possible(numbers: list[int], sums: list[Sum], hidden: list[bool]) -> list[set[int]]:
    """By trying all: the values that a reader must hold possible for each number."""
    free = [place for place, hide in enumerate(hidden) if hide]
    found: list[set[int]] = [set() for _ in numbers]
    for values in product(range(1, 13), repeat=len(free)):
        tried = list(numbers)
        for place, value in zip(free, values, strict=True):
            tried[place] = value
        if all(tried[total] == sum(tried[x] for x in parts) for total, parts in sums):
            for place, value in enumerate(tried):
                found[place].add(value)
    return found


def test_without_a_small_number_all_is_shown() -> None:
    numbers, sums, _ = table([[5, 0], [12, 30]])
    assert not suppressed(numbers, sums, 5).any()


def test_a_small_number_takes_as_little_with_it_as_can_be() -> None:
    numbers, sums, width = table([[3, 20, 9], [30, 40, 50], [60, 7, 80]])
    hidden = suppressed(numbers, sums, 5).reshape(-1, width)
    assert np.argwhere(hidden).tolist() == [[0, 0], [0, 1], [2, 0], [2, 1]]  # 87 in all


@pytest.mark.parametrize(
    "cells",
    [
        [[1, 1], [9, 9]],  # 1 + 1 = 2 would tell both: each is 1 or more
        [[4, 4, 0], [9, 9, 9]],
        [[2, 0], [0, 9]],
        [[1, 0], [0, 0]],
        [[4]],
    ],
)
def test_every_small_number_could_be_another(cells: list[list[int]]) -> None:
    numbers, sums, _ = table(cells)
    hidden = suppressed(numbers, sums, 5).tolist()
    found = possible(numbers, sums, hidden)
    for place, number in enumerate(numbers):
        if 0 < number < 5:
            assert hidden[place] and len(found[place]) > 1


@pytest.mark.parametrize("seed", range(4))
def test_any_table_keeps_its_small_numbers(seed: int) -> None:
    draw = np.random.default_rng(seed)
    numbers, sums, _ = table(draw.poisson([1.0, 3.0, 8.0, 20.0], (4, 4)).tolist())
    hidden = suppressed(numbers, sums, 5)
    # A change of the hidden numbers alone that no sum sees, for each small one.
    free = np.flatnonzero(hidden)
    matrix = np.zeros((len(sums), len(numbers)))
    for row, (total, parts) in enumerate(sums):
        matrix[row, list(parts)], matrix[row, total] = 1, -1
    _, sizes, directions = np.linalg.svd(matrix[:, free])
    null = directions[np.sum(sizes > 1e-9) :]
    small = [i for i, place in enumerate(free.tolist()) if numbers[place] < 5]
    assert len(small) == sum(0 < x < 5 for x in numbers)
    assert (np.abs(null[:, small]).max(axis=0) > 1e-6).all()
