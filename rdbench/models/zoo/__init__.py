"""The image architectures of CompressAI as image coders: its networks, its weights, its coder.

CompressAI decides probabilities in float32 by whatever kernels and threads there are, so that its
strings need not decode on another machine. Here they are decided in float64 on the CPU and by
portable tables; transforms, tables and coder are otherwise CompressAI's, and so is the rate.
"""
