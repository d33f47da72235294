"""Logistic regression for several labels at once, where each row knows only some of them.

Minimises ``sum(weight * logloss) + l2 / 2 * sum(weights**2)`` over the labels that are known, by L-BFGS (Liu and
Nocedal 1989). A row may belong to a group, such as the data set it is from: each group then has an offset of its
own, which takes up that one data set was picked for insults and another was not, and is thrown away afterwards.
Rows from another register (tweets, e-mail) are fitted by the common weights plus a deviation that all of them share
and that is thrown away, too (Daume 2007, "Frustratingly Easy Domain Adaptation"): they teach what holds everywhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize

_HISTORY = 8
_GRADIENT_TOLERANCE = 1e-3
_LEAST_RATE = 1e-3
_GROUP_L2 = 1.0
# A deviation costs a ninth of what a common weight costs: tried on held-out rows of the training data.
_DEVIATION_SCALE = 3.0

Step = Callable[[int], None]


@dataclass(frozen=True)
class Problem:
    """What is fitted.

    ``rows`` (n_rows, n_features), in whose type all large sums are made; ``targets`` (n_rows, n_labels) in 0..1;
    ``weights`` of the same shape, 0 where the label is unknown; ``groups`` (n_rows,) numbers from 0; ``grouped``
    (n_labels,) true for the labels that groups have offsets for; ``far`` (n_rows,) true for rows of another register.
    """

    rows: sparse.csr_matrix
    targets: NDArray[Any]
    weights: NDArray[Any]
    groups: NDArray[np.intp]
    grouped: NDArray[np.bool_]
    far: NDArray[np.bool_]


@dataclass(frozen=True)
class Solution:
    """``weights`` (n_features, n_labels) and ``bias`` (n_labels,) float64."""

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    iterations: int


def fit(
    problem: Problem, *, l2: float, iterations: int, tolerance: float = 1e-6, step: Step = lambda _: None
) -> Solution:
    """Return the weights and biases that minimise the loss; deterministic. ``step`` is called after each iteration."""
    objective = _Objective(problem, l2)
    done = 0

    def count(_: NDArray[np.float64]) -> None:
        nonlocal done
        done += 1
        step(done)

    found = minimize(
        objective,
        objective.start(),
        jac=True,
        method="L-BFGS-B",
        callback=count,
        options={"maxiter": iterations, "maxcor": _HISTORY, "ftol": tolerance, "gtol": _GRADIENT_TOLERANCE},
    )
    weights, _, bias, _ = objective.parts(found.x)
    return Solution(weights.copy(), bias.copy(), int(found.nit))


class _Objective:
    """The loss and its gradient over one flat vector: weights, deviations, biases, offsets of groups."""

    def __init__(self, problem: Problem, l2: float) -> None:
        self.problem = problem
        self.l2 = l2
        self.features = problem.rows.shape[1]
        self.labels = problem.targets.shape[1]
        count = len(problem.groups)
        members = (np.ones(count, problem.rows.dtype), problem.groups, np.arange(count + 1))
        self.members = sparse.csr_matrix(members, shape=(count, int(problem.groups.max(initial=0)) + 1))
        self.far = np.flatnonzero(problem.far)
        self.far_rows = problem.rows[self.far] * problem.rows.dtype.type(_DEVIATION_SCALE)
        size = self.features * self.labels
        # Where the parts of the vector end; without far rows there is nothing to deviate.
        self.ends = (size, 2 * size if len(self.far) else size)

    def start(self) -> NDArray[np.float64]:
        """All weights 0; the biases give the rates of the labels."""
        vector = np.zeros(self.ends[1] + self.labels * (1 + self.members.shape[1]))
        known = self.problem.weights.sum(axis=0, dtype=np.float64)
        positive = (self.problem.weights * self.problem.targets).sum(axis=0, dtype=np.float64)
        rate = positive / np.maximum(known, 1e-12)
        vector[self.ends[1] : self.ends[1] + self.labels] = np.log((rate + _LEAST_RATE) / (1 - rate + _LEAST_RATE))
        return vector

    def parts(self, vector: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Return weights, deviations, bias and offsets, each a view with a column a label."""
        columns = vector.reshape(-1, self.labels)
        ends = [end // self.labels for end in self.ends]
        return columns[: ends[0]], columns[ends[0] : ends[1]], columns[ends[1]], columns[ends[1] + 1 :]

    def __call__(self, vector: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights, deviations, bias, offsets = self.parts(vector)
        problem = self.problem
        logits = problem.rows @ np.ascontiguousarray(weights, dtype=problem.rows.dtype)
        if len(self.far):
            logits[self.far] += self.far_rows @ np.ascontiguousarray(deviations, dtype=problem.rows.dtype)
        logits += bias.astype(logits.dtype)
        logits += self.members @ (offsets * problem.grouped).astype(logits.dtype)
        loss = problem.weights * (np.logaddexp(logits.dtype.type(0), logits) - problem.targets * logits)
        slope = problem.weights * (sigmoid(logits) - problem.targets)
        gradient = np.concatenate([
            (problem.rows.T @ slope + self.l2 * weights).ravel(),
            (self.far_rows.T @ slope[self.far] + self.l2 * deviations).ravel() if len(self.far) else (),
            slope.sum(axis=0, dtype=np.float64),
            ((self.members.T @ slope) * problem.grouped + _GROUP_L2 * offsets).ravel(),
        ])  # fmt: skip
        penalised = vector[: self.ends[1]]
        penalty = self.l2 * float(penalised @ penalised) + _GROUP_L2 * float((offsets**2).sum())
        return float(loss.sum(dtype=np.float64)) + penalty / 2, gradient


def sigmoid(logits: NDArray[Any]) -> NDArray[Any]:
    """Return probabilities of log-odds, without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)), dtype=logits.dtype)
