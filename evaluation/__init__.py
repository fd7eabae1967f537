"""How good a representation is: protocols on frozen features."""
