"""Your own images: `data=folder data.path=FOLDER` and `data=table data.path=FILE.csv`."""

from __future__ import annotations

from pathlib import Path

from manyviews.datamodules.images.assemble import OnBadSample, read_images
from manyviews.datamodules.images.index import (
    Classes,
    FileIndex,
    splits_of_folder,
    splits_of_table,
)


@read_images()
def folder(
    path: str, classes: Classes = "folders", test: float = 0.1, *, on_bad_sample: OnBadSample
) -> FileIndex:
    """Return the index of all images below a folder, at any depth.

    Sub-folders `train` and `test` (or `val`) are the splits; without them a share of the files is
    held out, chosen by their names. The first folder below a split is the class; files beside the
    class folders have none. If there is only one class folder, all images count as unlabelled.
    Names that begin with a dot are ignored.

    Args:
        path: the folder.
        classes: "folders", or "none" if the folders are no classes.
        test: share of the images to hold out if no folder is the test split.
        on_bad_sample: "skip" also accepts empty class folders.

    Raises:
        ConfigError: there is no image, a class folder is empty, or `test` is outside (0, 0.5].
    """
    root = Path(path)
    train, held_out = splits_of_folder(root, classes, test, empty=on_bad_sample == "skip")
    return FileIndex(train, held_out, root, dataset=root.resolve().name)


@read_images()
def table(
    path: str,
    root: str | None = None,
    file: str = "file",
    label: str = "label",
    split: str = "split",
    test: float = 0.1,
) -> FileIndex:
    """Return the index of the images that a CSV with a header names, one per row.

    Args:
        path: the CSV.
        root: folder for relative file names; None: the folder of the CSV.
        file: column of the file names.
        label: column of the classes; an empty cell is unknown. If there is no such column, all
            classes are.
        split: column with "train" and "test"; without it a share of the images is held out.
        test: this share.

    Raises:
        ConfigError: a column is missing, there are no rows, or a split is unknown.
    """
    base = Path(path).parent if root is None else Path(root)
    train, held_out = splits_of_table(Path(path), base, test, file=file, label=label, split=split)
    return FileIndex(train, held_out, dataset=Path(path).stem)
