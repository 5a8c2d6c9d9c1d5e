"""Machines that are namespaces: each has a network, a name, processes and a boot of its own."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import psutil

from tests.bench.machines.clusters import Child, Cluster, wait_for

NETWORK = "10.77.0"
APART = ("unshare", "--user", "--map-root-user", "--net", "sh", "-c")
HUB = (
    "ip link set lo up && ip link add hub type bridge && ip link set hub up && "
    f"ip address add {NETWORK}.1/24 dev hub && echo ready && exec cat"
)
# What runs in a machine, as its first process.
BOOT = (
    "until ip link show wire; do sleep 0.05; done >/dev/null 2>&1; ip link set lo up && "
    f'ip address add {NETWORK}.$1/24 dev wire && ip link set wire up && hostname "machine-$1" && '
    'mount --bind "$2" /proc/sys/kernel/random/boot_id && shift 2 && exec "$@"'
)
OWN = ("--net", "--uts", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


@cache
def unavailable() -> str:
    """Why there are no namespaces here; empty where there are."""
    trial = f"({HUB}) && exec unshare {' '.join(OWN)} true"
    command = [*APART, trial]
    try:
        done = subprocess.run(command, input="", capture_output=True, text=True, timeout=60)
    except OSError as error:
        return f"no namespaces can be made here: {error.strerror}: {error.filename}"
    if done.returncode:
        return f"no namespaces can be made here: {done.stderr.strip().splitlines()[-1]}"
    return ""


@dataclass
class Namespaces(Cluster):
    """A cluster whose workers are machines in a network of their own, as is its scheduler."""

    hub: Child = field(init=False)

    def __post_init__(self) -> None:
        self.hub = subprocess.Popen([*APART, HUB], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.hub.stdout is not None
        assert self.hub.stdout.readline() == b"ready\n"
        self.host = f"{NETWORK}.1"
        self.prefix = (
            "nsenter", f"--target={self.hub.pid}", "--user", "--net", "--preserve-credentials",
        )  # fmt: skip

    def worker(self, *more: str) -> Child:
        """Start a machine with a worker."""
        number = len(self.workers) + 2
        boot = self.folder / f"boot {number}"
        boot.write_text(f"{number:08x}-0000-0000-0000-000000000000\n")
        machine = ("unshare", *OWN, "sh", "-c", BOOT, "boot", str(number), str(boot))
        child = self._worker(machine, f"{NETWORK}.{number}", *more)
        others = {Path(f"/proc/{pid}/ns/net").readlink() for pid in ("self", self.hub.pid)}
        own = Path(f"/proc/{child.pid}/ns/net")
        wait_for(lambda: own.readlink() not in others, "a machine has a network")
        for words in (
            ("link", "add", f"wire-{number}", "type", "veth", "peer", "name", "wire"),
            ("link", "set", "wire", "netns", str(child.pid)),
            ("link", "set", f"wire-{number}", "master", "hub", "up"),
        ):
            subprocess.run([*self.prefix, "ip", *words], check=True)
        return child

    def kill(self, child: Child) -> None:
        """End a machine, or another part, with all that runs there."""
        for process in psutil.Process(child.pid).children():
            process.kill()
        super().kill(child)

    def close(self) -> None:
        """End what is left of it."""
        super().close()
        with self.hub:  # which closes its pipes
            self.hub.kill()
