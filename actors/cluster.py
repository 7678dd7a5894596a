"""Joining or starting Ray, and what must hold before any actor is asked for."""

import ipaddress
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psutil
import ray
from ray._private import ray_constants
from ray._private.services import canonicalize_bootstrap_address_or_die

from actors.cluster_watch import vital_addresses, watched
from records.config import ClusterConfig
from records.errors import UserError

OWN_PATIENCE_S, JOINED_PATIENCE_S = 3.0, 45.0
"""Seconds of silence after which a Ray started here, which nobody starts again, is taken for gone, and one
that was joined, whose head may come back; Ray itself ends the driver after a minute."""

FREE_AT_ONCE = "RAY_free_objects_batch_size"
"""Ray's setting of how many objects that nobody refers to are gathered before they are freed."""


def cluster_address(config: ClusterConfig) -> str:
    """The cluster to join; empty or local for none. A submitted job's own is in RAY_ADDRESS."""
    return config.address or os.environ.get("RAY_ADDRESS", "")


@contextmanager
def ray_cluster(config: ClusterConfig) -> Iterator[bool]:
    """Join the cluster at `cluster_address`; without one start a Ray on loopback that ends with the block.

    Yields whether all actors share this machine.

    Raises:
        UserError: nobody answers at the address.
        ClusterLostError: the cluster is gone before the block ends.
    """
    address = cluster_address(config)
    if ray.is_initialized():  # an outer block's
        yield _one_machine()
        return
    on_sigterm = signal.getsignal(signal.SIGTERM)
    joins = address not in ("", "local")
    if joins:
        check_address(address)
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:400]
            raise UserError(f"Ray address {address!r}: no cluster to join there ({reason})") from None
    else:
        # Ray turns 127.0.0.1 into the machine's outward address where it might form a cluster; this one
        # is alone, and nothing of it shall listen beyond loopback.
        ray_constants.ENABLE_RAY_CLUSTER = False
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # What nobody refers to any more goes at once; Ray would go round once a second, and keep a model's
        # weights that pass through bucket by bucket.
        chosen = os.environ.get(FREE_AT_ONCE)
        os.environ.setdefault(FREE_AT_ONCE, "1")
        ray.init(
            address="local",  # never one that `ray start` left running here
            num_cpus=config.cpus or os.cpu_count(),
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            object_store_memory=int(config.object_store_gib * 2**30),
            _node_ip_address="127.0.0.1",
        )
        if chosen is None:  # it is for this Ray alone
            del os.environ[FREE_AT_ONCE]
    # Ray's own handler leaves the process by SystemExit, which aborts it while it waits for an actor.
    signal.signal(signal.SIGTERM, on_sigterm)
    try:
        with watched(vital_addresses(), JOINED_PATIENCE_S if joins else OWN_PATIENCE_S):
            yield _one_machine()
    finally:
        ray.shutdown()


def _one_machine() -> bool:
    return sum(bool(node["Alive"]) for node in ray.nodes()) == 1


def check_address(address: str, timeout_s: float = 5.0) -> None:
    """Knock at HOST:PORT of a Ray or job-server address, or at what `auto` finds.

    Raises:
        UserError: it has no port, or nobody answers.
    """
    if address == "auto":
        # A Ray that crashed leaves its address behind, at which Ray itself would knock for minutes.
        try:
            found = canonicalize_bootstrap_address_or_die(address)
        except (ConnectionError, ValueError):
            raise UserError(
                "Ray address 'auto': no Ray, or more than one, is found on this machine; give HOST:PORT"
            ) from None
        try:
            check_address(found, timeout_s)
        except UserError as error:
            raise UserError(f"{error} ('auto' found it; `ray stop` forgets it)") from None
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


def interface_of(host: str) -> str | None:
    """The network interface of this machine that has the address `host`."""
    if ipaddress.ip_address(host).is_loopback:
        return "lo"
    for name, addresses in psutil.net_if_addrs().items():
        if any(address.address == host for address in addresses):
            return str(name)
    return None
