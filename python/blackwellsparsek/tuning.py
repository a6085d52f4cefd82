"""Plans whose kernel is chosen by measuring on the matrix itself, and a file that remembers the choices."""

import hashlib
import json
import os
import warnings
from pathlib import Path

import torch

from ._files import replacing
from ._ops import ops
from .bsr import BSRMatrix, as_bsr
from .measure import interleaved_medians
from .plan import Layout, Plan, Policy, make_plan

KERNELS = (
    "spmm_sm90",
    "spmm_sm90_pairs",
    "spmm_sm90_small",
    "spmm_skinny",
    "spmm_sm80",
    "spmm_simt",
    "spmm_cpu",
)
_SCHEMA = "bsk.autotune/1"
_WARM_UP, _ROUNDS = 3, 15


def autotune_cache_path() -> Path:
    """Where `autotune` remembers: $BSK_AUTOTUNE_CACHE, or autotune.json in the user's cache directory."""
    if named := os.environ.get("BSK_AUTOTUNE_CACHE"):
        return Path(named)
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "blackwellsparsek" / "autotune.json"


def autotune(
    A: torch.Tensor | BSRMatrix,
    n: int,
    *,
    out_dtype: torch.dtype | None = None,
    b_layout: Layout = "row_major",
    out_layout: Layout | None = None,
    policy: Policy = "sparse",
    fixed_values: bool = False,
) -> Plan:
    """Plan as `make_plan` does, with the kernel that is fastest when measured on `A` and a random B.

    Every kernel that computes the product is launched in turns; the lowest median time wins. The choice is
    kept in the file `autotune_cache_path` names, for this device, pattern, shape, dtypes, layouts, policy,
    fixed values or not, and version of the library, and the next call takes it from there. A cache file that
    cannot be read, or is not one, is left alone with a warning.

    Parameters
    ----------
    A, n, out_dtype, b_layout, out_layout, policy, fixed_values
        As `make_plan` takes them. A's values are read. B and the result are allocated while measuring.

    Returns
    -------
    Plan
        Bitwise the same results from run to run, as every plan; another machine may choose another kernel.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As `make_plan`.
    """
    matrix = as_bsr(A)
    options = {
        "out_dtype": out_dtype,
        "b_layout": b_layout,
        "out_layout": out_layout,
        "policy": policy,
        "fixed_values": fixed_values,
    }
    names = KERNELS + (("dense_cublas",) if policy == "auto" else ())
    key = _key(matrix, make_plan(A, n, **options), policy)  # also checks the arguments
    path = autotune_cache_path()
    choices = _read(path)
    kernel = (choices or {}).get(key)
    if kernel not in names:
        if kernel is not None:
            warnings.warn(f"{path} names the kernel {kernel!r}, which is not known; measuring.", stacklevel=2)
        kernel = _fastest(matrix, n, names, options)
        if choices is not None:
            _write(path, {**choices, key: kernel})
    return make_plan(A, n, kernel=kernel, **options)


def _key(matrix: BSRMatrix, plan: Plan, policy: str) -> str:
    """Digest of everything that the choice depends on."""
    device = torch.cuda.get_device_name(matrix.device) if matrix.device.type == "cuda" else "CPU"
    layouts = (plan.b_col_major, plan.out_col_major, plan.ldb, plan.ldc)
    about = (
        ops.version(),
        device,
        plan.shape,
        plan.n,
        matrix.block,
        str(matrix.dtype),
        str(plan.out_dtype),
        layouts,
        plan.transpose_a,
        plan.fixed_values,
        policy,
    )
    digest = hashlib.sha256(repr(about).encode())
    for indices in (matrix.crow_indices, matrix.col_indices):
        digest.update(indices.cpu().long().numpy().tobytes())
    return digest.hexdigest()


def _read(path: Path) -> dict[str, str] | None:
    """The choices in the file; None, with a warning, where it is no file of `autotune`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        warnings.warn(f"{path} cannot be read ({error}); it is ignored: delete it.", stacklevel=3)
        return None
    choices = (
        content.get("choices") if isinstance(content, dict) and content.get("schema") == _SCHEMA else None
    )
    if not isinstance(choices, dict):
        warnings.warn(f"{path} is no cache of autotune ({_SCHEMA}); it is ignored: delete it.", stacklevel=3)
        return None
    return choices


def _write(path: Path, choices: dict[str, str]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_text(
                json.dumps({"schema": _SCHEMA, "choices": choices}, indent=1), encoding="utf-8"
            )
    except OSError as error:
        warnings.warn(f"{path} cannot be written ({error}); the choice is not kept.", stacklevel=3)


def _fastest(A: BSRMatrix, n: int, names: tuple[str, ...], options: dict) -> str:
    """Measure the kernels that compute the product, launched in turns."""
    from .spmm import sparse_mm

    plans = {}
    for name in names:
        try:
            plans[name] = make_plan(A, n, kernel=name, **options)
        except RuntimeError:
            continue  # this device or this product is not the kernel's
    k = A.shape[1]
    if options["b_layout"] == "col_major":
        B = torch.randn(n, k, device=A.device).to(A.dtype).t()
    else:
        B = torch.randn(k, n, device=A.device).to(A.dtype)
    calls = [lambda plan=plan: sparse_mm(A, B, plan=plan) for plan in plans.values()]
    times = interleaved_medians(calls, _ROUNDS, A.device, _WARM_UP, host_ahead=True)
    return min(zip(times, plans, strict=True))[1]
