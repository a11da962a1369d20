"""Textbook transform coding of 8×8 blocks, with the DCT or the image's own KLT: small codecs to
learn from, and to compare others with."""
