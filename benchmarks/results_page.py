"""docs/results.md from the reports of the runs that are finished."""

from __future__ import annotations

from statistics import mean
from typing import Any, NamedTuple

from page import line

HEAD = """\
# Results

Made by `make results`: real runs on the 10,000 + 2,000 embedded images (`data=fashion_mnist_mini`)
with `backbone=resnet_tiny`. Top-1 in percent on the 2,000 test images; brackets are 95 % bootstrap
intervals over those images, differences are paired. Seeds change weights, order and views. Every
report scores a network of the run's own seed before training, too: "random".
"""
METHODS = """\
## Every method in equal time

`manyviews pretrain experiment=<method>_fashion_mnist_mini`: the common ground is
`conf/experiment/mini.yaml`, the epochs are such that each has about two minutes of one thread.
Time is that of the processor for the whole command: start, training and kNN; the clock shows how
busy the machine was beside it. `hydra`, `hydra_moco` and `supcon` read the labels.
"""
RUNS = "Run by run:\n"
GATE = """\
## SimLAP's ablation

Arbitrary pairs ask any two classes to agree, the learned gate says in which dimensions;
`experiment=hydra_fashion_mnist_mini method.gate=open` takes it away. Something is then left to
learn from: a row's own class is never among its negatives, and one pair in ten joins a class with
itself. `method.positives=distinct` has no such pair: without the gate nothing tells the classes
apart.
"""
VNE = """\
## VNE beside every method

`regularizer=vne regularizers.vne.weight=WEIGHT regularizers.vne.reads=embedding`, one seed. A
weight is small beside the method's own loss, about 100 for `barlow_twins` and 0.4 for `byol`. The
effective rank is exp of the von Neumann entropy of the test embeddings, at most min(N, D) = 128;
115 is 0.9 of it. At weight 0 the slot is not computed: every method is then bit for bit what it is
without (`tests/test_method.py`).
"""
DEMO = """\
## The demo

`manyviews pretrain experiment=demo`: SwAV in 25 epochs.
"""
WATCH = """\
## REBAR's positives on the watch

`manyviews pretrain experiment=rebar_watch method.positives=...`: 200 steps of the encoder on the
windows of subjects 1 to 7; `linear_rebar@1` and k-means (`clustering@1`, ARI in percent) on the 583
windows of subjects 8 to 10. Differences are paired. `mean_std` and `spectrum` need no training: the
same probes of the channels' means and deviations, and of the first 16 bins of |FFT|. Right
positives: share of the anchors of training whose positive had their class, which training never
sees. The rate was chosen among four by the linear probe of sliding error at seed 0: read that run
with care.
"""
POSITIVES = {
    "REBAR": "rebar",
    "sliding error": "sliding_mse",
    "spectrum distance": "spectrum",
    "chance": "random",
    "the class itself": "oracle",
}  # rows and their method.positives
CONTROLS = ("random", "mean_std", "spectrum")
SERIES = "linear_rebar@1"
CLUSTERS = "clustering@1"
ABLATION = {
    "hydra, gate open": ["method.gate=open"],
    "hydra, distinct pairs": ["method.positives=distinct"],
    "hydra, distinct pairs, gate open": ["method.positives=distinct", "method.gate=open"],
}  # rows and what they override in the recipe of hydra
LINEAR = "linear_lbfgs@1"
PROTOCOLS = {LINEAR: "linear", "knn@1": "kNN"}


class Result(NamedTuple):
    """What a run gave.

    Attributes:
        row: name of its row.
        seed: of weights, order and views.
        run: name of its run folder, with the hash of its config.
        commit: of the tree that ran.
        seconds: of `manyviews pretrain`, by the processor and by the clock.
        epochs: that it trained.
        card: report.json.
        environment: environment.json.
        precision: share of right positives in training, where a method has any.
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
    """In percent."""
    return 100 * _of(result.card["scores"], protocol, subject=subject, metric=metric)["value"]


def gain(result: Result, protocol: str, control: str = "random") -> dict[str, Any]:
    """The paired difference from a control."""
    return _of(result.card["differences"], protocol, control=control)


def rank(result: Result) -> float:
    """Effective rank of the test embeddings."""
    return result.card["label_free"]["trained"]["effective_rank"]


def _of(rows: list[dict[str, Any]], protocol: str, **which: str) -> dict[str, Any]:
    wanted = {"protocol": protocol, "metric": "top1", **which}.items()  # top-1 unless told
    return next(row for row in rows if wanted <= row.items())


def interval(row: dict[str, Any], sign: str = "") -> str:
    """Value and bounds in percent."""
    value, low, high = (f"{100 * row[k]:{sign}.1f}" for k in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def table(columns: list[str], rows: list[list[str]]) -> str:
    """Markdown."""
    return "\n".join(map(line, [columns, ["---"] * len(columns), *rows])) + "\n"


def summary(groups: dict[str, list[Result]]) -> str:
    """A line per row: means over seeds, and how many seeds beat random initialisation."""
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
    """A line per run, with intervals."""
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
    """A line per method: effective rank and linear accuracy at weight 0 and at the weight."""
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
    """A line per kind of positives, means over seeds, then a line per run."""
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
    """All sections that have a finished run.

    Args:
        results: of the finished runs.
        methods: rows that are methods, and the weight of VNE beside each.
        missing: what has not been run.
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
        sections.append(f"Not run yet: {'; '.join(missing)}.\n")
    return "\n".join(sections)


def foot(results: list[Result]) -> str:
    """Protocols, what raw pixels give, and the machine."""
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
