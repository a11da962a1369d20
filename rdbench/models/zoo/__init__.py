"""The image architectures of CompressAI as image coders: its networks, its weights, its coder.

CompressAI computes probabilities in float32 with whatever kernels and threads there are, so its
strings may not decode on another machine. Here probabilities are computed in float64 on the CPU and
come from portable tables. Transforms, tables and coder are otherwise CompressAI's, and so is the
rate.
"""
