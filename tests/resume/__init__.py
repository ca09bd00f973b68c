"""Searches that are killed and resumed, compared bit for bit with one that is not.

Every run is tools/train.py on a small version of the digits config, in processes
of its own that get a real SIGKILL (in the writing of a file: the signal of a limit
on its size, which stops a process in the midst of a system call just as abruptly).

    make resume-matrix                       all cells, in less than 25 minutes
    make resume-kills                        one search, killed 50 times
    python -m tests.resume --list            the names of the cells
    python -m tests.resume 'fixed-*'         some of them
    python -m tests.resume --kills 5 2-fp32-2

A cell is named POINT-RANKS-PRECISION-WORKERS, e.g. finetune-start-2-bf16-0: killed
at the start of the finetune stage, 2 ranks (gloo), bf16 with gradients accumulated
over 2 batches, no data workers. Weights are averaged (EMA) in three of the four
combinations of precision and workers; the fourth computes BatchNorm statistics anew
for validations and validates sampled paths. All have shuffling, augmentation,
dropout, momentum, Adam for alpha, a cosine by iteration, and early fixing.

Compared with the run of the same setting that was not killed: every tensor and value
of every checkpoint that is left, of subnet.pth and subnet.yaml, the names of all
files, and every value that was logged. Times and paths may differ. The exit code is
1 if anything differs, and the folders of the runs are kept then.
"""
