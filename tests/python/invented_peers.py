"""A small case for tests of the benchmark, and a peer that is right about it."""

import torch

from blackwellsparsek.benchmarking.cases import CaseSpec
from blackwellsparsek.benchmarking.implementations import Implementation

CPU = torch.device("cpu")
SPEC = CaseSpec(128, 96, 16, 0.5, "float32", "uniform")


class Dense(Implementation):
    """The right product, by PyTorch."""

    needs_cuda = False

    def launch(self):
        return torch.mm(self.problem.dense, self.problem.B, out=self.problem.out)
