"""Registration of differentiable operators as torch.ops.bsk.*, with a cheaper way in for eager mode."""

from collections.abc import Callable

import torch
from torch.autograd import forward_ad

_library = torch.library.Library("bsk", "FRAGMENT")  # kept alive: what it registered goes with it


def register(
    schema: str,
    floating: tuple[int, ...],
    kernel: Callable,
    fake: Callable,
    save: Callable,
    gradients: Callable,
) -> Callable[..., torch.Tensor]:
    """Register ``bsk::<schema>`` and return the function to call it with.

    Parameters
    ----------
    schema : str
        Without the namespace; the function takes all arguments, by position.
    floating : tuple[int, ...]
        Positions of the operands that receive gradients.
    kernel : Callable
        Computes it, on the CPU and on CUDA.
    fake : Callable
        Gives an empty result, for tracing.
    save : Callable
        ``save(ctx, inputs, output)``, what the backward needs.
    gradients : Callable
        ``gradients(ctx, grad, needed)``, of the floating operands, `needed` says of which; differentiable.
    """
    name = schema.partition("(")[0]

    def all_gradients(ctx, grad):
        given = ctx.needs_input_grad  # torch leaves out last arguments that have their default
        needed = [position < len(given) and given[position] for position in floating]
        found = dict(zip(floating, gradients(ctx, grad, needed), strict=True))
        return tuple(found.get(position) for position in range(len(given)))

    _library.define(schema, tags=(torch.Tag.pt2_compliant_tag,))
    for device in ("CPU", "CUDA"):
        _library.impl(name, kernel, device)
    torch.library.register_fake(f"bsk::{name}", fake, lib=_library)
    torch.library.register_autograd(f"bsk::{name}", all_gradients, setup_context=save, lib=_library)
    operator = getattr(torch.ops.bsk, name).default

    class Eager(torch.autograd.Function):
        """The same derivative without the glue of torch.library; each further argument would cost time."""

        @staticmethod
        def forward(ctx, inputs, *_):
            output = kernel(*inputs)
            save(ctx, inputs, output)
            return output

        @staticmethod
        def backward(ctx, grad):
            return None, *gradients(ctx, grad, ctx.needs_input_grad[1:])

    # Function.apply but for its look at functorch's transforms, which `is_observed` excludes.
    apply = super(torch.autograd.Function, Eager).apply

    def call(*inputs):
        operands = [inputs[position] for position in floating]
        if forward_ad._current_level >= 0:
            _refuse_tangents(name, operands)
        if is_observed():
            return operator(*inputs)
        records = False
        for operand in operands:
            kind = type(operand)
            if kind is torch.Tensor or kind is torch.nn.Parameter:
                records = records or operand.requires_grad
            elif operand is not None:  # a subclass with a dispatch of its own
                return operator(*inputs)
        if records and torch.is_grad_enabled():
            return apply(inputs, *operands)
        return kernel(*inputs)

    call.__name__ = name
    return call


def _refuse_tangents(name: str, operands: list[torch.Tensor | None]) -> None:
    """Raise where forward-mode differentiation would get zeros: torch does not notice by itself."""
    if any(x is not None and forward_ad.unpack_dual(x).tangent is not None for x in operands):
        raise NotImplementedError(
            f"bsk::{name} has no forward-mode derivative: use reverse mode (backward, torch.autograd.grad)."
        )


def is_observed() -> bool:
    """Whether a compiler, a dispatch mode or a functorch transform has to see the operator.

    Otherwise the dispatcher is left out: it would take most of what a small product costs the host.
    """
    return (
        torch.compiler.is_compiling()
        or torch._C._len_torch_dispatch_stack() > 0
        or torch._C._functorch.peek_interpreter_stack() is not None
    )


def register_composite(schema: str, function: Callable) -> None:
    """Register ``bsk::<schema>``, made of other operators, from which its derivative follows."""
    name = schema.partition("(")[0]
    _library.define(schema, tags=(torch.Tag.pt2_compliant_tag,))
    _library.impl(name, function, "CompositeImplicitAutograd")
