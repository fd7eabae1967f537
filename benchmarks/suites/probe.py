"""Linear probes (protocols `linear` and `linear_lbfgs`): CPU time on one thread.

The grid of `linear` is 13 learning rates times 4 weight decays: 52 heads, trained by SGD together
as one matrix product. The rows *D 128* and *D 512* train heads on 10,000 features of that width in
ten classes, five epochs with batches of 256; *loop of 52* trains 52 modules with torch's SGD one
after the other on every batch, and *lightly's classifier* is its `LinearClassifier` on the same
features and batches in Lightning's trainer, with the learning rate of the one head. The row *path*
fits logistic regression for the 23 penalties of `linear_lbfgs`, each from the last solution, to the
10,000 standardised features of a run of `resnet_tiny` on `fashion_mnist_mini`; scikit-learn's
`LogisticRegression` has the same C, the solver lbfgs, a warm start and our tolerance for the
gradient, 1e-5, but not ours for the objective, 1e-6. The rows *an evaluation of* are what a user
waits for: `manyviews evaluate` on a run, with the features of all images by the trained and by a
random network, 50 epochs of heads on the features of both and on raw pixels with a tenth of train
held out to choose a head, and the report. `resnet_tiny` has the 12,000 images of
`fashion_mnist_mini`; `resnet18` has a tenth of them, since features and heads cost in proportion
to the images. Agreement is the relative difference between weights of the same head, the share
of equal predictions of test items over all penalties, or the relative difference between features.
Memory is the most that tensors hold at once, in MB.
"""

from __future__ import annotations

import contextlib
import csv
import io
import logging
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path

import pytorch_lightning as pl
import torch
from costs import peak_bytes
from lightly.utils.benchmarking import LinearClassifier  # pyright: ignore[reportMissingImports]
from page import Row, megabytes
from PIL import Image
from sklearn.linear_model import LogisticRegression
from suites.knn import CLASSES, features, share
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Sampler, TensorDataset
from windows import alternate, in_turn

from manyviews import scoring
from manyviews import train as training
from manyviews.datamodules.images.public import fashion_mnist_mini
from manyviews.evaluation.features import Features, load
from manyviews.evaluation.logistic import Linear, Problem, standardize
from manyviews.evaluation.protocols.linear import LinearGrid
from manyviews.evaluation.protocols.linear_lbfgs import COSTS
from manyviews.runs import Run

RATES = [10 ** (-3 + 0.2 * i) for i in range(13)]
DECAYS = [0.0, 1e-5, 1e-4, 1e-3]
EPOCHS, BATCH = 5, 256
ONE = [(0.1, 0.0)]
# The run to be evaluated: its weights do not matter for the time.
ONE_STEP = [
    "experiment=demo",
    "epochs=1",
    "trainer.limit_train_batches=1",
    "trainer.accelerator=cpu",
    "callbacks.online_knn=null",
    "logger.wandb=null",
    "evaluation=[knn]",
]
TINY, LARGE = ("at most", 1.6), ("at most", 1.1)  # goals of whole evaluations
TENTH = 10  # resnet18 has every tenth image
WHY = "52 times the arithmetic of one head, near the processor's peak"


def rows(windows: int) -> Iterator[Row]:
    """Compare heads with a loop and with lightly, a path with scikit-learn, whole evaluations."""
    yield from heads(windows)
    yield from on_resnet_tiny(min(windows, 3))
    yield from on_resnet18(min(windows, 2))


def heads(windows: int) -> Iterator[Row]:
    """Compare 52 heads with one head and with a loop, and lightly's head with ours."""
    for width in (128, 512):
        train = features(10_000, width, 0)
        pairs = [*product(RATES, DECAYS)]
        sides: dict[str, Callable[[], object]] = {
            "52 heads": partial(grid, train, pairs),
            "1 head": partial(grid, train, ONE),
            "loop of 52": partial(loop, train, pairs),
            "lightly's classifier": partial(lightly_head, train),
        }
        found = alternate(sides, windows=min(windows, 5))
        peak = {name: megabytes(peak_bytes(work)) for name, work in sides.items()}
        alone, looped = (difference(train, pairs, other) for other in (grid, loop))
        lightly = distance(lightly_head(train), grid(train, ONE)[0])
        for first, second, far, why in (
            ("52 heads", "1 head", alone, WHY),
            ("loop of 52", "52 heads", looped, ""),
            ("lightly's classifier", "1 head", lightly, ""),
        ):
            yield Row(
                f"D {width}",
                first,
                second,
                "s",
                (found[first], found[second]),
                f"weights {far:.0e}",
                f"{peak[first]} / {peak[second]}",
                besides=why,
            )


def on_resnet_tiny(windows: int) -> Iterator[Row]:
    """Evaluate a run of `resnet_tiny`, then fit paths to its features."""
    with one_step("resnet_tiny") as run:
        yield evaluation(run, windows, "resnet_tiny", TINY)
        yield path(run, windows)


def on_resnet18(windows: int) -> Iterator[Row]:
    """Evaluate a run of `resnet18` on a tenth of the images."""
    with tempfile.TemporaryDirectory() as folder:
        data = ["data=table", f"data.path={write_images(Path(folder))}"]
        with one_step("resnet18", *data) as run:
            yield evaluation(run, windows, "resnet18", LARGE)


def write_images(folder: Path) -> Path:
    """Write a tenth of the embedded images as files, and return the CSV that lists them."""
    splits, table = fashion_mnist_mini(), folder / "images.csv"
    with table.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["file", "label", "split"])
        for name, split in {"train": splits.train, "test": splits.test}.items():
            sample = split.sample(torch.arange(0, len(split.label), TENTH))
            for image, label, row in zip(*sample[:3], strict=True):
                Image.fromarray(image[0].numpy()).save(folder / f"{name}{row}.png")
                out.writerow([f"{name}{row}.png", int(label), name])
    return table


@contextlib.contextmanager
def one_step(backbone: str, *overrides: str) -> Iterator[Run]:
    """Train a backbone for one step; the folder of the run is removed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.redirect_stdout(io.StringIO()):
            run = training.pretrain(
                [*ONE_STEP, f"backbone={backbone}", f"runs={folder}", *overrides]
            )
        yield run


def evaluation(run: Run, windows: int, name: str, goal: tuple[str, float]) -> Row:
    """Compare whole evaluations of a run, with the grid and with one head."""
    sides = {
        "52 heads": partial(evaluated, run, RATES, DECAYS),
        "1 head": partial(evaluated, run, [ONE[0][0]], [ONE[0][1]]),
    }
    # No call to warm up: `pretrain` has evaluated already, and a call takes many seconds.
    found, test = in_turn(sides, windows=windows)
    return Row(
        f"an evaluation of {name}",
        "52 heads",
        "1 head",
        "s",
        (found["52 heads"], found["1 head"]),
        f"features {distance(test['52 heads'], test['1 head']):.0e}",
        "",
        goal,
        WHY,
    )


def path(run: Run, windows: int) -> Row:
    """Compare the fits of all penalties with those of scikit-learn."""
    train, test = (stored(run, split) for split in ("train", "test"))
    x, x_test = standardize(train.embedding, test.embedding)
    sides = {
        "scikit-learn's path": partial(scikit_learn_path, x, train.label, x_test),
        "linear_lbfgs' path": partial(our_path, x, train.label, x_test),
    }
    (first, second), (found, guess) = sides, in_turn(sides, windows=min(windows, 2))
    agree = f"predictions {share(guess[first], guess[second]):.2%}"
    return Row("path", first, second, "s", (found[first], found[second]), agree, "")


def our_path(x: Tensor, label: Tensor, x_test: Tensor) -> Tensor:
    """Return the predictions for every penalty, of models that start at the last solution."""
    system, models = Problem(x, label, CLASSES), list[Linear]()
    for cost in COSTS:
        models.append(system.solve(1 / (cost * len(x)), models[-1] if models else None))
    return torch.stack([model.predict(x_test) for model in models])


def scikit_learn_path(x: Tensor, label: Tensor, x_test: Tensor) -> Tensor:
    """Return the predictions of scikit-learn for every penalty, with warm starts."""
    model = LogisticRegression(tol=1e-5, max_iter=500, warm_start=True)
    found = []
    for cost in COSTS:
        model.set_params(C=cost).fit(x.numpy(), label.numpy())
        found.append(torch.from_numpy(model.predict(x_test.numpy())))
    return torch.stack(found)


def stored(run: Run, split: str) -> Features:
    """Return the features of a split that the evaluation of a run stored."""
    (file,) = run.path.glob(f"features/trained-{split}-*.npz")
    return load(file)


def evaluated(run: Run, rates: list[float], decays: list[float]) -> Tensor:
    """Evaluate a run as if for the first time, and return its test features."""
    shutil.rmtree(run.path / "features", ignore_errors=True)
    run.report_of("last").unlink(missing_ok=True)
    with contextlib.redirect_stdout(io.StringIO()):
        scoring.evaluate(
            [
                f"run={run.path}",
                "evaluation=[linear]",
                f"evaluation.linear.learning_rates={rates}",
                f"evaluation.linear.weight_decays={decays}",
                "logger.wandb=null",
            ]
        )
    return stored(run, "test").embedding


def grid(train: Features, pairs: list[tuple[float, float]]) -> list[Tensor]:
    """Train all heads as one matrix product, and return their weights."""
    probe = LinearGrid(1, RATES, DECAYS, epochs=EPOCHS, batch_size=BATCH)
    heads = probe.fit(train.embedding, train.label, CLASSES, pairs)
    return [head.weight for head in heads]


class Orders(Sampler[int]):
    """The orders in which `linear` reads the rows, one per epoch."""

    def __init__(self, rows: int) -> None:
        self.rows, self.generator = rows, torch.Generator().manual_seed(0)

    def __iter__(self) -> Iterator[int]:
        """Yield the rows of the next epoch."""
        yield from torch.randperm(self.rows, generator=self.generator).tolist()

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.rows


def lightly_head(train: Features) -> Tensor:
    """Train lightly's classifier on the features in Lightning's trainer; return its weights."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    rows, width = train.embedding.shape
    data = TensorDataset(train.embedding, train.label)
    model = LinearClassifier(nn.Identity(), BATCH, ONE[0][0], width, CLASSES)
    model.classification_head = head = nn.Linear(width, CLASSES)  # it begins at zero, as ours
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    trainer = pl.Trainer(
        max_epochs=EPOCHS,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, DataLoader(data, BATCH, sampler=Orders(rows), drop_last=True))
    return head.weight.detach()


def loop(train: Features, pairs: list[tuple[float, float]]) -> list[Tensor]:
    """Train one module and optimizer per head, and return their weights."""
    x, label = train.embedding, train.label
    heads = [nn.Linear(x.shape[1], CLASSES) for _ in pairs]
    optimizers = []
    for head, (rate, decay) in zip(heads, pairs, strict=True):
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        groups = [{"params": [head.weight], "weight_decay": decay}, {"params": [head.bias]}]
        optimizers.append(torch.optim.SGD(groups, lr=rate, momentum=0.9))
    generator = torch.Generator().manual_seed(0)
    steps, step = EPOCHS * (len(x) // BATCH), 0
    for _ in range(EPOCHS):
        order = torch.randperm(len(x), generator=generator)
        for rows in order[: len(x) // BATCH * BATCH].view(-1, BATCH):
            inputs, target = x[rows], label[rows]
            factor = 0.5 * (1 + math.cos(math.pi * step / steps))
            for head, optimizer, (rate, _) in zip(heads, optimizers, pairs, strict=True):
                for group in optimizer.param_groups:
                    group["lr"] = rate * factor
                optimizer.zero_grad()
                F.cross_entropy(head(inputs), target).backward()
                optimizer.step()
            step += 1
    return [head.weight.detach() for head in heads]


def difference(
    train: Features, pairs: list[tuple[float, float]], other: Callable[..., list[Tensor]]
) -> float:
    """Return the relative difference of the last head, trained among all and alone by `other`."""
    (alone,) = other(train, pairs[-1:])
    return distance(grid(train, pairs)[-1], alone)


def distance(first: Tensor, second: Tensor) -> float:
    """Return the relative difference of two tensors."""
    return float((first - second).norm() / second.norm())
