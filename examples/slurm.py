"""Measure on the nodes of a SLURM cluster, as many as there is work for.

    python slurm.py experiment.toml --account ACCOUNT --partition PARTITION

It runs where jobs are submitted, and asks SLURM for workers by itself (dask-jobqueue). rdbench, of
this same version, must be in the Python that SLURM's jobs start, which is this one by default, and
the experiment's codecs, weights and images on a file system that all nodes share. Stopped in
whatever way, the same command goes on from what was measured.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from dask_jobqueue import SLURMCluster
from dask_jobqueue.local import LocalCluster

import rdbench


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("experiment", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--account")
    parser.add_argument("--partition")
    parser.add_argument("--most", type=int, default=64, help="SLURM's jobs at once [default: 64]")
    parser.add_argument(
        "--here", action="store_true", help="processes of this machine in place of SLURM's jobs"
    )
    given = parser.parse_args()
    # A job of SLURM is one worker of one thread, so that times mean what they do elsewhere; a node
    # that is not the job's alone is shared all the same, which column `timing` cannot know.
    job = {"cores": 1, "processes": 1, "memory": "4 GB", "local_directory": "/tmp"}  # noqa: S108
    if given.here:
        cluster = LocalCluster(**job)
    else:
        cluster = SLURMCluster(
            **job, account=given.account, queue=given.partition, walltime="04:00:00"
        )
    with cluster:
        cluster.adapt(minimum_jobs=1, maximum_jobs=given.most)
        outcome = rdbench.run(
            given.experiment,
            out=given.out,
            scheduler=cluster.scheduler_address,
            shared_data=True,
            say=print,
        )
    print(f"{outcome.measured} measured into {outcome.path}, {len(outcome.failures)} failed")


if __name__ == "__main__":
    main()
