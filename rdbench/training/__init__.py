"""Training of the learned codecs: from a TOML file to files of weights.

``configuration`` says what is trained and imports no torch; ``family`` carries it out, member by
member.
"""
