"""A network namespace behind a link that delays and loses packets, for kernels with or without `tc netem`.

Two TUN devices, one outside and one inside of the namespace, and a thread that carries packets between them.
"""

from __future__ import annotations

import fcntl
import os
import random
import select
import struct
import subprocess
import threading
import time
from collections import deque

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x1, 0x1000
OUTSIDE, INSIDE = "10.203.0.1", "10.203.0.2"


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def open_tun(name: str) -> int:
    """Make the TUN device `name` and return its descriptor."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


class LossyLink:
    """The link and its namespace; raises OSError or CalledProcessError where that is not permitted.

    Parameters
    ----------
    delay
        Seconds that each packet takes, each way.
    loss
        Share of packets that are lost.
    packets_per_second
        How many packets pass, each way.
    """

    def __init__(self, delay: float, loss: float, packets_per_second: float) -> None:
        self.delay, self.loss, self.spacing = delay, loss, 1 / packets_per_second
        self.namespace = f"bsk{os.getpid()}"
        self.inside = ["ip", "netns", "exec", self.namespace]
        self.lost = 0
        self._random = random.Random(0)
        self._ends: list[int] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._carry)
        run("ip", "netns", "add", self.namespace)
        try:
            self._set_up()
        except BaseException:
            self.close()
            raise
        self._thread.start()

    def _set_up(self) -> None:
        outer, inner = f"bskout{os.getpid() % 10**6}", f"bskin{os.getpid() % 10**6}"
        self._ends = [open_tun(outer), open_tun(inner)]
        run("ip", "link", "set", inner, "netns", self.namespace)
        for place, device, address, peer in (
            ([], outer, OUTSIDE, INSIDE),
            (["-n", self.namespace], inner, INSIDE, OUTSIDE),
        ):
            run("ip", *place, "address", "add", address, "peer", peer, "dev", device)
            run("ip", *place, "link", "set", device, "up")
        run("ip", "-n", self.namespace, "link", "set", "lo", "up")

    def _carry(self) -> None:
        queues: dict[int, deque[tuple[float, bytes]]] = {end: deque() for end in self._ends}
        other = {self._ends[0]: self._ends[1], self._ends[1]: self._ends[0]}
        free_at = dict.fromkeys(self._ends, 0.0)
        while not self._stopped.is_set():
            readable, _, _ = select.select(self._ends, [], [], 0.001)
            now = time.monotonic()
            for end in readable:
                packet = os.read(end, 65536)
                if self._random.random() < self.loss:
                    self.lost += 1
                    continue
                free_at[end] = max(now, free_at[end]) + self.spacing
                queues[end].append((free_at[end] + self.delay, packet))
            for end, queue in queues.items():
                while queue and queue[0][0] <= now:
                    os.write(other[end], queue.popleft()[1])

    def close(self) -> None:
        """Remove the link and the namespace."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        for end in self._ends:
            os.close(end)
        run("ip", "netns", "delete", self.namespace)
