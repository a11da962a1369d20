"""Mistakes that type checkers must find, one in each line that says so, and no other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import rdbench


class Half(rdbench.Codec):
    name = "half"
    parameter = "step"
    ladder = ("16", "4")  # wrong

    def encode(self, image: NDArray[np.uint8]) -> str:  # wrong
        return str(image)

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        return np.frombuffer(data, np.uint8)


rdbench.run(codecs=[Half], datasets="photos", metric_names=["psnr_db"])  # wrong
rdbench.run(codecs=[int], datasets="photos")  # wrong
rdbench.run(codecs="jpeg", datasets="photos", jobs="2")  # wrong
rdbench.runn(codecs="jpeg")  # wrong
rdbench.score("photos", "decoded", point="50")  # wrong
rdbench.rescore("mine")  # wrong
rdbench.merge("mine", out=3)  # wrong
rdbench.load("mine", color="rgb")  # wrong
rdbench.bd_table("mine", anchor="jpeg", metric="psnr_db")  # wrong
rdbench.bd_table("mine", anchor="jpeg").to_fram()  # wrong
rdbench.plot_rd("mine", x_limits=1.0)  # wrong
rdbench.check("mine")  # wrong
rdbench.conformance(3)  # wrong
rdbench.reproduce("lee2019-table", measure=False)  # wrong
rdbench.import_("bpg.json", images="24")  # wrong
rdbench.train("balle2018-small", step=100)  # wrong
rdbench.Limits(job=1)  # wrong
rdbench.Option("C", meaning=3)  # wrong
print(rdbench.run("quickstart").row)  # wrong
print(rdbench.run("quickstart").rows[0].psnr)  # wrong
