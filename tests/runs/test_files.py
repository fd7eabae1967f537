from pathlib import Path

from manyviews.runs.files import read_records


def test_records_are_read_without_torn_lines_and_what_is_no_record():
    file = Path("metrics.jsonl")
    assert [*read_records(file)] == []
    file.write_bytes(b'{"a": 1}\n[1]\n{"b": 2}\n{"a": 3}\n{"a": 4')
    assert [*read_records(file)] == [{"a": 1}, {"b": 2}, {"a": 3}]
    assert [*read_records(file, holding='"a"')] == [{"a": 1}, {"a": 3}]
    assert [*read_records(file, end=20)] == [{"a": 3}]
    assert [*read_records(file, end=10**6)] == [*read_records(file)]
