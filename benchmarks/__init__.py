"""One file is one question, each asked of pellucid and of named peers in the same run.

A question's file has a function `ask(setting)`; `python -m benchmarks.run` finds it because it lies
here. Nothing in this folder may import torch, numpy or pellucid into the measuring process: on
Linux a child's peak memory starts at that of the process that starts it.
"""
