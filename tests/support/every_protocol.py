"""The protocols that come with manyviews and read features alone."""

from importlib.resources import files

import yaml

from manyviews import evaluation

RUN_THE_BACKBONE = ("cka", "invariance")  # they have no score without one
CONFIGS = {
    file.name.removesuffix(".yaml"): content
    for file in files("manyviews.conf").joinpath("evaluation").iterdir()
    if file.name.endswith(".yaml")
    if file.name.removesuffix(".yaml") not in RUN_THE_BACKBONE
    if "_target_" in (content := yaml.safe_load(file.read_text()))
}


def protocol(name):
    """The protocol of a config file, with shorter training where it is long."""
    node = {**CONFIGS[name]} | ({"epochs": 3} if name == "linear" else {})
    return getattr(evaluation, node.pop("_target_").rpartition(".")[2])(**node)


# Protocols that read features alone; the others train on the backbone.
OF_FEATURES = [
    name
    for name, node in CONFIGS.items()
    if not getattr(getattr(evaluation, node["_target_"].rpartition(".")[2]), "needs_network", False)
]
