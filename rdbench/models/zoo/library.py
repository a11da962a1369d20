"""CompressAI, imported without its warnings.

Whatever part is asked for, its package imports all of itself, with torchvision and torch_geometric:
some 4 s and 280 MB in addition to torch.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from compressai import ans, entropy_models, layers, models
    from compressai._CXX import pmf_to_quantized_cdf
    from compressai.zoo import load_state_dict as rename_keys

__all__ = ["ans", "entropy_models", "layers", "models", "pmf_to_quantized_cdf", "rename_keys"]
