"""explain: what it says is what the products and their gradients then do."""

import pytest
import torch

import blackwellsparsek as bsk
from blackwellsparsek import plan_cache
from support import random_bsr, random_dense


def matrix(device: str, transposed: bool = False) -> bsk.BSRMatrix:
    """256 x 128, of values that require a gradient."""
    A = bsk.BSRMatrix.from_torch(random_bsr(*((128, 256) if transposed else (256, 128)), (64, 64)).to(device))
    A.values.requires_grad_()
    return A.T if transposed else A


def explanations(A: bsk.BSRMatrix) -> set[str]:
    """Of the plans that products with the pattern of `A` have made."""
    places = {A.crow_indices.data_ptr(), A.col_indices.data_ptr()}
    patterns = [pattern for place, pattern in plan_cache._patterns.items() if places <= set(place[:2])]
    return {plan.explain() for pattern in patterns for plan in pattern.plans.values()}


@pytest.mark.parametrize("transposed", [False, True])
def test_the_gradients_are_planned_as_explained(device, transposed):
    A = matrix(device, transposed)
    B = random_dense(128, 96, device=device).requires_grad_()
    C = bsk.sparse_mm(A, B)
    C.backward(random_dense(256, 96, device=device, seed=3))
    said = bsk.explain(A, 96, "gradients").removeprefix("The gradient of B:\n")
    sections = said.split("\nThe gradient of A's values:\n")
    assert {bsk.explain(A, 96), *sections} == explanations(A)


@pytest.mark.parametrize("transposed", [False, True])
def test_sampled_products_are_planned_as_explained(device, transposed):
    pattern = matrix(device, transposed)
    bsk.sampled_matmul(random_dense(256, 40, device=device), random_dense(40, 128, device=device), pattern)
    assert {bsk.explain(pattern, 40, "sampled_matmul")} == explanations(pattern)


def test_the_forms_of_an_unstructured_matrix_are_named():
    dense = torch.zeros(300, 420)
    dense[:37, :50] = dense[-20:, -30:] = 1
    csr = dense.to_sparse_csr()
    text = bsk.explain(csr, 64)
    assert "300 x 420 with 2450 nonzeros, in no blocks" in text
    for form in ("blocks of 16", "blocks of 32", "blocks of 64", "blocks of 128", "dense"):
        assert form in text
    fastest = text.splitlines()[1].split("  ")[1].strip()
    assert f"{fastest} are fastest" in text.lower() or "dense product is fastest" in text
    assert "sddmm_cpu" in bsk.explain(csr, 64, "gradients")


def test_what_cannot_be_explained_is_refused():
    A = random_bsr(64, 64)
    with pytest.raises(ValueError, match="product is 'sddmm'; expected"):
        bsk.explain(A, 8, "sddmm")
    with pytest.raises(TypeError, match="to_sparse_bsr"):
        bsk.explain(A.to_dense().to_sparse_csr(), 8, "sampled_matmul")
