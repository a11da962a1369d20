"""Codecs: the contract, the table of names, and one module per family."""
