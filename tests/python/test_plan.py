"""Plans: explicit ones, the cache behind sparse_mm, new values, changed patterns, and who frees them."""

import copy
import gc
import pickle
import weakref

import pytest
import torch

import blackwellsparsek as bsk
from blackwellsparsek import plan_cache
from blackwellsparsek._ops import ops
from support import assert_product, bsr_of_mask, random_bsr, random_dense


def test_a_plan_explains_itself(device):
    A = random_bsr(128, 64, (64, 64), device=device)
    plan = bsk.make_plan(A, 40)
    assert plan.kernel.startswith("spmm_")
    assert plan.kernel in plan.explain() and "128 x 64" in plan.explain()
    assert plan.kernel in repr(plan)
    assert plan.predicted_seconds > 0 and plan.memory_bytes > 0


def test_a_plan_serves_new_values_of_the_same_pattern(device):
    A = random_bsr(128, 64, device=device)
    B = random_dense(64, 40, device=device)
    plan = bsk.make_plan(A, 40)
    for seed in (1, 2):
        values = random_dense(A.values().shape[0] * 16, 16, device=device, seed=seed).view(-1, 16, 16)
        other = torch.sparse_bsr_tensor(A.crow_indices(), A.col_indices(), values, size=A.shape)
        assert_product(bsk.sparse_mm(other, B, plan=plan), other, B)
        A.values().copy_(values)
        assert_product(bsk.sparse_mm(A, B, plan=plan), A, B)


def test_a_dynamic_plan_takes_new_patterns_of_equal_size(device):
    A = random_bsr(128, 64, device=device)
    B = random_dense(64, 40, device=device)
    plan = bsk.make_plan(A, 40, dynamic=True)
    blocks = torch.arange(32).view(8, 4)
    for turn in (1, 2):
        mask = (blocks * 7 + turn * 5) % 32 < A.values().shape[0]
        other = bsr_of_mask(mask, (16, 16), torch.float16, seed=turn).to(device)
        plan.replan(other)
        assert_product(bsk.sparse_mm(other, B, plan=plan), other, B)
    with pytest.raises(ValueError, match="as the plan was made for"):
        plan.replan(random_bsr(128, 64, (32, 16), device=device))
    square = bsk.BSRMatrix.from_torch(random_bsr(64, 64, device=device))
    with pytest.raises(ValueError, match=r"A\.transposed is True; expected False"):
        bsk.make_plan(square, 40, dynamic=True).replan(square.T)
    with pytest.raises(RuntimeError, match="dynamic"):
        bsk.make_plan(A, 40).replan(A)


def test_a_plan_fixes_the_layout_and_dtype_of_a_new_result(device):
    A = random_bsr(128, 64, (64, 64), device=device)
    B = random_dense(64, 40, device=device)
    plan = bsk.make_plan(A, 40, out_dtype=torch.float32, out_layout="col_major")
    C = bsk.sparse_mm(A, B, plan=plan)
    assert C.dtype is torch.float32 and C.t().is_contiguous()
    assert_product(C, A, B)


def test_the_caller_can_choose_the_kernel():
    A = random_bsr(64, 64)
    assert bsk.make_plan(A, 8, kernel="spmm_cpu").kernel == "spmm_cpu"
    with pytest.raises(RuntimeError, match=r"nonsense.*expected.*spmm_cpu"):
        bsk.make_plan(A, 8, kernel="nonsense")


def test_the_policy_is_checked_and_changes_no_result(device):
    A = random_bsr(128, 64, (16, 16), density=1.0, device=device)
    B = random_dense(64, 40, device=device)
    assert_product(bsk.sparse_mm(A, B, plan=bsk.make_plan(A, 40, policy="auto")), A, B)
    with pytest.raises(ValueError, match=r"dense.*sparse.*auto"):
        bsk.make_plan(A, 40, policy="dense")


@pytest.mark.parametrize("policy", ["sparse", "auto"])
@pytest.mark.parametrize("transposed", [False, True])
def test_a_plan_of_fixed_values_is_for_those_alone(device, policy, transposed):
    A = bsk.BSRMatrix.from_torch(random_bsr(512, 512, (16, 16), density=0.9, device=device))
    A = A.T if transposed else A
    B = random_dense(512, 512, device=device)
    plan = bsk.make_plan(A, 512, policy=policy, fixed_values=True)
    for _ in range(2):
        assert_product(bsk.sparse_mm(A, B, plan=plan), A.to_torch(), B)
    with pytest.raises(ValueError, match="values are not those that the plan was made from"):
        bsk.sparse_mm(A.with_values(A.values.clone()), B, plan=plan)
    A.values.mul_(2)
    with pytest.raises(ValueError, match="were changed since"):
        bsk.sparse_mm(A, B, plan=plan)
    again = bsk.make_plan(A, 512, policy=policy, fixed_values=True)
    assert_product(bsk.sparse_mm(A, B, plan=again), A.to_torch(), B)


def test_fixed_values_are_known_by_strides_and_dtype_too(device):
    A = bsk.BSRMatrix.from_torch(random_bsr(128, 64, device=device))
    B = random_dense(64, 40, device=device)
    plan = bsk.make_plan(A, 40, fixed_values=True)
    with pytest.raises(ValueError, match="values are not those"):
        bsk.sparse_mm(A.with_values(A.values.transpose(1, 2)), B, plan=plan)
    with torch.autocast(device, torch.bfloat16), pytest.raises(ValueError, match="by autocast or else"):
        bsk.sparse_mm(A, B, plan=plan)


def test_fixed_values_may_be_views_require_gradients_and_not_be_contiguous(device):
    A = random_bsr(128, 64, device=device)
    B = random_dense(64, 40, device=device)
    plan = bsk.make_plan(A, 40, fixed_values=True)
    assert_product(bsk.sparse_mm(A, B, plan=plan), A, B)  # A.values() is another view each time
    with torch.inference_mode():
        assert_product(bsk.sparse_mm(A, B, plan=plan), A, B)
    matrix = bsk.BSRMatrix.from_torch(A)
    turned = matrix.with_values(matrix.values.transpose(1, 2).contiguous().transpose(1, 2).requires_grad_())
    assert not turned.values.is_contiguous()
    plan = bsk.make_plan(turned, 40, fixed_values=True)
    with torch.no_grad():
        assert_product(bsk.sparse_mm(turned, B, plan=plan), A, B)


def test_blocks_that_each_call_copies_have_no_fixed_values(device):
    A = random_bsr(128, 64, device=device)
    by_columns = A.to_sparse_bsc((16, 16))
    for plan in (bsk.make_plan, bsk.autotune):
        with pytest.raises(ValueError, match=r"torch\.sparse_bsc.*BSRMatrix\.from_torch"):
            plan(by_columns, 40, fixed_values=True)
    kept = bsk.BSRMatrix.from_torch(by_columns)
    B = random_dense(64, 40, device=device)
    assert_product(bsk.sparse_mm(kept, B, plan=bsk.make_plan(kept, 40, fixed_values=True)), A, B)


def test_a_plan_keeps_fixed_values_alive(device):
    A = random_bsr(128, 64, device=device)
    plan = bsk.make_plan(A, 40, fixed_values=True)
    values = weakref.ref(A.values().untyped_storage())
    del A
    gc.collect()
    assert values() is not None, "another matrix could get their place"
    del plan
    gc.collect()
    assert values() is None


def test_cublas_on_fixed_values_expands_them_once(device):
    if device == "cpu":
        pytest.skip("cuBLAS runs on CUDA")
    A = random_bsr(512, 512, density=0.9, device=device)
    B = random_dense(512, 512, device=device)
    fixed, each = (
        bsk.make_plan(A, 512, kernel="dense_cublas", policy="auto", fixed_values=fixed)
        for fixed in (True, False)
    )
    assert fixed.memory_bytes >= each.memory_bytes + 2 * 512 * 512
    assert fixed.predicted_seconds < each.predicted_seconds
    assert "once" in fixed.explain() and "in every product" in each.explain()
    assert torch.equal(bsk.sparse_mm(A, B, plan=fixed), bsk.sparse_mm(A, B, plan=each))


def test_a_dynamic_plan_has_no_fixed_values():
    with pytest.raises(ValueError, match="dynamic and fixed_values are both True"):
        bsk.make_plan(random_bsr(64, 64), 8, dynamic=True, fixed_values=True)


@pytest.mark.parametrize(
    "operand, complaint",
    [
        (lambda A: random_dense(64, 41), "41"),
        (lambda A: random_dense(40, 64).t(), "strides"),
        (lambda A: random_dense(64, 48)[:, :40], "strides"),
    ],
)
def test_a_plan_for_another_b_is_refused(operand, complaint):
    A = random_bsr(128, 64)
    plan = bsk.make_plan(A, 40)
    with pytest.raises((RuntimeError, ValueError), match=complaint):
        bsk.sparse_mm(A, operand(A), plan=plan)


def test_a_plan_for_another_number_of_blocks_is_refused():
    A, other = random_bsr(128, 64), random_bsr(128, 64, density=0.9)
    plan = bsk.make_plan(A, 40)
    with pytest.raises(RuntimeError, match="values"):
        bsk.sparse_mm(other, random_dense(64, 40), plan=plan)


def test_layout_names_are_checked():
    with pytest.raises(ValueError, match="b_layout"):
        bsk.make_plan(random_bsr(64, 64), 8, b_layout="fortran")


def count_plans(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    made = []
    make_plan = ops.make_plan

    def counting(*arguments):
        made.append(make_plan(*arguments))
        return made[-1]

    monkeypatch.setattr(ops, "make_plan", counting)
    return made


def test_one_plan_per_shape_and_layout(monkeypatch):
    made = count_plans(monkeypatch)
    A = random_bsr(128, 64)
    for _ in range(3):
        bsk.sparse_mm(A, random_dense(64, 40))
    assert len(made) == 1
    bsk.sparse_mm(A, random_dense(64, 24))
    bsk.sparse_mm(A, random_dense(40, 64).t())
    bsk.sparse_mm(A, random_dense(64, 40), out_dtype=torch.float32)
    assert len(made) == 4


def test_new_values_keep_the_plan_and_a_new_pattern_does_not(monkeypatch, device):
    made = count_plans(monkeypatch)
    A = bsr_of_mask(torch.tensor([[1, 0, 0], [0, 1, 1]], dtype=torch.bool), (16, 16), torch.float16).to(
        device
    )
    B = random_dense(48, 24, device=device)
    assert_product(bsk.sparse_mm(A, B), A, B)
    A.values().mul_(2)
    assert_product(bsk.sparse_mm(A, B), A, B)
    assert len(made) == 1
    A.col_indices()[0] = 2
    assert_product(bsk.sparse_mm(A, B), A, B)
    A.crow_indices()[1] = 2
    A.col_indices().copy_(torch.tensor([0, 1, 2]))
    assert_product(bsk.sparse_mm(A, B), A, B)
    assert len(made) == 3


def test_the_cache_is_bounded(monkeypatch):
    freed = []
    free_plan = ops.free_plan
    monkeypatch.setattr(ops, "free_plan", lambda number: (freed.append(number), free_plan(number)))
    A = random_bsr(64, 64)
    count = plan_cache._PLANS_PER_PATTERN + 8
    for n in range(1, count + 1):
        B = random_dense(64, n)
        assert_product(bsk.sparse_mm(A, B), A, B)
    gc.collect()
    assert len(freed) == 8


def test_plans_go_with_their_pattern(device):
    gc.collect()
    before = len(plan_cache._patterns)
    A = random_bsr(64, 64, device=device)
    bsk.sparse_mm(A, random_dense(64, 8, device=device))
    assert len(plan_cache._patterns) == before + 1
    pattern = next(reversed(plan_cache._patterns.values()))
    (plan,) = pattern.plans.values()
    number = plan.number
    assert ops.describe_plan(number)[1]
    indices = A.crow_indices()
    del A, plan, pattern
    gc.collect()
    assert len(plan_cache._patterns) == before, "col_indices are gone, so the pattern is"
    del indices
    with pytest.raises(RuntimeError, match="does not exist"):
        ops.describe_plan(number)


def test_aliases_of_index_tensors_find_the_plan(monkeypatch, device):
    made = count_plans(monkeypatch)
    A = bsk.BSRMatrix.from_torch(random_bsr(64, 64, device=device))
    B = random_dense(64, 8, device=device)
    bsk.sparse_mm(A, B)
    alias = bsk.BSRMatrix(A.crow_indices.detach(), A.col_indices.view(-1), A.values * 2, A.shape)
    assert_product(bsk.sparse_mm(alias, B), alias.to_torch(), B)
    assert len(made) == 1


def test_patterns_that_begin_at_the_same_address_have_plans_of_their_own(device):
    A = bsk.BSRMatrix.from_torch(random_bsr(128, 64, device=device))
    B = random_dense(64, 8, device=device)
    bsk.sparse_mm(A, B)
    nnzb = int(A.crow_indices[4])
    upper = bsk.BSRMatrix(A.crow_indices[:5], A.col_indices[:nnzb], A.values[:nnzb], (64, 64))
    assert_product(bsk.sparse_mm(upper, B), upper.to_torch(), B)

    pairs = torch.tensor([[0, 0], [2, 0]], device=device)  # columns 0 and 2, or 0 and 0, by their stride
    crow_indices = torch.tensor([0, 1, 2, 2, 2], device=device)
    for col_indices in (pairs[:, 0], pairs.view(-1)[:2]):
        strided = bsk.BSRMatrix(crow_indices, col_indices, A.values[:2], (64, 64))
        assert_product(bsk.sparse_mm(strided, B), strided.to_torch(), B)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_plan_is_not_duplicated(duplicate):
    with pytest.raises(TypeError, match="neither copied nor pickled"):
        duplicate(bsk.make_plan(random_bsr(64, 64), 8))


def test_values_with_strides_of_their_own(device):
    A = bsk.BSRMatrix.from_torch(random_bsr(64, 64, device=device))
    B = random_dense(64, 8, device=device)
    flipped = A.with_values(A.values.transpose(1, 2))
    same = A.with_values(flipped.values.contiguous()).to_torch()
    assert_product(bsk.sparse_mm(flipped, B), same, B)
    assert_product(bsk.sparse_mm(flipped, B, plan=bsk.make_plan(A, 8)), same, B)


@pytest.mark.parametrize("with_plan", [False, True])
def test_debug_mode_detects_a_pattern_changed_behind_a_plan(device, with_plan):
    A = bsk.BSRMatrix.from_dense(torch.eye(64, device=device).half(), (16, 16))
    B = random_dense(64, 8, device=device)
    plan = bsk.make_plan(A, 8) if with_plan else None
    bsk.sparse_mm(A, B, plan=plan)
    A.col_indices.data[0] = 1  # torch does not count this change
    bsk.set_debug(True)
    try:
        with pytest.raises(RuntimeError, match="col_indices are not what the plan was made for"):
            bsk.sparse_mm(A, B, plan=plan)
        A.col_indices.data[0] = 0
        assert_product(bsk.sparse_mm(A, B, plan=plan), A.to_torch(), B)
    finally:
        bsk.set_debug(False)


def test_a_plan_of_the_transpose(device):
    A = bsk.BSRMatrix.from_torch(random_bsr(64, 64, device=device))
    B = random_dense(64, 8, device=device)
    plan = bsk.make_plan(A.T, 8)
    assert_product(bsk.sparse_mm(A.T, B, plan=plan), A.T.to_torch(), B)
    with pytest.raises(ValueError, match="plan is for the transpose"):
        bsk.sparse_mm(A, B, plan=plan)
