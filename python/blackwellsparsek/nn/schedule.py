"""How sparse a weight is to be at each step of gradual pruning."""


def cubic_sparsity(step: int, begin: int, end: int, final: float, initial: float = 0.0) -> float:
    """Sparsity that rises from `initial` at step `begin` to `final` at `end`, steeply at first.

    The schedule of Zhu and Gupta, "To prune, or not to prune" (2017).
    """
    if end <= begin:
        raise ValueError(f"end is {end} and begin {begin}; expected end to come later.")
    progress = min(1.0, max(0.0, (step - begin) / (end - begin)))
    return final + (initial - final) * (1 - progress) ** 3
