"""Loads the operators (`_torch_ops.so`) and refuses in words where that cannot work."""

import ctypes
import json
from pathlib import Path
from types import SimpleNamespace

_MINIMUM_TORCH = (2, 10)
_LIBRARY = Path(__file__).with_name("_torch_ops.so")


def build_identity() -> dict[str, str]:
    """Commit, digests of the sources, architectures and CUDA that the operators were built from and for."""
    library = ctypes.CDLL(str(_LIBRARY))
    library.bsk_build_identity.restype = ctypes.c_char_p
    return json.loads(library.bsk_build_identity())


def _load() -> SimpleNamespace:
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            "blackwellsparsek needs PyTorch >= 2.10: install it with `pip install torch`."
        ) from error
    found = tuple(int(part) for part in torch.__version__.split(".")[:2])
    if found < _MINIMUM_TORCH:
        raise ImportError(
            f"blackwellsparsek needs PyTorch >= 2.10, this is {torch.__version__}: upgrade PyTorch."
        )
    if not _LIBRARY.exists():
        raise ImportError(
            f"The operators are not built: {_LIBRARY} does not exist. Run ./build.sh in the repository, "
            "or configure CMake with -DBSK_BUILD_TORCH=ON and build the target torch_ops."
        )
    try:
        torch.ops.load_library(_LIBRARY)
    except OSError as error:
        raise ImportError(
            f"{_LIBRARY} cannot be loaded by PyTorch {torch.__version__}: {error.__cause__}"
        ) from error
    packets = torch.ops.blackwellsparsek
    # The overloads: calling them is about a microsecond cheaper than calling the packets.
    return SimpleNamespace(
        make_plan=packets.make_plan.default,
        make_sddmm_plan=packets.make_sddmm_plan.default,
        replan=packets.replan.default,
        free_plan=packets.free_plan.default,
        describe_plan=packets.describe_plan.default,
        spmm=packets.spmm.default,
        spmm_fused=packets.spmm_fused.default,
        sddmm=packets.sddmm.default,
        product=packets.product.default,
        column_sums=packets.column_sums.default,
        sample=packets.sample.default,
        version=packets.version.default,
    )


ops = _load()
