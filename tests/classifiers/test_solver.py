"""The logistic regression under every label: against scikit-learn's, and with rows of another register."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from classifiers import solver

L2 = 0.5


def problem(rows, targets, far=None):
    count = len(rows)
    return solver.Problem(
        rows=sparse.csr_matrix(np.asarray(rows, dtype=np.float64)),
        targets=np.asarray(targets, dtype=np.float64)[:, None],
        weights=np.ones((count, 1)),
        groups=np.zeros(count, dtype=np.intp),
        grouped=np.zeros(1, dtype=np.bool_),
        far=np.zeros(count, dtype=np.bool_) if far is None else np.asarray(far),
    )


def test_finds_the_weights_that_scikit_learn_finds():
    chance = np.random.default_rng(1)
    rows = chance.normal(size=(300, 6))
    targets = (rows @ chance.normal(size=6) + chance.normal(size=300) > 0).astype(int)

    ours = solver.fit(problem(rows, targets), l2=L2, iterations=500, tolerance=1e-12)
    theirs = LogisticRegression(C=1 / L2, tol=1e-10, max_iter=5_000).fit(rows, targets)

    assert ours.weights[:, 0] == pytest.approx(theirs.coef_[0], abs=1e-3)
    assert ours.bias[0] == pytest.approx(theirs.intercept_[0], abs=1e-3)


def test_a_word_that_means_another_thing_elsewhere_keeps_its_meaning_here():
    # The first word is bad here and good elsewhere, where three times as many rows are; the second is bad in both.
    here = [[1, 0], [0, 0], [0, 1]] * 10
    elsewhere = [[1, 0], [0, 0], [0, 1]] * 30
    targets = [1, 0, 1] * 10 + [0, 1, 1] * 30
    far = [False] * 30 + [True] * 90

    together = solver.fit(problem(here + elsewhere, targets), l2=L2, iterations=500)
    apart = solver.fit(problem(here + elsewhere, targets, far), l2=L2, iterations=500)

    assert together.weights[0, 0] < 0 < apart.weights[0, 0]
    assert apart.weights[1, 0] > 0.5
    assert apart.weights.shape == (2, 1)


def test_the_gradient_is_that_of_the_loss():
    chance = np.random.default_rng(2)
    rows, targets = chance.normal(size=(40, 5)), chance.random(40)
    objective = solver._Objective(problem(rows, targets, far=chance.random(40) < 0.5), L2)
    at = chance.normal(size=len(objective.start()))

    _, gradient = objective(at)

    steps = np.eye(len(at)) * 1e-6
    numeric = [(objective(at + step)[0] - objective(at - step)[0]) / 2e-6 for step in steps]
    assert gradient == pytest.approx(numeric, rel=1e-4, abs=1e-5)
