"""Time series: recordings, the windows cut from them, and the files that they come from."""
