"""The linear tier as a scikit-learn estimator: texts or arrays in, one class or several labels out.

Over texts it hashes with ``features`` and weighs by inverse document frequency as the shipped model does; over
arrays and sparse matrices it is the same masked logistic layer on the columns as they are.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from classifiers import artifact, corpus, features, normalize, solver

_TWO = 2
_TIGHT = 1e-14


class HashedLinearClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Logistic regression over hashed n-grams of texts, or over numeric columns.

    ``y`` is a vector of classes (one against the rest for more than two), or an array (n_rows, n_labels) of zeros
    and ones, in which NaN means unknown where ``X`` are texts. ``l2`` is the penalty on squared weights,
    ``iterations`` the most steps of L-BFGS.
    """

    def __init__(self, l2: float = 0.2, iterations: int = 300) -> None:
        self.l2 = l2
        self.iterations = iterations

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803 -- scikit-learn's name
        """Learn from rows ``X`` and their classes or labels ``y``."""
        self._of_texts = _are_texts(X)
        if self._of_texts:
            rows, y = self._hashed(X, fitting=True), np.asarray(y)
        else:
            rows, y = validate_data(
                self, X, y, accept_sparse="csr", multi_output=True, dtype=np.float64, y_numeric=False
            )
        targets, known = self._targets(y)
        weights = _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
        problem = solver.Problem(
            rows=sparse.csr_matrix(rows, dtype=np.float64),
            targets=targets,
            weights=known * weights[:, None],
            groups=np.zeros(len(targets), dtype=np.intp),
            grouped=np.zeros(targets.shape[1], dtype=np.bool_),
            far=np.zeros(len(targets), dtype=np.bool_),
        )
        found = solver.fit(problem, l2=self.l2, iterations=self.iterations, tolerance=_TIGHT)
        self.coef_, self.intercept_, self.n_iter_ = found.weights.T, found.bias, found.iterations
        return self

    def decision_function(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 -- scikit-learn's name
        """Return log-odds: (n_rows,) for two classes, else (n_rows, n_classes or n_labels)."""
        check_is_fitted(self)
        if self._of_texts:
            rows = self._hashed(X, fitting=False)
        else:
            rows = validate_data(self, X, accept_sparse="csr", dtype=np.float64, reset=False)
        logits = np.asarray(rows @ self.coef_.T + self.intercept_)
        return logits[:, 0] if self._is_binary else logits

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 -- scikit-learn's name
        """Return probabilities of classes, which sum to 1, or of labels, each for itself."""
        scores = solver.sigmoid(self.decision_function(X))
        if self._is_binary:
            return np.stack([1 - scores, scores], axis=1)
        return scores if self._is_multilabel else np.asarray(scores / scores.sum(axis=1, keepdims=True))

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803 -- scikit-learn's name
        """Return the likeliest class, or for each label whether it is likelier than not."""
        logits = self.decision_function(X)
        if self._is_multilabel:
            return (logits > 0).astype(int)
        chosen = (logits > 0).astype(int) if self._is_binary else logits.argmax(axis=1)
        return np.asarray(self.classes_[chosen])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        return tags

    @property
    def _is_binary(self) -> bool:
        return not self._is_multilabel and len(self.classes_) == _TWO

    def _targets(self, y: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return 0..1 targets and what is known of them, both (n_rows, n_columns)."""
        self._is_multilabel = y.ndim == _TWO and y.shape[1] > 1
        if self._is_multilabel and np.issubdtype(y.dtype, np.floating) and np.isnan(y).any():
            known = ~np.isnan(y)
            self.classes_ = np.arange(y.shape[1])
            return np.where(known, y, 0.0), known.astype(np.float64)
        check_classification_targets(y)
        if self._is_multilabel:
            if type_of_target(y) != "multilabel-indicator":
                raise ValueError("Several columns of y must be zeros and ones.")
            self.classes_ = np.arange(y.shape[1])
            return y.astype(np.float64), np.ones(y.shape)
        self.classes_, numbers = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        if len(self.classes_) < _TWO:
            raise ValueError("This classifier needs samples of at least 2 classes; y has 1 class.")
        columns = np.arange(1, _TWO) if len(self.classes_) == _TWO else np.arange(len(self.classes_))
        targets = (numbers[:, None] == columns).astype(np.float64)
        return targets, np.ones(targets.shape)

    def _hashed(self, texts: Sequence[str], *, fitting: bool) -> sparse.csr_matrix:
        rows = features.extract([normalize.canonical(text)[: features.WINDOW_CHARACTERS] for text in texts], texts)
        hits = corpus.matrix([rows])
        if fitting:
            self._rows = hits.shape[0]
            self._frequency = artifact.frequency_of(corpus.occurrences(hits))
            self.n_features_in_ = features.BUCKETS
        return corpus.scaled(hits, artifact.values_of(self._frequency, self._rows))


def _are_texts(rows: Any) -> bool:
    return isinstance(rows, Sequence | np.ndarray) and len(rows) > 0 and isinstance(rows[0], str)
