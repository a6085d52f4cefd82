"""Registration of differentiable operators as torch.ops.bsk.*, with a cheaper way in for eager mode."""

from collections.abc import Callable

import torch

_library = torch.library.Library("bsk", "FRAGMENT")  # kept alive: what it registered goes with it


def register(
    schema: str, kernel: Callable, fake: Callable, save: Callable, gradients: Callable
) -> Callable[..., torch.Tensor]:
    """Register ``bsk::<schema>`` and return the function to call it with.

    Parameters
    ----------
    schema : str
        Without the namespace; the function takes all arguments, by position.
    kernel : Callable
        Computes it, on the CPU and on CUDA.
    fake : Callable
        Gives an empty result, for tracing.
    save : Callable
        ``save(ctx, inputs, output)``, what the backward needs.
    gradients : Callable
        ``gradients(ctx, grad)``, one for each input; differentiable itself.
    """
    name = schema.partition("(")[0]
    _library.define(schema, tags=(torch.Tag.pt2_compliant_tag,))
    for device in ("CPU", "CUDA"):
        _library.impl(name, kernel, device)
    torch.library.register_fake(f"bsk::{name}", fake, lib=_library)
    torch.library.register_autograd(f"bsk::{name}", gradients, setup_context=save, lib=_library)
    operator = getattr(torch.ops.bsk, name).default

    class Eager(torch.autograd.Function):
        """The same derivative without the glue of torch.library."""

        @staticmethod
        def forward(ctx, *inputs):
            output = kernel(*inputs)
            save(ctx, inputs, output)
            return output

        @staticmethod
        def backward(ctx, grad):
            return gradients(ctx, grad)

    def call(*inputs):
        if _is_observed():
            return operator(*inputs)
        records = False
        for value in inputs:
            kind = type(value)
            if kind is torch.Tensor or kind is torch.nn.Parameter:
                records = records or value.requires_grad
            elif isinstance(value, torch.Tensor):  # a subclass with a dispatch of its own
                return operator(*inputs)
        if records and torch.is_grad_enabled():
            return Eager.apply(*inputs)
        return kernel(*inputs)

    call.__name__ = name
    return call


def _is_observed() -> bool:
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
