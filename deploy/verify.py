"""Import the package, print its version, and check a small product against PyTorch.

Exit code: 0 if the product is right, 1 if it is wrong or the device cannot be used.
Example: python deploy/verify.py --device cpu
"""

import argparse
import sys
import warnings

import torch

import blackwellsparsek as bsk

SIZE, BLOCK, DENSITY = 1024, 64, 0.22
# Largest difference that rounding to float16 leaves where results are of order 1.
TOLERANCE = 1e-2


def largest_difference(device: str) -> float:
    """Multiply on `device` and compare with PyTorch's dense product in float32."""
    torch.manual_seed(0)
    keep = torch.rand(SIZE // BLOCK, SIZE // BLOCK) < DENSITY
    mask = keep.repeat_interleave(BLOCK, 0).repeat_interleave(BLOCK, 1)
    dense = (torch.randn(SIZE, SIZE) * mask / (DENSITY * SIZE) ** 0.5).half().to(device)
    B = torch.randn(SIZE, SIZE).half().to(device)
    C = bsk.sparse_mm(dense.to_sparse_bsr((BLOCK, BLOCK)), B)
    return (C.float() - dense.float() @ B.float()).abs().max().item()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    device = parser.parse_args().device
    warnings.filterwarnings("ignore", message="Sparse BSR tensor support is in beta")
    print(f"BlackwellSparseK {bsk.__version__}, PyTorch {torch.__version__} for CUDA {torch.version.cuda}")
    if device == "cuda":
        if not torch.cuda.is_available():
            print(
                "PyTorch cannot use the GPU: expected a CUDA build of PyTorch that this driver can run, got "
                f"PyTorch {torch.__version__}; take an image whose driver and PyTorch fit.",
                file=sys.stderr,
            )
            return 1
        print(f"on {torch.cuda.get_device_name()}, compute capability {torch.cuda.get_device_capability()}")
    difference = largest_difference(device)
    right = difference < TOLERANCE
    print(
        f"{SIZE}x{SIZE}x{SIZE}, blocks of {BLOCK}, float16, on {device}: largest difference from PyTorch "
        f"{difference:.2e} (less than {TOLERANCE} wanted): {'right' if right else 'WRONG'}"
    )
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
