import os

import pytest

from manyviews.datamodules.images.tables import Columns, index_of_table
from manyviews.errors import ConfigError


def table(tmp_path, text, **columns):
    """The index of a table with this text, or these bytes; half of it is held out."""
    content = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "t.csv").write_bytes(content)
    return index_of_table(tmp_path / "t.csv", tmp_path, 0.5, Columns(**columns))


def names(tmp_path, listed):
    paths = [str(path.relative_to(tmp_path)) for path in listed.paths]
    return dict(zip(paths, listed.classes, strict=True))


def everything(tmp_path, text, **columns):
    index = table(tmp_path, text, **columns)
    return names(tmp_path, index.train) | names(tmp_path, index.test)


def test_a_table_names_files_classes_and_splits(tmp_path):
    train, test, *_ = table(tmp_path, 'file,label,split\na.png,cat,train\n"b,1.png",,test\n')
    assert names(tmp_path, train) == {"a.png": "cat"}
    assert names(tmp_path, test) == {"b,1.png": None}


def test_a_table_without_splits_holds_some_out_and_without_labels_has_none_and_says_so(tmp_path):
    index = table(tmp_path, "path,species\na.png,cat\nb.png,cat\n", file="path")
    assert len(index.train.paths) == len(index.test.paths) == 1
    assert index.train.classes == [None]
    assert index.notes == (
        "t.csv has no column 'label' (no image has a class), no column 'split' (a share is held "
        "out), no column 'group' (images have no groups); its columns are path, species",
        "no test split is given: 1 of 2 images are held out (data.test=0.5)",
    )


@pytest.mark.parametrize("key", ["file", "label", "split", "group"])
def test_a_column_that_was_typed_has_to_exist(key, tmp_path):
    line = (
        rf"data.{key}: unknown column of .*t.csv 'kin': did you mean 'kind'\? allowed: file, kind"
    )
    with pytest.raises(ConfigError, match=line):
        table(tmp_path, "file,kind\na.png,cat\n", **{key: "kin"})


def test_null_ignores_a_column(tmp_path):
    text = "file,label,split,group\na.png,x,later,1\nb.png,y,later,1\n"
    index = table(tmp_path, text, label=None, split=None, group=None)
    assert index.groups is None and index.train.classes == [None]
    assert len(index.notes) == 1  # what was asked for needs no word


BAD_TABLES = {
    "unknown column of .*t.csv 'file': allowed: image, kind": "image,kind\na.png,cat\n",
    "unknown column of .*did you mean 'files'": "files,label\na.png,cat\n",
    "has a header but no rows": "file,label\n",
    "is empty; a header and rows are expected": "\n",
    "row 3 does not fit the columns file, label": "file,label\na.png,cat\nb.png,cat,dog\n",
    "row 3: file is empty": "file,label\na.png,cat\n ,cat\n",
    "row 2: split='later'; allowed: train, val, test": "file,label,split\na.png,cat,later\n",
    "column 'split' has 'test' but no training split": "file,label,split\na.png,cat,test\n",
    "'train', 'training' mean the same split": "file,split\na.png,train\nb.png,training\n",
    "2 columns are called 'label'; rename all but one": "file,label,label\na.png,cat,dog\n",
    "2 columns are called 'label'": "file,label, label\na.png,cat,dog\n",
    "there is a NUL byte in line 3": "file,label\na.png,cat\n\0b.png,cat\n",
    "cannot be read as a CSV": b"file,label\n\x81\x8d\xff\n",
}


@pytest.mark.parametrize("line", BAD_TABLES)
def test_a_wrong_table_says_what_is_wrong(line, tmp_path):
    with pytest.raises(ConfigError, match=line) as error:
        table(tmp_path, BAD_TABLES[line])
    assert "\n" not in str(error.value)


def test_a_split_column_of_train_alone_holds_a_share_out_and_says_so(tmp_path):
    index = table(tmp_path, "file,label,split\na.png,cat,train\nb.png,cat,Train \n")
    assert len(index.train.paths) == len(index.test.paths) == 1
    assert index.notes[-1] == "no test split is given: 1 of 2 images are held out (data.test=0.5)"


def test_rows_of_val_beside_test_are_the_validation_split_and_of_a_fourth_are_counted(tmp_path):
    text = "file,split\na.png,training\nb.png,val\nc.png,test\nd.png,val\ne.png,dev\n"
    index = table(tmp_path, text)
    assert [len(part.paths) for part in index.splits] == [1, 1, 2]
    assert "not read: 1 rows of the splits 'dev'" in index.notes


def test_rows_of_val_alone_are_the_test_split_and_that_is_told(tmp_path):
    index = table(tmp_path, "file,split\na.png,train\nb.png,val\n")
    assert index.val is None and [p.name for p in index.test.paths] == ["b.png"]
    assert "there is no test split: 'val' is read as it, so choose nothing on it" in index.notes


ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "cp1252")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_tables_of_spreadsheets_are_read_in_their_encoding(encoding, mark, tmp_path):
    text = f"file{mark}label\r\ncafé.png{mark}Bär\r\nb.png{mark}Bär\r\n"
    assert everything(tmp_path, text.encode(encoding)) == {"café.png": "Bär", "b.png": "Bär"}
    told = "t.csv is not UTF-8: read as cp1252" in table(tmp_path, text.encode(encoding)).notes
    assert told == (encoding == "cp1252")


def test_walk_and_walk_with_a_blank_are_one_class_and_missing_labels_are_counted(tmp_path):
    text = "file, label\na.png,walk\nb.png,walk \nc.png,NaN\nd.png,\ne.png, None\n"
    assert everything(tmp_path, text) == {
        "a.png": "walk", "b.png": "walk", "c.png": None, "d.png": None, "e.png": None
    }  # fmt: skip
    assert (
        "column 'label': 3 labels are unknown: 1 'NaN', 1 empty, 1 'None'"
        in table(tmp_path, text).notes
    )


def test_one_and_one_point_zero_are_one_class_and_it_is_told(tmp_path):
    text = "file,label\na.png,1\nb.png,1.0\nc.png,2\nd.png,2\n"
    assert {*everything(tmp_path, text).values()} == {"1", "2"}
    assert any("'1.0' is '1'" in note for note in table(tmp_path, text).notes)


def test_a_blank_that_belongs_to_a_file_name_is_kept(tmp_path):
    (tmp_path / " a.png").touch()
    assert [*everything(tmp_path, "file\n a.png\n b.png\n")] in (
        [" a.png", "b.png"], ["b.png", " a.png"]
    )  # fmt: skip


def test_groups_of_a_table_are_held_out_whole(tmp_path):
    rows = "".join(f"{i}.png,{'ab'[i % 2]},p{i // 4}\n" for i in range(40))
    index = table(tmp_path, "file,label,group\n" + rows)
    train, test = ({*(part.groups or [])} for part in (index.train, index.test))
    assert not train & test and len(train | test) == 10
    assert len(index.test.paths) == 20 and {*index.test.classes} == {"a", "b"}


def test_a_pipe_is_no_table(tmp_path):
    os.mkfifo(tmp_path / "t.csv")
    with pytest.raises(ConfigError, match="t.csv is a named pipe; type the path of a CSV file"):
        index_of_table(tmp_path / "t.csv", tmp_path, 0.5, Columns())
    with pytest.raises(ConfigError, match="is a folder"):
        index_of_table(tmp_path, tmp_path, 0.5, Columns())


def test_a_table_may_end_in_capitals(tmp_path):
    (tmp_path / "T.CSV").write_text("file\na.png\nb.png\n")
    assert len(index_of_table(tmp_path / "T.CSV", tmp_path, 0.5, Columns()).paths) == 2
