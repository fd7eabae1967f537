"""The error of a measure that has no value for some features."""


class Undefined(ValueError):
    """A measure has no value for these features; the message says why, as a sentence."""
