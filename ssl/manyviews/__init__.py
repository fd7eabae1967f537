"""manyviews: self-supervised representation learning whose numbers are proven."""

__version__ = "0.1.0"
