"""Joining or starting Ray, and what must hold before any actor is asked for."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import ray
from ray._private import ray_constants

from records.config import ClusterConfig
from records.errors import UserError


def cluster_address(config: ClusterConfig) -> str:
    """The cluster to join; empty or local for none. A submitted job's own is in RAY_ADDRESS."""
    return config.address or os.environ.get("RAY_ADDRESS", "")


@contextmanager
def ray_cluster(config: ClusterConfig) -> Iterator[bool]:
    """Join the cluster at `cluster_address`; without one start a Ray on loopback that ends with the block.

    Yields whether all actors share this machine.

    Raises:
        UserError: nobody answers at the address.
    """
    address = cluster_address(config)
    if ray.is_initialized():  # an outer block's
        yield _one_machine()
        return
    on_sigterm = signal.getsignal(signal.SIGTERM)
    if address not in ("", "local"):
        check_address(address)
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise UserError(f"Ray address {address!r}: no cluster to join there ({reason})") from None
    else:
        # Ray turns 127.0.0.1 into the machine's outward address where it might form a cluster; this one
        # is alone, and nothing of it shall listen beyond loopback.
        ray_constants.ENABLE_RAY_CLUSTER = False
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(
            address="local",  # never one that `ray start` left running here
            num_cpus=config.cpus or os.cpu_count(),
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            object_store_memory=int(config.object_store_gib * 2**30),
            _node_ip_address="127.0.0.1",
        )
    # Ray's own handler leaves the process by SystemExit, which aborts it while it waits for an actor.
    signal.signal(signal.SIGTERM, on_sigterm)
    try:
        yield _one_machine()
    finally:
        ray.shutdown()


def _one_machine() -> bool:
    return sum(bool(node["Alive"]) for node in ray.nodes()) == 1


def check_address(address: str, timeout_s: float = 5.0) -> None:
    """Knock at HOST:PORT of a Ray or job-server address.

    Raises:
        UserError: it has no port, or nobody answers.
    """
    if address == "auto":
        return
    parts = urlsplit(address if "//" in address else f"//{address}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port:
        raise UserError(f"Ray address {address!r}: expected HOST:PORT, such as 127.0.0.1:6379")
    try:
        socket.create_connection((host, port), timeout=timeout_s).close()
    except OSError as error:
        raise UserError(
            f"Ray address {address!r}: nobody answers ({error.strerror or error}); is the cluster up?"
        ) from None


def check_cpus(wanted: dict[str, float], gpus: float) -> None:
    """Refuse actors that the cluster can never place: Ray would wait for ever.

    Args:
        wanted: CPUs by kind of actor, all of that kind together.
        gpus: GPUs of all actors together.

    Raises:
        UserError: naming the shares and the keys to lower.
    """
    total = ray.cluster_resources()
    cpus = total.get("CPU", 0.0)
    if sum(wanted.values()) > cpus + 1e-6:
        shares = ", ".join(f"{name} {share:g}" for name, share in wanted.items())
        raise UserError(
            f"the actors ask for {sum(wanted.values()):g} CPUs ({shares}), the cluster has {cpus:g}; "
            "lower the number of actors or their cpus"
        )
    if gpus > total.get("GPU", 0.0):
        raise UserError(f"the actors ask for {gpus:g} GPUs, the cluster has {total.get('GPU', 0.0):g}")
