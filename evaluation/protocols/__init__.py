"""Protocols: each turns frozen features into an answer for every test item."""
