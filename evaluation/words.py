"""Words for the names of measures and of scored features in report.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

DISTORTED = ("shift", "rotation", "scale", "blur", "noise")
METRICS = {
    "top1": "accuracy",
    "top5": "top-5 accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "macro_auroc": "macro AUROC",
    "macro_auprc": "macro AUPRC",
    "ari": "ARI",
    "nmi": "NMI",
    "matched_accuracy": "matched accuracy",
    "map": "mean average precision",
    "recall_at_1": "recall@1",
    "recall_at_5": "recall@5",
    "recall_at_10": "recall@10",
    "precision_at_1": "precision@1",
    "precision_at_5": "precision@5",
    "precision_at_10": "precision@10",
    "cka_first_embedding": "CKA of the first stage and the embedding",
    **{f"cosine_{name}": f"cosine after {name}" for name in DISTORTED},
    **{f"agreement_{name}": f"same kNN vote after {name}" for name in DISTORTED},
}
LABEL_FREE = {
    "rankme": "RankMe",
    "rankme_centred": "RankMe, centred",
    "effective_rank": "effective rank",
    "effective_rank_centred": "effective rank of the covariance",
    "alpha_req": "alpha-ReQ, window 11 to 100",
    "alpha_req_3_100": "alpha-ReQ, window 3 to 100",
    "uniformity": "uniformity",
    "lidar": "LiDAR",
    "fisher_ratio": "Fisher ratio",
    "alignment": "alignment",
}
PUBLISHED = "_published_style"  # ends the name of a measure that was chosen on test, as papers do
HEADLINES = ("top1", "ari", "map")  # a protocol that is scored by labels has one of them

TRAINED = "trained"
SUBJECTS = {
    TRAINED: "trained",
    "random": "random initialisation",
    "start": "weights it began with",
    "raw": "raw pixels",
    "mean_std": "channel mean and deviation",
    "spectrum": "first 16 |FFT| bins",
    "raw_series": "raw series",
    "random_convolutions": "random convolutions",
}


def score_name(row: Mapping[str, Any]) -> str:
    """Return the name of a row of scores: `eval/…` on test items, `val/…` on validation items.

    >>> score_name({"protocol": "knn@1", "metric": "top1", "split": "val"})
    'val/knn@1/top1'
    """
    split = "val" if row.get("split") == "val" else "eval"
    return f"{split}/{row['protocol']}/{row['metric']}"


def detailed(protocols: Sequence[str]) -> str | None:
    """Return the protocol whose predictions are shown class by class: the first linear probe.

    >>> detailed(["knn@1", "linear_lbfgs@2"]), detailed(["knn@1"]), detailed([])
    ('linear_lbfgs@2', 'knn@1', None)
    """
    linear = [name for name in protocols if name.startswith("linear")]
    return next(iter([*linear, *protocols]), None)


def scale(metric: str) -> tuple[float, str]:
    """Return the factor and the unit in which a metric is shown; shares are shown in percent.

    >>> scale("val/knn@1/top1"), scale("eval/label_free@1/rankme")
    ((100.0, ' %'), (1.0, ''))
    """
    shares = ("top1", "top5", "balanced", "macro", "recall", "precision", "map", "ari", "nmi")
    last = metric.rpartition("/")[2].removeprefix("positive_")
    return (100.0, " %") if last.startswith(shares) else (1.0, "")


def in_words(metric: str) -> str:
    """Return a measure in words.

    >>> in_words("top1_n4"), in_words("top1_p10"), in_words("macro_f1")
    ('accuracy with 4 labels per class', 'accuracy with 10 % of the labels', 'macro F1')
    >>> in_words("top1_published_style")
    'accuracy, best epoch on test'
    """
    if metric.endswith(PUBLISHED):
        return f"{in_words(metric.removesuffix(PUBLISHED))}, best epoch on test"
    name, _, cell = metric.rpartition("_")
    number, measure = cell[1:], METRICS.get(name)
    if metric in METRICS or measure is None or not number.isdecimal():
        return METRICS.get(metric, metric)
    cells = {
        "k": f"{measure} with k = {number}",
        "n": f"{measure} with {number} label{'s' * (number != '1')} per class",
        "p": f"{measure} with {number} % of the labels",
    }
    return cells.get(cell[0], metric)


def letter(number: int) -> str:
    """Return the letter by which one of several backbones is named: A, B, ..., Z, A1, B1, ...

    >>> letter(0), letter(27)
    ('A', 'B1')
    """
    return chr(ord("A") + number % 26) + (str(number // 26) if number >= 26 else "")
