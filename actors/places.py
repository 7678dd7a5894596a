"""Where an actor stands."""

import ray


def gpu_places() -> list[str]:
    """The GPUs that Ray gave to the actor that asks, as NODE:NUMBER; none on the CPU."""
    context = ray.get_runtime_context()
    return [f"{context.get_node_id()}:{gpu}" for gpu in context.get_accelerator_ids().get("GPU", [])]
