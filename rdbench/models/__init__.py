"""Learned image codecs: entropy coding and streams first, networks on top; no harness."""
