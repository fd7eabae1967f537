"""Place embeddings in the plane for the report: by PCA, and by UMAP if it is installed."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional as F

FEWEST = 4  # items that a map needs
UMAP_NEIGHBOURS = 15


def planes(embedding: Float32[Tensor, "N D"]) -> Mapping[str, Float32[np.ndarray, "N 2"]]:
    """Return places in the plane by name: `pca`, and `umap` if umap-learn is installed.

    Both read the L2-normalised embeddings, and both give the same places again. PCA keeps large
    distances, and is the honest one of the two: UMAP draws clusters where there may be none.

    Args:
        embedding: at least 4 items; fewer give no map.
    """
    if len(embedding) < FEWEST:
        return {}
    rows = F.normalize(embedding.cpu(), dim=1).numpy()
    found = {"pca": _pca(rows)}
    if importlib.util.find_spec("umap") and len(rows) > UMAP_NEIGHBOURS:
        found["umap"] = _umap(rows)
    return found


def _pca(rows: Float32[np.ndarray, "N D"]) -> Float32[np.ndarray, "N 2"]:
    """Return the first two principal components; the second is 0 if there is only one dimension."""
    from sklearn.decomposition import PCA

    count = min(2, *rows.shape)
    found = PCA(count, svd_solver="full").fit_transform(rows).astype(np.float32)
    return np.pad(found, ((0, 0), (0, 2 - count)))


def _umap(rows: Float32[np.ndarray, "N D"]) -> Float32[np.ndarray, "N 2"]:
    """Return the places that UMAP gives with its defaults, by cosine."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that a fixed seed means one thread
        from umap import UMAP  # pyright: ignore[reportMissingImports]

        made = UMAP(n_neighbors=UMAP_NEIGHBOURS, metric="cosine", random_state=0)
        return np.asarray(made.fit_transform(rows), dtype=np.float32)
