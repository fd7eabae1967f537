"""Read the records of an offline W&B run: a log in LevelDB's format, of blocks of 32 KiB."""

import json
import struct
import time

from wandb.proto import wandb_internal_pb2

HEADER, BLOCK = 7, 32768  # bytes
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def records(file):
    """Every record of a .wandb file, in the order in which they were written."""
    content, at, parts = file.read_bytes(), HEADER, b""
    while at + HEADER <= len(content):
        if BLOCK - at % BLOCK < HEADER:  # too short for a header: the rest of a block is empty
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", content, at)
        at += HEADER
        parts += content[at : at + length]
        at += length
        if kind in (WHOLE, LAST):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(parts)
            yield record
            parts = b""


def finished(file, patience=30.0):
    """Wait until W&B's process has written the record that ends a run; it does so on its own."""
    until = time.monotonic() + patience
    while not any(record.HasField("exit") for record in records(file)):
        assert time.monotonic() < until, f"{file} has no end"
        time.sleep(0.05)
    return file


def history(file):
    """The logged values of each call of log of a finished run, by name."""
    for record in records(finished(file)):
        if record.HasField("history"):
            yield {
                "/".join(item.nested_key) or item.key: json.loads(item.value_json)
                for item in record.history.item
            }
