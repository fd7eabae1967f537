"""The panel of test items and their nearest training items, with similarity maps."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from manyviews.panels import Mark, Panel, Picture, Pictures, name_of
from manyviews.report.run_files import RunFiles

OVERLAY = 0.6  # weight of the colour where a place contributes most
WARM = np.array([230, 85, 13], dtype=np.float32)  # similar
COLD = np.array([33, 102, 172], dtype=np.float32)  # dissimilar


def neighbours(files: RunFiles) -> Panel | None:
    """Return test items and their nearest train items; None if the report has no pictures."""
    gallery, items = files.gallery, files.card["data"]["items"]
    if "queries" not in gallery:
        return None
    text = (
        f"Test {items} (framed) and their nearest train {items} by cosine; neighbours of another "
        "class are marked."
    )
    mapped = "neighbour_map" in gallery
    if mapped:
        text += (
            " After each row: where the cosine comes from, on the query for its nearest neighbour "
            "and on each neighbour. Warm places add to it and cold ones take away; summed over all "
            "places they are exactly the cosine."
        )
    elif "map_reason" in gallery:
        text += f" There are no similarity maps: {gallery['map_reason']}."
    rows: list[list[Picture]] = []
    for q in range(len(gallery["queries"])):
        rows.append(_row(files, q))
        rows += [_maps(files, q)] if mapped else []
    return Panel("neighbours", "Nearest neighbours", text, [Pictures(rows)])


def _row(files: RunFiles, q: int) -> list[Picture]:
    """Return a query and its neighbours with their classes and cosines."""
    g, classes = files.gallery, files.card["data"]["classes"]
    own = g["query_label"][q]
    row = [Picture(g["queries"][q], name_of(own, classes), "query")]
    for image, label, cosine in zip(
        g["neighbours"][q], g["neighbour_label"][q], g["neighbour_similarity"][q], strict=True
    ):
        other = bool(label != own and label >= 0 and own >= 0)
        mark: Mark = "wrong" if other else ""
        said = f"{name_of(label, classes)} {cosine:.3f}" + (", other class" if other else "")
        row.append(Picture(image, said, mark))
    return row


def _maps(files: RunFiles, q: int) -> list[Picture]:
    """Return the similarity maps of a query: on itself for the nearest neighbour, and on each."""
    g = files.gallery
    of_query, of_neighbours = g["query_map"][q, 0], g["neighbour_map"][q]
    found = zip([g["queries"][q], *g["neighbours"][q]], [of_query, *of_neighbours], strict=True)
    # A map of a series has one dimension, time, which runs along the width of its picture.
    return [Picture(overlaid(image, np.atleast_2d(of))) for image, of in found]


def overlaid(
    image: UInt8[np.ndarray, "C H W"], of: Float[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "3 H W"]:
    """Return an image in grey with a similarity map over it, warm where positive, else cold."""
    height, width = image.shape[1:]
    share = of.astype(np.float32) / max(float(np.abs(of).max()), 1e-12)
    fitted = Image.fromarray(share).resize((width, height), Image.Resampling.BICUBIC)
    share = np.asarray(fitted).clip(-1, 1)[..., None]
    grey = image.mean(0, dtype=np.float32)[..., None]
    colour = np.where(share >= 0, WARM, COLD)
    mixed = grey + OVERLAY * share**2 * (colour - grey)  # squared: small parts stay grey
    return mixed.round().clip(0, 255).astype(np.uint8).transpose(2, 0, 1)
