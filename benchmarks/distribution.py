"""Compare training in W processes with training in one; write docs/distribution.md.

    python benchmarks/distribution.py                  # all cases, about 5 minutes on two cores
    python benchmarks/distribution.py --cases tico     # prints this case; the page stays as it is

The cases, and the code that the ranks run, are those of tests/methods/test_on_ranks.py: every
method of conf/method in real gloo process groups. A page is only written from a clean working tree.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from commits import clean_commit, measured_at
from torch import Tensor

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "distribution.md"
SUPPORT = ROOT / "tests" / "support"
WORLDS = (2, 4)
EPOCHS = "epochs=2"  # eight steps; the queue of SwAV is full from the third on
ANOTHER_DRAW = 1e-3  # larger than any rounding of float32
HEAD = """# Distribution

Written by `make distribution`: does training in W processes equal training in one? W gloo processes
share the global batch that one process has in the reference run. A number is the relative
difference `|W processes - one process| / |one process|` in the 2-norm over all parameters; training
is in float64 unless the column says otherwise. {measured}

- *gradients*: the gradients of the third step, the first one with a full queue.
- *weights*: parameters and buffers after {steps} steps of AdamW.
- *state*: *equal* if all ranks hold bitwise the same parameters and buffers (queue, running
  statistics).
- *draws*: *equal* if the order of the images and all views are bitwise those of one process.
- *float32*: the gradients in float32, with learning rate 0.
- *reordered*: the same figure for one process against itself when every batch comes in reverse
  order. This is the rounding error that no implementation can avoid. A dash marks methods that draw
  partners by the place in the batch, so that another order is another draw.

| case | W | gradients | weights | state | draws | float32 | reordered |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


def distance(ours: Iterable[Tensor], theirs: Iterable[Tensor]) -> float:
    """Return |ours - theirs| / |theirs| over all tensors together."""
    a, b = (torch.cat([t.double().flatten() for t in side]) for side in (ours, theirs))
    return float((a - b).norm() / b.norm())


def gradients(ours: dict[str, Any], theirs: dict[str, Any]) -> float:
    """Return the distance between the gradients of the third step."""
    mine, reference = ours["gradients"], theirs["gradients"]
    return distance([mine[name] for name in reference], reference.values())


def weights(ours: dict[str, Any], theirs: dict[str, Any]) -> float:
    """Return the distance between parameters and buffers after the last step."""
    floating = [k for k, v in theirs["state"].items() if v.is_floating_point()]
    return distance(*([side["state"][k] for k in floating] for side in (ours, theirs)))


def same_state(ranks: list[dict[str, Any]]) -> bool:
    """Return True if every rank holds the parameters and buffers of rank 0."""
    first = ranks[0]["state"]
    return all(torch.equal(rank["state"][k], v) for rank in ranks for k, v in first.items())


def same_draws(ranks: list[dict[str, Any]], one: dict[str, Any]) -> bool:
    """Return True if order and views, joined over ranks, are those of one process."""
    for step, views in enumerate(one["views"]):
        joined = [torch.cat([r["views"][step][v] for r in ranks]) for v in range(len(views))]
        position = torch.cat([r["positions"][step] for r in ranks])
        equal = [torch.equal(a, b) for a, b in zip(joined, views, strict=True)]
        if not (all(equal) and torch.equal(position, one["positions"][step])):
            return False
    return True


def main() -> None:
    """Run every case, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", metavar="CASE")
    chosen: list[str] | None = parser.parse_args().cases
    commit = None if chosen else clean_commit()
    os.environ["MANYVIEWS_TRUST"] = "small_data.,small_series."  # modules of the tests' data sets
    sys.path.insert(0, str(SUPPORT))
    import on_ranks
    from contract import CASES, case_overrides
    from ranks import Ranks

    config_dir = str(SUPPORT / "conf")
    groups = {world: Ranks(world) for world in WORLDS}
    rows, steps = [], 0
    for case in chosen or CASES:
        # Learning rate 0: from a gradient that is 0 but for rounding, AdamW makes a whole step.
        wide = [*case_overrides(case), EPOCHS]
        narrow = [*case_overrides(case, "32-true"), EPOCHS, "optimizer.lr=0.0"]
        one, one32 = (on_ranks.steps(o, config_dir) for o in (wide, narrow))
        rounding = gradients(on_ranks.steps(narrow, config_dir, True), one32)
        steps = len(one["losses"])
        for world, group in groups.items():
            found, found32 = (group("on_ranks.steps", o, config_dir) for o in (wide, narrow))
            figures = gradients(found[0], one), weights(found[0], one)
            said = [
                "equal" if e else "DIFFERENT" for e in (same_state(found), same_draws(found, one))
            ]
            last = f"{rounding:.1e}" if rounding < ANOTHER_DRAW else "-"
            cells = [case, str(world), *map("{:.1e}".format, figures), *said]
            cells += [f"{gradients(found32[0], one32):.1e}", last]
            rows.append(f"| {' | '.join(cells)} |")
            print(rows[-1])
    for group in groups.values():
        group.close()
    if not chosen:
        PAGE.write_text(
            HEAD.format(steps=steps, measured=measured_at(commit)) + "\n".join([*rows, ""])
        )
        print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
