"""Your own images: `data=folder data.path=FOLDER` and `data=table data.path=FILE.csv`."""

from __future__ import annotations

from pathlib import Path

from manyviews.datamodules.file_kind import readable
from manyviews.datamodules.images.assemble import OnBadSample, read_images
from manyviews.datamodules.images.folders import Classes, index_of_folder
from manyviews.datamodules.images.index import FileIndex
from manyviews.datamodules.images.tables import Columns, index_of_table


@read_images()
def folder(
    path: str,
    classes: Classes = "folders",
    group: str | None = None,
    test: float = 0.1,
    *,
    on_bad_sample: OnBadSample,
) -> FileIndex:
    """Return the index of all images below a folder, at any depth.

    If every folder in `path` is named for a split (train, training; test, testing, eval,
    evaluation; val, valid, validation, dev; in capitals or not), these are the splits. A validation
    split beside train alone is the test split. Without either a share of the files is held out,
    chosen by their names. The first folder below a split is the class;
    files beside the class folders have none. If there is only one class folder, all images count as
    unlabelled. Names that begin with a dot are ignored.

    Args:
        path: the folder.
        classes: "folders"; "top" if every folder in `path` is a class, even one called train; or
            "none" if the folders are no classes.
        group: regular expression on the path of each file below `path`; its first bracket is the
            group (patient, video) of the file. Files of one group are held out together. None: each
            file is on its own.
        test: share of the images to hold out if no folder is the test split.
        on_bad_sample: "skip" also accepts empty class folders.

    Raises:
        ConfigError: there is no image, a class folder is empty, some folders look like splits and
            others do not, the pattern fits no file, or `test` is outside (0, 0.5].
    """
    root = Path(path)
    index = index_of_folder(root, classes, test, empty=on_bad_sample == "skip", group=group)
    return index._replace(dataset=readable(root.resolve().name))


@read_images()
def table(
    path: str,
    root: str | None = None,
    file: str = "file",
    label: str | None = "label",
    split: str | None = "split",
    group: str | None = "group",
    test: float = 0.1,
) -> FileIndex:
    """Return the index of the images that a CSV with a header names, one per row.

    A column with the default name may be missing; any other has to be there. None: no such column
    is read.

    Args:
        path: the CSV.
        root: folder for relative file names; None: the folder of the CSV.
        file: column of the file names.
        label: column of the classes; an empty cell, NaN, NA, None or null is unknown.
        split: column of the splits, "train", "test" and perhaps "val"; without it a share of the
            images is held out.
        group: column of the group (patient, video) that an image belongs to. Images of one group
            are held out together.
        test: share to hold out if no row belongs to a test split.

    Raises:
        ConfigError: a column is missing, there are no rows, or a split is unknown.
    """
    base = Path(path).parent if root is None else Path(root)
    index = index_of_table(Path(path), base, test, Columns(file, label, split, group))
    return index._replace(dataset=readable(Path(path).stem))
