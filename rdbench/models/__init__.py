"""Learned image codecs: entropy coding, streams, and the networks on top; no harness."""
