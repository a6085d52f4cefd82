"""autotune: the fastest kernel, remembered; a broken or foreign cache never hurts."""

import json

import pytest
import torch

import blackwellsparsek as bsk
from blackwellsparsek import tuning
from support import assert_product, random_bsr, random_dense


@pytest.fixture
def cache(tmp_path, monkeypatch):
    path = tmp_path / "cache" / "autotune.json"
    monkeypatch.setenv("BSK_AUTOTUNE_CACHE", str(path))
    return path


def forbid_measuring(monkeypatch):
    def refuse(*_):
        raise AssertionError("autotune measured again")

    monkeypatch.setattr(tuning, "_fastest", refuse)


@pytest.mark.parametrize("b_layout", ["row_major", "col_major"])
def test_the_plan_multiplies_and_the_choice_is_remembered(device, cache, monkeypatch, b_layout):
    A = random_bsr(128, 64, device=device)
    plan = bsk.autotune(A, 40, b_layout=b_layout)
    B = (
        random_dense(64, 40, device=device)
        if b_layout == "row_major"
        else random_dense(40, 64, device=device).t()
    )
    assert_product(bsk.sparse_mm(A, B, plan=plan), A, B)
    content = json.loads(cache.read_text())
    assert list(content["choices"].values()) == [plan.kernel]
    forbid_measuring(monkeypatch)
    assert bsk.autotune(A, 40, b_layout=b_layout).kernel == plan.kernel


def test_another_pattern_or_shape_is_another_entry(device, cache):
    A = random_bsr(128, 64, device=device, seed=1)
    for matrix, n in ((A, 40), (A, 48), (random_bsr(128, 64, device=device, seed=2), 40)):
        bsk.autotune(matrix, n)
    assert bsk.autotune(A, 40, fixed_values=True).fixed_values
    assert len(json.loads(cache.read_text())["choices"]) == 4


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[1, 2]",
        b'{"schema": "else/1"}',
        b'{"schema": "bsk.autotune/1", "choices": 3}',
    ],
)
def test_a_corrupt_or_foreign_cache_is_left_alone_with_a_warning(device, cache, content):
    cache.parent.mkdir()
    cache.write_bytes(content)
    A = random_bsr(64, 64, device=device)
    with pytest.warns(UserWarning, match="ignored"):
        plan = bsk.autotune(A, 16)
    B = random_dense(64, 16, device=device)
    assert_product(bsk.sparse_mm(A, B, plan=plan), A, B)
    assert cache.read_bytes() == content


def test_an_unknown_kernel_in_the_cache_is_measured_anew(device, cache):
    A = random_bsr(64, 64, device=device)
    kernel = bsk.autotune(A, 16).kernel
    content = json.loads(cache.read_text())
    content["choices"] = dict.fromkeys(content["choices"], "spmm_of_another_version")
    cache.write_text(json.dumps(content))
    with pytest.warns(UserWarning, match="spmm_of_another_version"):
        bsk.autotune(A, 16)
    assert list(json.loads(cache.read_text())["choices"]) == list(content["choices"])
    assert kernel.startswith("spmm_")


def test_a_cache_that_cannot_be_written_costs_only_a_warning(device, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BSK_AUTOTUNE_CACHE", str(tmp_path / "file" / "autotune.json"))
    with pytest.warns(UserWarning, match="ignored|not kept"):
        plan = bsk.autotune(random_bsr(64, 64, device=device), 16)
    assert plan.n == 16


def test_wrong_arguments_are_refused_before_anything_is_measured(cache):
    with pytest.raises(TypeError, match=r"torch\.sparse_bsr"):
        bsk.autotune(torch.ones(4, 4), 4)
    with pytest.raises(ValueError, match="policy"):
        bsk.autotune(random_bsr(64, 64), 4, policy="fastest")
    assert not cache.exists()
