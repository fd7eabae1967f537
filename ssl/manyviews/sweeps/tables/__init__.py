"""Tables of figures: measured again, and compared with what is expected."""
