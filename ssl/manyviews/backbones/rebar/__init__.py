"""REBAR's cross-attention net and the distances that it measures."""
