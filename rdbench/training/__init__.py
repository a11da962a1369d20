"""Training of the learned codecs: from a TOML file to files of weights.

``configuration`` defines what is trained, ``family`` carries it out, and ``member`` trains one
network of it with the ``trainers`` of its architecture. Only ``configuration_file`` imports no
torch.
"""
