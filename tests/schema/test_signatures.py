"""Signatures read from source files are those of the imported objects."""

import importlib
import typing

import pytest

from manyviews.schema import keys, signatures

OBJECTS = {"run", "logger", "params", "backbone", "samples"}  # parameters that no config sets


def names():
    """All public names whose signatures are read from their source files."""
    for room in signatures.READ_FROM_SOURCE:
        module = importlib.import_module(room)
        for name in getattr(module, "__all__", ("build_trainer",)):
            if name not in ("Backbone", "Features"):  # no config can build these
                yield f"{room}.{name}"


@pytest.mark.parametrize("name", [*names()])
def test_a_signature_read_from_its_file_is_that_of_the_object(name):
    room, _, short = name.rpartition(".")
    read = signatures.read(name)
    inspected = signatures.inspected(getattr(importlib.import_module(room), short))
    passed = {a for group in keys.PASSED.values() for a in group} | {*read.trained_first} | OBJECTS
    assert read[1:] == inspected[1:]
    assert [*read.hints] == [*inspected.hints]
    for parameter, hint in inspected.hints.items():
        if parameter not in passed:
            assert read.hints[parameter] == hint
            assert hint is not typing.Any


def test_every_method_says_what_it_needs_in_a_way_that_can_be_read():
    assert signatures.read("manyviews.methods.Rebar").trained_first == {
        "retriever": "rebar_retriever"
    }
    assert "classes" in signatures.read("manyviews.methods.Hydra").needs
