"""Where samples and views come from."""
