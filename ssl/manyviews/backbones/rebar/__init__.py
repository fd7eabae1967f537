"""REBAR's cross-attention net, and the distances between windows that it measures."""
