"""What can be done to a cluster: its members have disks, a network and clocks of their own."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path

from tests.cluster.asking import change, figure, id_of, members, put, value
from tests.histories.recording import Clients, Recording
from tests.support import network, power, shim
from tests.support.cluster import Cluster, Member
from tests.support.network import Network
from tests.support.power import PowerDisk, power_disk
from tests.support.server import Kind, Server
from tests.support.shim import Shim
from tests.support.waiting import wait_until
from tests.support.wire import form

NAMES = ("m1", "m2", "m3")
#: Between a fault and its end, and between that and the next fault.
OPERATIONS_BETWEEN_FAULTS = 1000
#: Room for four segments of the log (64 MiB each), for snapshots and what the file system itself takes.
DISK_MIB = 448
#: So much longer does each sync take on a slow disk.
SLOW_MS = 100
#: An hour or a month, ahead or back.
SHIFTS_S = (3_600, -3_600, 30 * 86_400, -30 * 86_400)
#: Two clocks are the same if they differ by less: the machine may be busy.
SAME_S = 600
#: A key that lives longer than the machine's clock runs here, and shorter than the clocks jump.
TTL_S = 3_000
#: To a member whose disk is full: until the segment in use and the next one, which is there already, are.
BIG_BYTES = 512 << 10
BIG_WRITES_MAX = 300


def missing() -> str | None:
    """Why it cannot be done here."""
    return network.missing() or power.missing() or shim.missing()


class Faults:
    """Each leaves the cluster as it was."""

    def __init__(
        self,
        cluster: Cluster,
        net: Network,
        disks: dict[str, PowerDisk],
        shims: dict[str, Shim],
        clients: Clients,
        lots: random.Random,
    ) -> None:
        self.cluster = cluster
        self.net = net
        self.disks = disks
        self.shims = shims
        self.clients = clients
        self.lots = lots

    def meanwhile(self) -> None:
        """Clients go on."""
        self.clients.wait_for(OPERATIONS_BETWEEN_FAULTS)

    def _any(self) -> Member:
        return self.lots.choice(self.cluster.members)

    def _kill(self, member: Member) -> None:
        member.kill()
        self.meanwhile()
        member.start()

    def kill_leader(self) -> None:
        """SIGKILL."""
        self._kill(self.cluster.leader())

    def kill_follower(self) -> None:
        """SIGKILL."""
        self._kill(self.lots.choice(self.cluster.leader().others))

    def kill_all_in_turn(self) -> None:
        """SIGKILL, each as soon as the one before is there again."""
        for member in list(self.cluster.members):
            member.kill()
            member.start()
            self.meanwhile()

    def pause_leader(self) -> None:
        """SIGSTOP; it wakes up believing that it leads."""
        leader = self.cluster.leader()
        leader.pause()
        self.meanwhile()
        leader.resume()

    def isolate(self) -> None:
        """The leader, both ways."""
        former = self.cluster.leader()
        self.net.isolate(former.name)
        wait_until(lambda: any(member.leads() for member in former.others))
        self.meanwhile()
        self.net.mend()

    def one_way(self) -> None:
        """The leader hears everybody, and nobody hears it."""
        deaf = self.cluster.leader()
        for other in deaf.others:
            self.net.cut(deaf.name, other.name)
        wait_until(lambda: any(member.leads() for member in deaf.others))
        self.meanwhile()
        self.net.mend()

    def lose_disk(self) -> None:
        """A member's data are gone: it is removed, and added as a new one."""
        lost = self._any()
        asked = lost.others[0]
        old_id = id_of(lost, asked)
        lost.discard()
        wait_until(lambda: change(asked, "DELETE", f"/{old_id}").status in (204, 410))
        wait_until(lambda: change(asked, "POST", "", [lost.peer_url]).status in (201, 409))
        lost.starts = 0
        lost.flags = ["--initial-cluster-state", "existing"]
        self.meanwhile()
        lost.start()
        wait_until(lambda: all(one["name"] for one in members(asked)))

    def _cut_power(self, of: Sequence[Member]) -> None:
        """Of all at one instant. What they were killed without having on their devices is gone."""
        with ExitStack() as stack:
            for member in of:
                stack.enter_context(self.disks[member.name].failing())
            for member in of:
                member.signal(signal.SIGKILL)
        for member in of:
            member.kill()
            self.disks[member.name].come_back()

    def cut_power(self) -> None:
        """Of one member."""
        member = self._any()
        self._cut_power([member])
        self.meanwhile()
        member.start()

    def cut_power_of_all(self) -> None:
        """They are down together."""
        self._cut_power(self.cluster.members)
        for member in self.cluster.members:
            member.launch()
        for member in self.cluster.members:
            member.wait_ready()
        self.meanwhile()

    def fill_disk(self) -> None:
        """There is no room for another segment of the log: the member says so until there is."""
        full = self._any()
        before = len(full.stderr())
        filler = self.disks[full.name].fill()
        asked = full.others[0]
        body = form(value=b"x" * BIG_BYTES)
        for _ in range(BIG_WRITES_MAX):
            with asked.connect(timeout_s=20.0) as conn:
                conn.request("PUT", "/v2/keys/big", body)
            if health(full) == 503:
                break
        wait_until(lambda: "No space left on device" in full.stderr()[before:], lambda: full.stderr()[-2000:])
        self.meanwhile()
        filler.unlink()
        wait_until(lambda: health(full) == 200, lambda: full.stderr()[-2000:])

    def slow_disk(self) -> None:
        """Of one member, which is what its own figures say."""
        slow = self._any()
        before_s = syncing_s(slow)
        self.shims[slow.name].set(sync_ms=SLOW_MS)
        self.meanwhile()
        wait_until(lambda: syncing_s(slow) - before_s > SLOW_MS / 1000)
        self.shims[slow.name].set()

    def jump_clock(self) -> None:
        """The wall clock of one member, there and back. No key dies of it."""
        jumping = self._any()
        shift_s = self.lots.choice(SHIFTS_S)
        key = f"/t/{self.lots.getrandbits(64)}"
        with jumping.connect(timeout_s=20.0) as conn:
            wait_until(lambda: conn.put(key, "1", ttl=TTL_S).status in (200, 201))
        self.shims[jumping.name].set(shift_s=shift_s)
        wait_until(lambda: abs(ahead_s(jumping) - shift_s) < SAME_S, lambda: ahead_s(jumping))
        self.meanwhile()
        wait_until(lambda: put(jumping, "/jumped", "1").status in (200, 201))
        self.shims[jumping.name].set()
        self.meanwhile()
        for member in self.cluster.members:
            assert value(member, key, "?quorum=true") == "1"


#: Each of them.
KINDS: tuple[Callable[[Faults], None], ...] = (
    *(Faults.kill_leader, Faults.kill_follower, Faults.kill_all_in_turn, Faults.pause_leader),
    *(Faults.isolate, Faults.one_way, Faults.lose_disk, Faults.cut_power, Faults.cut_power_of_all),
    *(Faults.fill_disk, Faults.slow_disk, Faults.jump_clock),
)


def health(member: Member) -> int:
    """The status of /health."""
    return member.request("GET", "/health").status


def syncing_s(member: Server) -> float:
    """How long it has written and synced its log since it was started."""
    return figure(member, "etcd_wal_fsync_durations_seconds_sum")


def ahead_s(member: Server) -> float:
    """How far its wall clock is ahead of ours."""
    date = member.request("GET", "/version").header("Date")
    assert date is not None
    return parsedate_to_datetime(date).timestamp() - time.time()


@contextmanager
def fragile(folder: Path, seed: int, recording: Recording, flags: Sequence[str] = ()) -> Iterator[Faults]:
    """A cluster of ours to which all of it can be done, and clients."""
    library = shim.build(folder)
    shims = {name: Shim(library, folder / f"{name}.control") for name in NAMES}
    with ExitStack() as stack:
        net = stack.enter_context(Network(NAMES))
        cluster = Cluster(Kind.OURS, folder, NAMES, net, flags)
        disks: dict[str, PowerDisk] = {}
        for member in cluster.members:
            disk = stack.enter_context(power_disk(member.work_dir / "disk", DISK_MIB))
            disks[member.name], member.data_dir = disk, disk.data
            member.environment = shims[member.name].environment
        stack.enter_context(cluster)
        clients = stack.enter_context(Clients(cluster, seed, recording=recording, keys=32))
        yield Faults(cluster, net, disks, shims, clients, random.Random(seed))
