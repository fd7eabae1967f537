"""Make docs/results.md from the reports of the finished runs."""

from __future__ import annotations

from statistics import mean
from typing import Any, NamedTuple

from page import line

HEAD = """\
# Results

Written by `make results`: runs on the 10,000 training and 2,000 test images in the repository
(`data=fashion_mnist_mini`) with `backbone=resnet_tiny`. Figures are top-1 accuracy in percent on
the test images. Brackets are 95 % bootstrap intervals over those images, and differences are
paired. A seed sets the weights, the order of the images and the views. *Random* is the same network
with the same seed before training. Every run was measured at a commit without further changes.
"""
METHODS = """\
## Every method in equal time

`manyviews pretrain experiment=<method>_fashion_mnist_mini`: all recipes share
`conf/experiment/mini.yaml`, and each has as many epochs as take about two minutes of one thread.
*Processor s* is the processor time of the whole command: start, training and kNN. *Clock s* is its
wall time, which is longer when the machine is busy with other work. `hydra`, `hydra_moco` and
`supcon` use the labels.
"""
RUNS = "Run by run:\n"
GATE = """\
## SimLAP's ablation

Hydra pulls arbitrary pairs of images together, also of different classes; a learned gate chooses
the dimensions in which they must agree. `experiment=hydra_fashion_mnist_mini method.gate=open`
removes the gate. The classes can still be learned then, since the negatives of an image are never
of its own class, and one pair in ten is of one class. `method.positives=distinct` excludes these
pairs: without the gate, nothing separates the classes any more.
"""
VNE = """\
## VNE with every method

`regularizer=vne regularizers.vne.weight=WEIGHT regularizers.vne.reads=embedding`, one seed. The
weighted term is small compared with the method's own loss, which is about 100 for `barlow_twins`
and 0.4 for `byol`. *Rank* is the effective rank, exp of the von Neumann entropy of the test
embeddings; it is at most min(N, D) = 128. At weight 0 the regularizer is not computed, and training
is bit for bit the same as without it (`tests/test_method.py`).
"""
DEMO = """\
## The demo

`manyviews pretrain experiment=demo`: SwAV in 24 epochs of crops of 20 x 20 pixels, with
`backbone=resnet_slim`.
"""
WATCH = """\
## REBAR's positives on the watch

`manyviews pretrain experiment=rebar_watch method.positives=...`: the encoder is trained for 200
steps on the 667 windows of subjects 1 to 4, and scored by `linear_rebar@1` and k-means
(`clustering@1`, ARI in percent) on the 975 windows of subjects 6 to 10. Differences are paired, and
their intervals resample these five subjects. `mean_std` and `spectrum` are controls without
training: the same probes on the means and deviations of the channels, and on the first 16 bins of
|FFT|. *Right positives* is the share of training anchors whose positive has the same class;
training does not use the classes. The learning rate was chosen on the 191 windows of subject 5 (see
`conf/experiment/rebar_watch.yaml`).
"""
POSITIVES = {
    "REBAR": "rebar",
    "sliding error": "sliding_mse",
    "spectrum distance": "spectrum",
    "chance": "random",
    "the class itself": "oracle",
}  # row: method.positives
CONTROLS = ("random", "mean_std", "spectrum")
SERIES = "linear_rebar@1"
CLUSTERS = "clustering@1"
ABLATION = {
    "hydra, gate open": ["method.gate=open"],
    "hydra, distinct pairs": ["method.positives=distinct"],
    "hydra, distinct pairs, gate open": ["method.positives=distinct", "method.gate=open"],
}  # row: overrides of the recipe of hydra
LINEAR = "linear_lbfgs@1"
PROTOCOLS = {LINEAR: "linear", "knn@1": "kNN"}


class Result(NamedTuple):
    """The figures of a finished run.

    Attributes:
        row: name of its row, e.g. "tico, VNE".
        seed: seed of weights, order and views.
        run: name of its run folder, which has the identity of its config.
        commit: short hash of the commit that it was measured at.
        seconds: processor and wall-clock seconds of `manyviews pretrain`.
        epochs: number of epochs it was trained.
        card: its report.json.
        environment: its environment.json.
        precision: share of right positives in training; None for methods without anchors.
    """

    row: str
    seed: int
    run: str
    commit: str
    seconds: dict[str, float]
    epochs: int
    card: dict[str, Any]
    environment: dict[str, Any]
    precision: float | None = None


def score(result: Result, protocol: str, subject: str = "trained", metric: str = "top1") -> float:
    """Return a score in percent."""
    return 100 * _of(result.card["scores"], protocol, subject=subject, metric=metric)["value"]


def gain(result: Result, protocol: str, control: str = "random") -> dict[str, Any]:
    """Return the paired difference between the trained network and a control."""
    return _of(result.card["differences"], protocol, control=control)


def rank(result: Result) -> float:
    """Return the effective rank of the test embeddings."""
    return result.card["label_free"]["trained"]["effective_rank"]


def _of(rows: list[dict[str, Any]], protocol: str, **which: str) -> dict[str, Any]:
    wanted = {"protocol": protocol, "metric": "top1", **which}.items()
    return next(row for row in rows if wanted <= row.items())


def interval(row: dict[str, Any], sign: str = "") -> str:
    """Return a value and the bounds of its interval in percent."""
    value, low, high = (f"{100 * row[k]:{sign}.1f}" for k in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def table(columns: list[str], rows: list[list[str]]) -> str:
    """Return a table as Markdown."""
    return "\n".join(map(line, [columns, ["---"] * len(columns), *rows])) + "\n"


def summary(groups: dict[str, list[Result]]) -> str:
    """Return a table with a line per row: means over seeds, and seeds that beat random weights."""
    columns = ["method", "epochs", "seeds", "processor s", "clock s"]
    for title in PROTOCOLS.values():
        columns += [title, "random", "difference"]
    rows: list[list[str]] = []
    for name, results in groups.items():
        cells = [name, str(results[0].epochs), str(len(results))]
        cells += [f"{mean(r.seconds[of] for r in results):.0f}" for of in ("processor", "clock")]
        for protocol in PROTOCOLS:
            trained, random = (
                mean(score(r, protocol, who) for r in results) for who in ("trained", "random")
            )
            beats = sum(gain(r, protocol)["beats"] for r in results)
            cells += [f"{trained:.1f}", f"{random:.1f}"]
            gained = 100 * mean(gain(r, protocol)["value"] for r in results)
            cells += [f"{gained:+.1f}, {beats} of {len(results)} beat it"]
        rows.append(cells)
    return table(columns, rows)


def runs(groups: dict[str, list[Result]]) -> str:
    """Return a table with a line per run, with intervals."""
    columns = ["method", "seed", "processor s", "clock s", "commit"]
    for title in PROTOCOLS.values():
        columns += [title, "minus random"]
    rows = [
        [
            r.row,
            str(r.seed),
            *(f"{r.seconds[of]:.0f}" for of in ("processor", "clock")),
            r.commit,
            *(
                cell
                for p in PROTOCOLS
                for cell in (f"{score(r, p):.1f}", interval(gain(r, p), "+"))
            ),
        ]
        for results in groups.values()
        for r in results
    ]
    return table(columns, rows)


def vne(groups: dict[str, list[Result]], methods: dict[str, float]) -> str:
    """Return a table with a line per method: rank and accuracy without and with VNE."""
    columns = ["method", "weight", "rank at 0", "rank", "", "linear at 0", "linear"]
    rows: list[list[str]] = []
    for method, weight in methods.items():
        without = groups.get(f"{method}, no VNE", groups.get(method))
        behind = groups.get(f"{method}, VNE")
        if without and behind:
            both = (without[0], behind[0])
            before, after = map(rank, both)
            verdict = "higher" if after > before else "not higher"
            accuracies = [f"{score(r, LINEAR):.1f}" for r in both]
            rows.append(
                [method, f"{weight:g}", f"{before:.1f}", f"{after:.1f}", verdict, *accuracies]
            )
    return table(columns, rows) if rows else ""


def watch(groups: dict[str, list[Result]]) -> str:
    """Return a table with a line per kind of positives, and a table with a line per run."""
    columns = ["positives", "seeds", "processor s", "right positives", "linear"]
    rows: list[list[str]] = []
    for name, results in groups.items():
        cells = [name, str(len(results)), f"{mean(r.seconds['processor'] for r in results):.0f}"]
        cells.append(f"{100 * mean(r.precision or 0 for r in results):.1f}")
        cells.append(f"{mean(score(r, SERIES) for r in results):.1f}")
        for control in CONTROLS:
            gains = [gain(r, SERIES, control) for r in results]
            gained = 100 * mean(g["value"] for g in gains)
            beats = sum(g["beats"] for g in gains)
            cells.append(f"{gained:+.1f}, {beats} of {len(gains)} beat it")
        for who in ("trained", *CONTROLS):
            cells.append(f"{mean(score(r, CLUSTERS, who, 'ari') for r in results):.1f}")
        rows.append(cells)
    minus = [f"minus {control}" for control in CONTROLS]
    means = table([*columns, *minus, "ARI", *(f"of {c}" for c in CONTROLS)], rows)
    each = [
        [
            r.row,
            str(r.seed),
            r.commit,
            f"{score(r, SERIES):.1f}",
            *(interval(gain(r, SERIES, control), "+") for control in CONTROLS),
            f"{score(r, CLUSTERS, metric='ari'):.1f}",
        ]
        for results in groups.values()
        for r in results
    ]
    of_runs = table(["positives", "seed", "commit", "linear", *minus, "ARI"], each)
    return "\n".join([means, RUNS, of_runs])


def page(results: list[Result], methods: dict[str, float], *, missing: list[str]) -> str:
    """Return the page: all sections that have a finished run.

    Args:
        results: the finished runs.
        methods: names of the rows that are methods, and the weight of VNE for each.
        missing: descriptions of runs that are not finished, e.g. "demo (seed 0)".
    """
    groups: dict[str, list[Result]] = {}
    for r in results:
        groups.setdefault(r.row, []).append(r)

    def section(head: str, *names: str) -> list[str]:
        of = {name: groups[name] for name in names if name in groups}
        return [head, summary(of), RUNS, runs(of)] if of else []

    sections = [HEAD, *section(METHODS, *methods), *section(GATE, "hydra", *ABLATION)]
    if beside := vne(groups, methods):
        sections += [VNE, beside]
    sections += section(DEMO, "demo")
    if of_series := {name: groups[name] for name in POSITIVES if name in groups}:
        sections += [WATCH, watch(of_series)]
    sections.append(foot(results))
    if missing:
        sections.append(f"Not measured by `make results` yet: {'; '.join(missing)}.\n")
    return "\n".join(sections)


def foot(results: list[Result]) -> str:
    """Return the last lines: protocols, the scores of raw pixels, and the machine."""
    first = results[0]
    used = {name: p for r in results for name, p in r.card["protocols"].items()}
    hashes = ", ".join(f"{name} {p['hash']}" for name, p in used.items())
    raw = ", ".join(f"{title} {score(first, p, 'raw'):.1f}" for p, title in PROTOCOLS.items())
    machine = first.environment
    return (
        f"Protocols and the hashes of their configs: {hashes}. Raw pixels: {raw}.\n"
        f"One thread of {machine['processor']} with {machine['cores']} cores, "
        f"torch {machine['torch']}.\n"
    )
