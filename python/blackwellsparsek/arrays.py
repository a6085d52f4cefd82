"""Arrays of other libraries as tensors."""

from functools import partial

import torch


def tensor_of(array: object) -> torch.Tensor:
    """An array of another library as a tensor of the same memory; the current stream waits for its stream."""
    if isinstance(array, torch.Tensor):
        return array
    if hasattr(array, "__dlpack__"):
        return torch.from_dlpack(array)
    tensor = torch.as_tensor(array)
    if tensor.is_cuda and (stream := array.__cuda_array_interface__.get("stream")) is not None:
        default = stream in (1, 2)  # the default stream, and that of a thread, for which the former waits
        filling = torch.cuda.default_stream if default else partial(torch.cuda.ExternalStream, stream)
        torch.cuda.current_stream(tensor.device).wait_stream(filling(device=tensor.device))
    return tensor
