"""The page of results, made from reports written by hand, and the rows that are run."""

import json

import results
from results_page import Result, page

from manyviews import cli, config


def made(row, seed=0, *, trained=0.85, low=0.05, rank=4.0):
    """Return a run; its random initialisation has 78 % and raw pixels have 85.5 %."""
    subjects = {"trained": trained, "random": 0.78, "raw": 0.855}
    scores, differences = [], []
    for protocol in ("knn@1", "linear_lbfgs@1"):
        which = {"protocol": protocol, "metric": "top1"}
        scores += [{**which, "subject": who, "value": v} for who, v in subjects.items()]
        gain = {"value": trained - 0.78, "low": low, "high": low + 0.04, "beats": low > 0}
        differences.append({**which, "control": "random", **gain})
    card = {
        "protocols": {"knn@1": {"hash": "aa"}, "linear_lbfgs@1": {"hash": "bb"}},
        "scores": scores,
        "differences": differences,
        "label_free": {"trained": {"effective_rank": rank}},
    }
    seconds = {"processor": 121.4, "clock": 150.0}
    machine = {"processor": "a processor", "cores": 2, "torch": "2.14"}
    return Result(row, seed, f"{row}-s{seed}", "c0ffee", seconds, 12, card, machine)


def lines(found, begin):
    return [line for line in found.splitlines() if line.startswith(begin)]


def test_a_method_has_its_mean_over_seeds_and_a_line_per_run():
    runs = [made("tico", 0), made("tico", 1, trained=0.79, low=-0.01)]
    found = page(runs, {"tico": 0.05}, missing=[])
    assert "VNE" not in found and "demo" not in found
    summary, first, second = lines(found, "| tico")
    assert summary.startswith("| tico | 12 | 2 | 121 | 150 | 82.0 | 78.0 | +4.0, 1 of 2 beat it |")
    assert first.startswith("| tico | 0 | 121 | 150 | c0ffee | 85.0 | +7.0 (+5.0 to +9.0) |")
    assert second.startswith("| tico | 1 | 121 | 150 | c0ffee | 79.0 | +1.0 (-1.0 to +3.0) |")


def test_vne_stands_beside_weight_zero():
    runs = [made("tico"), made("tico, VNE", rank=9.0)]
    found = page(runs, {"tico": 0.05}, missing=["byol (seed 2)"])
    assert "| tico | 0.05 | 4.0 | 9.0 | higher | 85.0 | 85.0 |" in found
    assert "Not measured by `make results` yet: byol (seed 2)." in found


def test_of_a_method_that_carries_vne_the_run_without_it_is_weight_zero():
    runs = [made("ivne", rank=9.0), made("ivne, no VNE", rank=1.0), made("ivne, VNE", rank=0.5)]
    assert "| ivne | 0.05 | 1.0 | 0.5 | not higher |" in page(runs, {"ivne": 0.05}, missing=[])


def of_series(row, seed, *, linear, right):
    """Return a run on series; a random network has 60 % and channel statistics have 80 %."""
    subjects = {"trained": linear, "random": 0.6, "mean_std": 0.8, "spectrum": 0.7}
    scores, differences = [], []
    for protocol, metric in (("linear_rebar@1", "top1"), ("clustering@1", "ari")):
        which = {"protocol": protocol, "metric": metric}
        scores += [{**which, "subject": who, "value": v} for who, v in subjects.items()]
    for control in ("random", "mean_std", "spectrum"):
        value = linear - subjects[control]
        bounds = {"low": value - 0.02, "high": value + 0.02, "beats": value > 0.02}
        which = {"protocol": "linear_rebar@1", "metric": "top1", "control": control}
        differences.append({**which, "value": value, **bounds})
    protocols = {"linear_rebar@1": {"hash": "cc"}, "clustering@1": {"hash": "dd"}}
    card = {"protocols": protocols, "scores": scores, "differences": differences}
    return made(row, seed)._replace(card=card, precision=right)


def test_positives_stand_beside_all_controls():
    runs = [of_series("REBAR", s, linear=v, right=0.7 + s / 10) for s, v in enumerate((0.9, 0.75))]
    found = page([made("tico"), *runs], {"tico": 0.05}, missing=[])
    summary, first, second = lines(found, "| REBAR")
    assert summary.startswith(
        "| REBAR | 2 | 121 | 75.0 | 82.5 | +22.5, 2 of 2 beat it | +2.5, 1 of 2 beat it | "
        "+12.5, 2 of 2 beat it | 82.5 | 60.0 | 80.0 | 70.0 |"
    )
    assert first.startswith("| REBAR | 0 | c0ffee | 90.0 | +30.0 (+28.0 to +32.0) | +10.0 (")
    assert "| -5.0 (-7.0 to -3.0) |" in second
    assert "knn@1 aa, linear_lbfgs@1 bb, linear_rebar@1 cc, clustering@1 dd" in found


def test_right_positives_are_counted_over_all_steps(tmp_path):
    metrics = tmp_path / "metrics.jsonl"
    metrics.write_text('{"step": 1, "health/positive_precision": 0.5}\n{"step": 2}\n')
    assert results.precision(metrics) == 0.5
    metrics.write_text('{"step": 1}\n')
    assert results.precision(metrics) is None


def test_no_two_rows_are_the_same_command():
    rows = results.rows()
    assert len({tuple(row.overrides) for row in rows}) == len(rows)


def test_rows_switch_what_their_names_say(monkeypatch):
    names = ("hydra, gate open", "ivne, no VNE", "ivne, VNE")
    rows = [row for row in results.rows() if row.name in names]
    gate, vne, bare = (config.compose("pretrain", row.overrides)[0] for row in rows)
    assert gate["method"]["gate"] == "open" and gate["method"]["positives"] == "arbitrary"
    assert bare["regularizers"]["vne"]["weight"] == 0
    assert vne["regularizers"]["vne"]["weight"] == results.VNE_WEIGHT
    assert vne["regularizers"]["vne"]["reads"] == "embedding"
    monkeypatch.setattr(results, "rows", lambda: rows)
    place = results.places(results.ROOT)
    assert len(set(place.values())) == len(place) == 5
    assert place["hydra, gate open", 2].name.endswith("-s2")


def test_a_run_is_sought_where_the_command_line_puts_it(monkeypatch, capsys):
    rows = [row for row in results.rows() if row.name in ("REBAR", "chance")]
    monkeypatch.setattr(results, "rows", lambda: rows)
    place = results.places(results.ROOT)
    for row in rows:
        assert cli.main(["where", *row.overrides, "seed=1", f"runs={results.ROOT}"]) == 0
        assert capsys.readouterr().out.strip() == str(place[row.name, 1])


def test_the_first_seed_of_every_row_comes_first():
    jobs = [(row.name, seed) for row, seed in results.wanted([], (0, 1))]
    assert jobs.index(("tico, VNE", 0)) < jobs.index(("barlow_twins", 1))
    assert ("tico, VNE", 1) not in jobs


def test_a_run_that_is_not_finished_begins_anew(tmp_path, monkeypatch):
    trained = []

    def train(row, seed, place):
        trained.append(list(tmp_path.rglob("last.ckpt")))
        place.mkdir()
        return {"processor": 1.0, "clock": 2.0}

    monkeypatch.setattr(results, "train_and_evaluate", train)
    monkeypatch.setattr(results, "clean_commit", lambda: "c0ffee1")
    ((row, seed),) = results.wanted(["demo"], [0])
    place = tmp_path / "run-s0"
    place.mkdir()
    place.joinpath("last.ckpt").touch()
    results.run(row, seed, place)
    assert trained == [[]]


def test_what_was_kept_counts_while_its_config_is_the_same(monkeypatch, tmp_path):
    rows = [row for row in results.rows() if row.name == "tico"]
    monkeypatch.setattr(results, "rows", lambda: rows)
    place = results.places(tmp_path / "none")
    same = made("tico", 0)._replace(run=place["tico", 0].name)
    other = made("tico", 1)  # of another config
    kept = tmp_path / "results.json"
    kept.write_text(json.dumps([r._asdict() for r in (same, other)]))
    monkeypatch.setattr(results, "RECORDS", kept)
    assert results.results(place) == {("tico", 0): same}
