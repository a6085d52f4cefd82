"""Files: round trips, what the C++ command line writes, and refusals that name the line or field."""

import json
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.sparse
import torch
from safetensors.torch import save_file

import blackwellsparsek as bsk
from support import bsr_of_mask, random_bsr


def assert_same(got: torch.Tensor, expected: torch.Tensor) -> None:
    assert got.layout is torch.sparse_bsr and got.shape == expected.shape and got.dtype is expected.dtype
    assert got.crow_indices().tolist() == expected.crow_indices().tolist()
    assert got.col_indices().tolist() == expected.col_indices().tolist()
    assert torch.equal(got.values(), expected.values())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("suffix", [".mtx", ".npz", ".safetensors"])
@pytest.mark.parametrize("density", [0.4, 0.0])
def test_round_trip(tmp_path, suffix, dtype, density):
    A = random_bsr(96, 128, (16, 32), density, dtype)
    path = tmp_path / f"a{suffix}"
    bsk.save(path, A)
    assert_same(bsk.load(path, block=(16, 32), dtype=dtype), A)
    assert [file.name for file in tmp_path.iterdir()] == [path.name], "a temporary file was left"


def test_scipy_conversion_keeps_the_blocks_with_a_nonzero():
    dense = np.zeros((32, 48), dtype=np.float32)
    dense[3, 20], dense[17, 47] = 1.5, -2.0
    csr = scipy.sparse.csr_matrix(dense)
    csr[0, 0] = 0.0  # stored, yet no nonzero
    A = bsk.from_scipy(csr, (16, 16))
    assert A.crow_indices().tolist() == [0, 1, 2] and A.col_indices().tolist() == [1, 2]
    assert np.array_equal(A.to_dense().float().numpy(), dense)
    assert np.array_equal(bsk.to_scipy(A).toarray(), dense)


def test_ragged_sizes_are_padded():
    A = bsk.from_scipy(scipy.sparse.csr_matrix(np.ones((20, 33))), (16, 32), torch.float32)
    assert A.shape == (32, 64)
    assert A.to_dense().sum() == 20 * 33


def test_unsorted_and_duplicate_entries():
    coo = scipy.sparse.coo_matrix(([1.0, 2.0, 4.0], ([0, 0, 0], [20, 3, 20])), shape=(16, 32))
    dense = bsk.from_scipy(coo, (16, 16)).to_dense()
    assert dense[0, 20] == 5 and dense[0, 3] == 2


def test_saving_moves_from_the_gpu(tmp_path, device):
    A = random_bsr(64, 64, device=device)
    bsk.save(tmp_path / "a.safetensors", A)
    assert_same(bsk.load(tmp_path / "a.safetensors"), A.cpu())


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    bsk.save(path, random_bsr(32, 32))
    before = path.read_bytes()

    def failing(file, matrix):
        Path(file).write_bytes(b"half a file")
        raise OSError("no space left on device")

    monkeypatch.setattr(scipy.sparse, "save_npz", failing)
    with pytest.raises(OSError, match="no space"):
        bsk.save(path, random_bsr(64, 64))
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_smtx(tmp_path):
    path = tmp_path / "a.smtx"
    path.write_text("3, 20, 4\n0 2 2 4\n1 19 0 17\n")
    A = bsk.load(path, block=(16, 16))
    expected = torch.zeros(16, 32)
    expected[0, 1] = expected[0, 19] = expected[2, 0] = expected[2, 17] = 1
    assert torch.equal(A.to_dense().float(), expected)


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("", "line 1"),
        ("3, 4\n0 0 0 0\n\n", "line 1"),
        ("3, four, 1\n0 0 0 1\n0\n", "line 1.*four"),
        ("3, -4, 1\n0 0 0 1\n0\n", "line 1.*negative"),
        ("3, 4, 2\n0 1 2\n0 1\n", "line 2.*3 numbers; expected 4"),
        ("3, 4, 2\n0 2 1 2\n0 1\n", "line 2.*rise"),
        ("3, 4, 2\n0 1 1 1\n0 1\n", "line 2.*rise from 0 to 2"),
        ("3, 4, 2\n0 1 1 2\n0\n", "line 3.*1 numbers; expected 2"),
        ("3, 4, 2\n0 1 1 2\n0 4\n", r"line 3.*\[0, 4\)"),
        ("3, 4, 2\n0 1 1 2\n0 99999999999999999999\n", "line 3"),
        ("1, 9000000000000000000, 1\n0 1\n0\n", "line 1.*at most 2147483647"),
        ("3, 4, 2\n0 1 1 2\n0 1\n\n7\n", "line 5.*'7' follows"),
    ],
)
def test_malformed_smtx(tmp_path, text, complaint):
    path = tmp_path / "a.smtx"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"(?s)a.smtx.*{complaint}"):
        bsk.load(path, block=(16, 16))


HEADER = "%%MatrixMarket matrix coordinate real general\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n4\n",
        "%%MatrixMarket matrix coordinate complex general\n2 2 1\n1 1 1 0\n",
        HEADER + "2 2 2\n1 1 1.0\n",
        HEADER + "2 2 1\n3 1 1.0\n",
        HEADER + "2 2 1\n1 one 1.0\n",
        HEADER + "2 2 1\n1 1\n",
    ],
)
def test_malformed_mtx(tmp_path, text):
    path = tmp_path / "a.mtx"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"a\.mtx"):
        bsk.load(path, block=(16, 16))


@pytest.mark.parametrize(
    "sizes",
    [
        "64 64 999999999999999",
        "9000000000000000 64 1",
        "64 9000000000000000 1",
        "134217729 64 1",
        "99999999999999999999 64 1",
    ],
)
def test_mtx_sizes_that_cannot_be(tmp_path, sizes):
    path = tmp_path / "a.mtx"
    path.write_text(HEADER + sizes + "\n1 1 1.0\n")
    with pytest.raises(ValueError, match=r"a\.mtx: (the size line says|Integer out of range)"):
        bsk.load(path, block=(16, 16))


def test_an_mtx_of_many_empty_rows(tmp_path):
    path = tmp_path / "a.mtx"
    path.write_text(HEADER + "4000000 16 1\n4000000 2 5\n")
    A = bsk.load(path, block=(16, 16))
    assert A.shape == (4000000, 16) and A.crow_indices()[-2:].tolist() == [0, 1]
    assert A.values()[0, 15, 1] == 5


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".mtx"])
def test_truncated_files(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    bsk.save(path, random_bsr(64, 64, density=1.0))
    whole = path.read_bytes()
    for size in (0, 5, len(whole) // 2):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=path.name):
            bsk.load(path, block=(16, 16))


def test_an_npz_of_something_else(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.ones(3))
    with pytest.raises(ValueError, match=r"a\.npz"):
        bsk.load(tmp_path / "a.npz", block=(16, 16))


def test_an_npz_with_columns_out_of_range(tmp_path):
    arrays = {"data": np.ones((1, 16, 16)), "indices": np.array([7]), "indptr": np.array([0, 1])}
    np.savez(tmp_path / "a.npz", format=b"bsr", shape=np.array([16, 32]), **arrays)
    with pytest.raises(ValueError, match=r"a\.npz"):
        bsk.load(tmp_path / "a.npz")


@pytest.mark.parametrize(
    "lie, complaint",
    [
        ({"format": np.array(3)}, "fields format"),
        ({"shape": np.array(16)}, "fields format, shape"),
        ({"shape": np.array([9 * 10**15, 32])}, "9000000000000001"),
        ({"format": b"coo", "row": [0], "col": [0], "shape": [9 * 10**15, 32]}, "9000000000000001"),
    ],
)
def test_a_lying_npz(tmp_path, lie, complaint):
    truth = {
        "format": b"csr",
        "shape": [16, 32],
        "data": np.ones(1),
        "indices": [0],
        "indptr": [0] + 16 * [1],
    }
    np.savez(tmp_path / "a.npz", **{**truth, **lie})
    with pytest.raises(ValueError, match=rf"a\.npz.*{complaint}"):
        bsk.load(tmp_path / "a.npz", block=(16, 16))


METADATA = {"format": "bsr", "shape": "32,48", "block": "16,16"}
TENSORS = {
    "crow_indices": torch.tensor([0, 1, 3], dtype=torch.int32),
    "col_indices": torch.tensor([0, 1, 2], dtype=torch.int32),
    "values": torch.ones(3, 16, 16, dtype=torch.float16),
}


@pytest.mark.parametrize(
    "metadata, tensors, complaint",
    [
        ({"format": "csr"}, {}, '"format".*csr'),
        ({"shape": "32"}, {}, '"shape".*two numbers'),
        ({"shape": "32,-48"}, {}, '"shape".*two numbers'),
        ({"block": "16,x"}, {}, '"block".*two numbers'),
        ({"block": "0,16"}, {}, '"block".*positive'),
        ({"block": "32,16"}, {}, '"block".*but values have'),
        ({"shape": "64,48"}, {}, "crow_indices"),
        ({"shape": "32,32"}, {}, "col_indices"),
        ({}, {"crow_indices": None}, "no tensor crow_indices"),
        ({}, {"values": torch.ones(3, 256).half()}, "values: 2 dimensions"),
        ({}, {"values": torch.ones(3, 16, 16).double()}, "values.*float64"),
        ({}, {"values": torch.ones(4, 16, 16).half()}, "crow_indices and col_indices"),
        ({}, {"crow_indices": torch.tensor([0, 4, 3])}, "crow_indices and col_indices"),
        ({}, {"col_indices": torch.tensor([0, 2, 1])}, "crow_indices and col_indices"),
    ],
)
def test_lying_safetensors(tmp_path, metadata, tensors, complaint):
    path = tmp_path / "a.safetensors"
    kept = {name: tensor for name, tensor in {**TENSORS, **tensors}.items() if tensor is not None}
    save_file(kept, path, metadata={**METADATA, **metadata})
    with pytest.raises(ValueError, match=f"(?s)a.safetensors.*{complaint}"):
        bsk.load(path)


def test_safetensors_without_metadata(tmp_path):
    save_file(TENSORS, tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match='"format": None'):
        bsk.load(tmp_path / "a.safetensors")


@pytest.mark.parametrize("block", [0, (0, 16), (16, 16, 16), 16.0])
def test_blocks_that_are_none(block):
    with pytest.raises(ValueError, match="block is"):
        bsk.from_scipy(scipy.sparse.eye(32, format="csr"), block)


def test_other_blocks_and_extensions_are_refused(tmp_path):
    bsk.save(tmp_path / "a.safetensors", random_bsr(32, 32))
    with pytest.raises(ValueError, match=r"blocks of \(16, 16\), not \(32, 32\)"):
        bsk.load(tmp_path / "a.safetensors", block=(32, 32))
    with pytest.raises(ValueError, match=r"'\.txt'; expected"):
        bsk.load(tmp_path / "a.txt")
    with pytest.raises(ValueError, match=r"'\.smtx'; expected"):
        bsk.save(tmp_path / "a.smtx", random_bsr(32, 32))
    with pytest.raises(FileNotFoundError):
        bsk.load(tmp_path / "absent.mtx", block=(16, 16))


def run(*command: str | Path) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_files_of_the_command_line(bsk_binary, tmp_path, dtype):
    path = tmp_path / "a.safetensors"
    options = ["--m", "128", "--k", "192", "--block", "32", "--density", "0.4", "--dtype", dtype]
    run(bsk_binary, "gen", path, *options)
    A = bsk.load(path)
    assert A.shape == (128, 192) and A.dtype is getattr(torch, dtype) and A.values().shape[1:] == (32, 32)
    assert A.values().shape[0] == round(0.4 * 4 * 6)
    size = struct.unpack("<Q", path.read_bytes()[:8])[0]
    assert json.loads(path.read_bytes()[8 : 8 + size])["__metadata__"]["format"] == "bsr"


@pytest.mark.parametrize("suffix", [".safetensors", ".mtx"])
def test_the_command_line_reads_our_files(bsk_binary, tmp_path, suffix):
    A = bsr_of_mask(torch.tensor([[1, 0, 1], [0, 1, 0]], dtype=torch.bool), (32, 32), torch.float16)
    bsk.save(tmp_path / f"a{suffix}", A)
    block = ["--block", "32"] if suffix == ".mtx" else []
    report = json.loads(run(bsk_binary, "check", tmp_path / f"a{suffix}", *block, "--json"))
    assert (report["m"], report["k"], report["nnzb"]) == (64, 96, 3)
