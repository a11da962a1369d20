"""Trained networks as image coders: transforms, entropy models and streams put together."""
