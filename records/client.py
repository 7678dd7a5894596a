"""How a language model behind an OpenAI-compatible server is asked."""

from dataclasses import dataclass

from records.options import opt


@dataclass
class ClientConfig:
    """Where the server is and what may be spent on it. The key itself stands in the environment alone."""

    base_url: str = opt(
        "http://127.0.0.1:8000/v1", "Address of the server, up to and with its version (…/v1)."
    )
    model: str = opt("", "Name of the model, as the server knows it.")
    api_key_env: str = opt(
        "", "NAME of the environment variable that holds the key, never the key; empty: no key."
    )
    concurrency: int = opt(8, "Requests in flight at once.", low=1, high=256)
    timeout_s: float = opt(120.0, "Longest wait for one answer of the server, seconds.", low=0.01, high=3600)
    max_retries: int = opt(
        4, "Further attempts after a lost connection, a timeout, 429 or 5xx.", low=0, high=10
    )
    max_total_tokens: int = opt(
        2_000_000,
        "Prompt and completion tokens that may be used from start to end of a command, over all calls; 0: no "
        "cap. The scorers of DF-GRPO share it over the whole run; the judge of each report has it anew.",
        low=0,
    )
    deadline_s: float = opt(
        3600.0, "Longest that one call may take, all its requests together, seconds.", low=0.01, high=1e6
    )
