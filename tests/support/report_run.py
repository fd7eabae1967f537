"""A run folder as training and evaluation leave it, with hostile names in it."""

import json

import numpy as np
import torch

from manyviews import panels
from manyviews.datamodules.series.drawing import draw_series
from manyviews.nn.retrieval_panel import Retrieved, retrieval_panel

HOSTILE = ['<script>alert("x")</script>', '"><img src=x onerror=alert(1)>', "a|b", *"cdefghi"]


def score(protocol, metric, subject, value):
    low, high = value - 0.017, value + 0.016
    row = {"protocol": protocol, "metric": metric, "subject": subject, "n": 2000}
    return {**row, "value": value, "low": low, "high": high}


def gain(protocol, control, value):
    row = {"protocol": protocol, "metric": "top1", "subject": "trained", "control": control}
    low, high = value - 0.012, value + 0.012
    return {**row, "value": value, "low": low, "high": high, "beats": low > 0}


def card():
    values = {"trained": 0.8366, "random": 0.7361, "raw": 0.8315}
    scores, gains = [], []
    for protocol in ("knn@1", "linear_lbfgs@1"):
        scores += [score(protocol, "top1", who, v) for who, v in values.items()]
        gains += [gain(protocol, "random", 0.1004), gain(protocol, "raw", 0.005)]
    for k in (1, 5, 20, 200):
        scores += [score("knn@1", f"top1_k{k}", who, v - k / 4000) for who, v in values.items()]
    return {
        "format_version": 1,
        "run": "swav-<b>mini</b>-resnet_tiny-3f2a9c1e-s0",
        "data": {
            "name": "fashion_mnist_mini",
            "items": "images",
            "classes": HOSTILE,
            "fingerprint": {},
        },
        "checkpoint": {"step": 1950, "epoch": 25},
        "protocols": {
            "knn@1": {"hash": "0123456789ab", "config": {"headline": 20, "temperature": 0.07}},
            "linear_lbfgs@1": {"hash": "ba9876543210", "config": {"holdout": 0.1}},
        },
        "scores": scores,
        "differences": gains,
        "subjects": [],
        "sentences": [
            "knn@1: is not distinguishable from raw pixels (+0.5 points, interval -0.7 to +1.7)"
        ],
        "label_free": {
            "trained": {"rankme": 60.25, "effective_rank": 21.5},
            "random": {"rankme": 30.0, "effective_rank": 3.5},
        },
    }


def gallery(channels):
    random = np.random.default_rng(0)

    def image(*shape):
        return random.integers(0, 256, shape, dtype=np.uint8)

    spectrum = np.sort(random.random(128) ** 6)[::-1]
    return {
        "originals": image(8, channels, 28, 28),
        **{f"view_{v}": image(8, channels, *(2 * [28 if v < 2 else 16])) for v in range(6)},
        "queries": image(10, channels, 28, 28),
        "query_label": np.arange(10),
        "neighbours": image(10, 5, channels, 28, 28),
        "neighbour_label": (np.arange(10)[:, None] + np.array([0, 0, 1, 0, -20])) % 11 - 0,
        "neighbour_similarity": random.random((10, 5)),
        "query_map": random.normal(size=(10, 5, 7, 7)),
        "neighbour_map": random.normal(size=(10, 5, 7, 7)),
        "hardest": image(3, channels, 28, 28),
        "hardest_label": np.array([0, 1, 2]),
        "hardest_guess": np.array([1, 2, 0]),
        "map": image(40, channels, 28, 28),
        "map_pca": random.normal(size=(40, 2)),
        "map_label": np.arange(40) % 10 - 1,
        "eigenvalues_trained": spectrum / spectrum.sum(),
        "eigenvalues_random": spectrum**2 / (spectrum**2).sum(),
    }


def predictions():
    """Predicted classes of 90 items, of which the first of each class are wrong."""
    label = np.arange(90) % 9
    guess = np.where(np.arange(90) < 9, (label + 1) % 9, label).astype(np.uint8)
    return {"position": np.arange(90), "label": label, "linear_lbfgs@1/top1": guess}


PEOPLE = {"8": (0.85, 191), "<b>nine</b>": (0.81, 190), "a|10": (0.77, 202)}


def series_card():
    """What a REBAR run on series reports: other controls, further measures, people, clusters."""
    made = card()
    values = {"trained": 0.81, "random": 0.74, "mean_std": 0.78, "spectrum": 0.82}
    metrics = {
        "linear_rebar@1": ("top1", "macro_f1", "macro_auroc"),
        "clustering@1": ("ari", "nmi"),
    }
    keys = [(protocol, metric) for protocol, names in metrics.items() for metric in names]
    made["scores"] = [score(*key, who, v) for key in keys for who, v in values.items()]
    made["differences"] = [
        gain(protocol, who, 0.81 - values[who]) | {"metric": metric}
        for protocol, metric in keys
        for who in ("random", "mean_std", "spectrum")
    ]
    each = [{"name": name, "value": v, "n": n} for name, (v, n) in PEOPLE.items()]
    row = {"protocol": "linear_rebar@1", "low": 0.77, "high": 0.85, "n": 3, "each": each}
    minus = {"value": -0.012, "low": -0.05, "high": 0.02, "beats": False}
    made["subjects"] = [
        row | {"subject": who, "value": v} | ({} if who == "trained" else {"minus": minus})
        for who, v in values.items()
    ]
    made["protocols"] = {name: {"hash": "0123456789ab", "config": {}} for name in metrics}
    made["data"] |= {"name": "watch", "items": "windows"}
    return made


def series_gallery(channels=6, steps=128):
    """Pictures of windows as lines."""
    random = np.random.default_rng(0)
    time = np.arange(steps) / steps

    def window(*shape):
        pace, phase, height = random.random((3, *shape, 1))
        waves = np.sin(2 * np.pi * (1 + 5 * pace) * time + 6 * phase) + 2 * height - 1
        return waves + 0.1 * random.normal(size=waves.shape)

    def pictures(*shape):
        lines = draw_series(torch.from_numpy(window(int(np.prod(shape)), channels)))
        return lines.reshape(*shape, *lines.shape[1:])

    return gallery(1) | {
        "originals": pictures(8),
        **{f"view_{v}": pictures(8) for v in range(6)},
        "queries": pictures(10),
        "neighbours": pictures(10, 5),
        "hardest": pictures(3),
        "map": pictures(40),
    }


def retrieved(anchors=3, candidates=20, channels=6, steps=128):
    """What a retriever found."""
    random = np.random.default_rng(0)
    hidden = torch.from_numpy(random.permutation(steps) % 2 == 1)
    anchor = torch.from_numpy(random.normal(size=(anchors, channels, steps)))
    attention = torch.from_numpy(random.random((int(hidden.sum()), steps)))
    label = torch.from_numpy(random.integers(-1, 3, (1 + candidates, anchors)))
    label[0] = torch.tensor([0, 1, -1])[:anchors]
    return Retrieved(
        anchor=anchor,
        label=label,
        candidates=torch.from_numpy(random.normal(size=(candidates, anchors, channels, steps))),
        error=torch.from_numpy(random.gamma(4, 20, (candidates, anchors))),
        hidden=hidden,
        attention=attention / attention.sum(1, keepdim=True),
        rebuilt=anchor + 0.2,
    )


def write_series_run(folder):
    """The same of a REBAR run on series."""
    write_run(folder)
    (folder / "report" / "report.json").write_text(json.dumps(series_card()))
    np.savez(folder / "report" / "gallery.npz", **series_gallery())
    panel = retrieval_panel(retrieved(), draw_series, HOSTILE)
    panels.save(folder / "report" / "panels.npz", [panel])
    return folder


def write_run(folder, channels=1):
    """A run folder as training and evaluation leave it."""
    (folder / "report").mkdir(parents=True)
    (folder / "report" / "report.json").write_text(json.dumps(card()))
    np.savez(folder / "report" / "gallery.npz", **gallery(channels))
    np.savez(folder / "report" / "predictions.npz", **predictions())
    lines = [
        {
            "step": s,
            "epoch": s // 78,
            "train/loss": 4 - s / 900,
            "train/lr": 0.002 * s / 1950,
            "train/throughput/images_per_s": 1400.0 + s % 70,
            "train/data_wait": 0.06,
        }
        for s in range(10, 1950, 10)
    ]
    lines.append({"step": 780, "epoch": 9, "online/knn@1/top1": 0.81})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "metrics.jsonl").write_text(text + '{"step": 1950, "tra')
    (folder / "ledger.json").write_text(json.dumps({"data": "a|b <i>mini</i>", "steps": 1950}))
    (folder / "environment.json").write_text(json.dumps({"torch": "2.15.0"}))
    (folder / "config.yaml").write_text("seed: 0\nruns: <runs>\n")
    return folder
