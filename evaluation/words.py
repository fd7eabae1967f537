"""Words for the names of measures and of scored features in report.json."""

METRICS = {
    "top1": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "macro_auroc": "macro AUROC",
    "macro_auprc": "macro AUPRC",
    "ari": "ARI",
    "nmi": "NMI",
    "matched_accuracy": "matched accuracy",
}
HEADLINES = ("top1", "ari")  # each protocol has one of them

TRAINED = "trained"
SUBJECTS = {
    TRAINED: "trained",
    "random": "random initialisation",
    "raw": "raw pixels",
    "mean_std": "channel mean and deviation",
    "spectrum": "first 16 |FFT| bins",
}
