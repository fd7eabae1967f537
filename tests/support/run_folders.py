"""Run folders as far as tables read them."""

from pathlib import Path

import yaml

from manyviews import runs


def write(
    name, method="swav", seed=0, lr=0.1, val=None, test=None, state="finished", choices=(), **more
):
    """A run folder, as far as tables read it."""
    path = Path("runs", name)
    path.mkdir(parents=True)
    optimizer = {"_target_": "torch.optim.AdamW", "lr": lr}
    config = {"format_version": 2, "choices": {"method": method, "data": "a", "backbone": "b"}}
    config["choices"] |= dict(choices)
    config |= {"seed": seed, "epochs": 3, "method": {"_target_": f"x.{method}", **more}}
    config |= {"optimizer": optimizer, "runs": "runs"}
    (path / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    status = {"state": state, "reason": "", "step": 9, "epochs": 3, "sha256": "", "pid": 1}
    runs.write_json(path / "status.json", {**status, "heartbeat": 1.0, "seconds": 60.0})
    (path / "metrics.jsonl").write_text('{"step": 9, "train/throughput/images_per_s": 500.0}\n')
    values = [("val", val), ("test", test)]
    row = {"protocol": "knn@1", "metric": "top1", "subject": "trained", "better": "higher"}
    scores = [{**row, "split": split, "value": v} for split, v in values if v is not None]
    if scores:
        content = {"scores": scores, "data": {"name": "a", "fingerprint": {}}}
        runs.write_json(path / "report" / "report.json", content)
    return path
