"""Run folders for dashboards: many metrics, scores, pictures and hostile names; nothing trains."""

import json
import math
from pathlib import Path

import numpy as np
import yaml

from manyviews.runs.files import write_json

HOSTILE = [
    '<img src=x onerror="window.broken=1">',
    "</script><script>window.broken=1</script>",
    "\"'`;window.broken=1;//",
    "javascript:window.broken=1",
    "ünï©ødé-‮-\u2028-💥",
    "x" * 300,
]
METRICS = 40


def write(folder: Path, number: int, records: int = 400, **changes) -> Path:
    """A run folder with a report; `changes` are those of status.json."""
    seed, method = number % 5, f"method{number // 5 % 20}"
    run = folder / f"run-{number:03d}"
    settings = {"optimizer": {"lr": [0.5, 2, 10, 0.07][number // 5 % 4]}}
    config = {"format_version": 2, "seed": seed, "epochs": 3, "method": {"_target_": "x.M"}}
    choices = {"method": method, "data": "digits", "backbone": "tiny"}
    run.mkdir(parents=True)
    text = yaml.safe_dump({**config, "choices": choices, **settings})
    (run / "config.yaml").write_text(text)
    status = {"state": "finished", "step": records, "seconds": 60.0 + number, "heartbeat": 1.0}
    write_json(run / "status.json", {**status, **changes})
    ledger = {"parameters": "1,234 parameters", "global_batch": 128, "steps_per_epoch": 50}
    write_json(run / "ledger.json", ledger)
    (run / "metrics.jsonl").write_text("".join(_lines(number, records)))
    _report(run / "report", number)
    return run


def _lines(number, records):
    names = [f"health/part{i // 10}/metric{i}" for i in range(METRICS - 2)]
    for i in range(1, records + 1):
        wave = math.sin(i / 7 + number)
        values = {name: round(wave + k, 5) for k, name in enumerate(names)}
        speed = {"train/loss": 3 + wave, "train/throughput/images_per_s": 1280.0}
        yield json.dumps({"step": i, "epoch": i // 50, **speed, **values}) + "\n"


def _report(report, number):
    value = 0.5 + number / 1000
    row = {"protocol": "knn@1", "subject": "trained", "better": "higher", "n": 500}
    scores = [
        {**row, "metric": m, "split": split, "value": value, "low": value - 0.02, "high": value}
        for split in ("val", "test")
        for m in ["top1", *(f"top1_k{k}" for k in range(1, 20))]
    ]
    data = {"name": "digits", "classes": ["a", "b"], "fingerprint": {"test": number // 50}}
    card = {"scores": scores, "data": data, "protocols": {"knn@1": {"hash": "0123456789ab"}}}
    write_json(report / "report.json", card)
    (report / "index.html").write_text("<p>report</p>")
    noise = np.random.default_rng(number).integers(0, 256, (2, 6, 3, 32, 32), dtype=np.uint8)
    arrays = {"originals": noise[0], "view_0": noise[0], "queries": noise[:, 0]}
    np.savez(report / "gallery.npz", **arrays, neighbours=noise[:, 1:])
