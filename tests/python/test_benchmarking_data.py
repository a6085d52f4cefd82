"""What the benchmark multiplies, and the oracle that judges products."""

import numpy as np
import pytest
import torch
from invented_peers import CPU, SPEC

from blackwellsparsek.benchmarking.as_before import even_rows
from blackwellsparsek.benchmarking.cases import BOUND, CaseSpec, Oracle, Problem, make_specs
from blackwellsparsek.benchmarking.patterns import PATTERNS, block_mask


def test_cases_are_every_combination_square_unless_n_is_given():
    specs = make_specs([128, 256], [0.5, 0.9], [16, 32], ["float16"], ["uniform", "banded"], [])
    assert len(specs) == len(set(specs)) == 16
    assert all(spec.n == spec.size for spec in specs)
    assert [spec.n for spec in make_specs([128], [0.5], [16], ["float16"], ["uniform"], [8, 64])] == [8, 64]


@pytest.mark.parametrize(("size", "sparsity", "words"), [(100, 0.5, "multiple"), (128, 1.0, "sparsity")])
def test_impossible_cases_are_refused_in_words(size, sparsity, words):
    with pytest.raises(ValueError, match=words):
        CaseSpec(size, 64, 16, sparsity, "float16", "uniform")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_case_tells_what_was_generated(pattern):
    problem = Problem(CaseSpec(256, 32, 16, 0.7, "float32", pattern), CPU)
    stored = problem.A.values().shape[0]
    assert problem.case.nnzb == stored > 0
    assert problem.case.density == stored / 16**2
    blocks = problem.dense.view(16, 16, 16, 16).abs().amax(dim=(1, 3)) > 0
    assert torch.equal(blocks, torch.from_numpy(block_mask(pattern, 16, 0.3, np.random.default_rng(1))))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_products_are_of_order_one_so_that_the_bound_has_a_meaning(dtype):
    problem = Problem(CaseSpec(512, 64, 16, 0.78, dtype, "uniform"), CPU)
    product = problem.dense.float() @ problem.B.float()
    assert 0.7 < product.abs().max().item() < 2
    rounded = product.to(problem.dtype)
    error, wrong = problem.oracle.judge(rounded)
    assert wrong is None
    assert error.max_diff < BOUND / 2


def test_blocked_ell_and_2to4_hold_what_they_say():
    problem = Problem(CaseSpec(256, 16, 32, 0.6, "float16", "power_law"), CPU)
    ell = problem.blocked_ell
    dense = torch.zeros(8, 32, 8, 32, dtype=torch.float16)
    for row in range(8):
        for slot in range(ell.width):
            block = ell.values.view(8, 32, ell.width, 32)[row, :, slot]
            if ell.indices[row, slot] >= 0:
                dense[row, :, ell.indices[row, slot]] = block
            else:
                assert not block.any()
    assert torch.equal(dense.view(256, 256), problem.dense)
    assert torch.equal(ell.to_dense(256), problem.dense)
    assert ((problem.two_to_four.view(256, -1, 4) != 0).sum(-1) <= 2).all()
    assert (problem.two_to_four != 0).float().mean() > 0.49


def test_rows_of_equal_length_are_the_mean_of_the_case():
    problem = Problem(CaseSpec(256, 16, 32, 0.6, "float16", "power_law"), CPU)
    even = even_rows(problem)
    assert even.width == 3 and (even.indices.diff(dim=1) > 0).all()
    stored = even.to_dense(256).view(8, 32, 8, 32).abs().amax(dim=(1, 3)) > 0
    assert torch.equal(stored, torch.zeros(8, 8, dtype=torch.bool).scatter(1, even.indices.long(), True))


def test_one_wrong_element_anywhere_is_found_if_it_is_not_finite():
    problem = Problem(SPEC, CPU)
    right = problem.dense @ problem.B
    assert problem.oracle.judge(right)[1] is None
    for place in ((0, 0), (127, 95), (64, 3)):
        wrong = right.clone()
        wrong[place] = float("inf")
        assert problem.oracle.judge(wrong) == (None, "The result holds NaN or infinity.")


def test_a_result_that_is_slightly_off_everywhere_is_wrong():
    problem = Problem(SPEC, CPU)
    right = problem.dense @ problem.B
    error, wrong = problem.oracle.judge(right * 1.006)
    assert error.max_diff < BOUND
    assert "relative error" in wrong


def test_the_oracle_judges_by_sums_in_double_precision():
    a = (
        torch.cat([torch.full((1, 2048), 1.0), torch.full((1, 1), 2.0**-11).expand(1, 2048)])
        .half()
        .t()
        .contiguous()
    )
    oracle = Oracle(a, torch.ones(2, 8, dtype=torch.float16), seed=1)
    assert oracle._expected.unique().tolist() == [1 + 2.0**-11]
