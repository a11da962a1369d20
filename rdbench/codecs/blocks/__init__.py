"""Transform coding of 8×8 blocks as textbooks have it, with the DCT or the image's own KLT: small
codecs to learn from, and to hold others against."""
