"""Every method of conf/method/, small enough for tests."""

from importlib.resources import files

METHODS = sorted(
    file.name.removesuffix(".yaml")
    for file in files("manyviews.conf").joinpath("method").iterdir()
    if file.name.endswith(".yaml")
)
SMALL = {
    "swav": ["method.prototypes=8", "method.hidden_dim=16", "method.projection_dim=8"],
    "barlow_twins": ["method.hidden_dim=16", "method.projection_dim=32"],
}
# What a method has to remember between steps, switched on.
STATEFUL = {
    "swav": ["method.queue_length=32", "method.queue_from_epoch=0", "method.freeze_steps=3"],
}
DATA = ["data=stripes", "backbone=resnet_tiny", "logger.wandb=null", "trainer.accelerator=cpu"]


def overrides(name, *more):
    """A small run of a method, in float32 and with one record per two steps."""
    return [
        *DATA,
        f"method={name}",
        *SMALL.get(name, []),
        *STATEFUL.get(name, []),
        "batch_size=16",
        "epochs=3",
        "schedule.warmup_epochs=1",
        "trainer.precision=32-true",
        "trainer.log_every_n_steps=3",
        "save_every_n_steps=2",
        "evaluation=[knn]",
        "evaluation.knn.neighbours=[1,5]",
        "evaluation.knn.headline=5",
        *more,
    ]


# What is trained on several ranks: every method, and the states that SwAV can be in.
CASES = {
    "swav, queue": ("swav", ["method.freeze_steps=0"]),
    "swav, frozen": ("swav", ["method.queue_length=0", "method.freeze_steps=100"]),
    "swav, multi-crop": ("swav", ["views=multi_crop", "views.small.operations.crop.size=8"]),
    "swav, timm trunk": ("swav", ["backbone=timm/test_efficientnet"]),
    **{name: (name, []) for name in METHODS if name != "swav"},
}


def case_overrides(case, precision="64-true"):
    """A small run of a case at a learning rate that moves the weights."""
    name, more = CASES[case]
    return overrides(name, *more, f"trainer.precision={precision}", "optimizer.lr=0.003")
