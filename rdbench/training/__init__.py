"""Training of the learned codecs: from a TOML file to files of weights.

``configuration`` says what is trained, ``family`` carries it out, ``member`` trains one network of
it with the ``trainers`` of its architecture. ``configuration_file`` alone imports no torch.
"""
