"""A real Slurm on this machine: munge, a controller and a node, in namespaces of their own.

Debian's Slurm reads /etc/slurm, and the executor takes no other place. So that folder is bound over
within a mount namespace; the ports are on a loopback device of a network namespace; and every
process is in a process namespace that ends with its first one. The machine keeps nothing of it.
"""

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# The node is the host's own name for itself, in a namespace for names. It promises more processors
# and memory than there may be, so that jobs work side by side. The gatherer of accounts enforces
# limits of memory once a second, where control groups would at once.
SETTINGS = """
ClusterName=tests
SlurmctldHost=node(127.0.0.1)
SlurmUser=root
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0
SlurmdParameters=config_overrides
SlurmdTimeout=10
BatchStartTimeout=2
ReturnToService=2
MpiDefault=none
NodeName=node NodeAddr=127.0.0.1 CPUs=8 RealMemory=64000
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""

# Slurm resolves no address where there is none but that of the loopback device.
FIRST_PROCESS = """
mount --bind "$FOLDER/etc" /etc/slurm
ip link set lo up
ip address add 192.0.2.1/32 dev lo
hostname node
munged --force --num-threads=2 --key-file="$FOLDER/munge.key" --socket="$FOLDER/munge.socket" \
    --pid-file="$FOLDER/munge.pid" --seed-file="$FOLDER/munge.seed" --log-file="$FOLDER/munge.log"
touch "$FOLDER/ready"
exec sleep infinity
"""

# A process namespace within: when its first process dies, so do the node's jobs.
NODE = "unshare --pid --fork --mount-proc --kill-child slurmd -D"
CONTROLLER = "slurmctld -D"


@dataclass
class Cluster:
    """A cluster of one node; commands run within its namespaces."""

    folder: Path
    first_process: int

    def within(self, *command: str) -> list[str]:
        """A command line that runs a command in the cluster."""
        target = f"--target={self.first_process}"
        return ["nsenter", target, "--mount", "--net", "--uts", "--pid", "--", *command]

    def shell(self, script: str) -> str:
        done = subprocess.run(
            self.within("sh", "-ec", script), capture_output=True, text=True, check=True, cwd="/"
        )
        return done.stdout

    def start(self, daemon: str) -> None:
        """Start the controller or the node, and wait until the cluster takes jobs."""
        name = daemon.split()[0]
        self.shell(f"{daemon} >{self.folder}/{name}.out 2>&1 & echo $! >{self.folder}/{name}.first")
        for _ in range(300):
            node = self.shell("sinfo --noheader -o %t || true").strip()
            if daemon == CONTROLLER or node in ("idle", "mix", "alloc"):
                return
            time.sleep(0.1)
        raise TimeoutError((self.folder / "slurmctld.log").read_text())

    def kill(self, daemon: str) -> None:
        """End the controller, or the node and all that works there, without warning."""
        self.shell(f"kill -9 $(cat {self.folder}/{daemon.split()[0]}.first)")

    def wait_until_saved(self) -> None:
        """Wait until the controller has written down what it knows now, which it does every 5 s.

        One that dies sooner takes a job for a waiting one that the node has begun; Slurm then
        drains the node, for its administrator to look at.
        """
        now = time.time()
        for _ in range(300):
            saved = self.folder / "state" / "job_state"
            if saved.exists() and saved.stat().st_mtime > now:
                return
            time.sleep(0.05)
        raise TimeoutError("the controller wrote nothing down")


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Start a cluster, and end every process of it with the block."""
    for program in ("munged", "slurmctld", "slurmd", "ip"):
        assert shutil.which(program), f"{program} is needed: apt-get install {DEBIAN_PACKAGES}"
    for name in ("etc", "state", "spool"):
        (folder / name).mkdir()
    (folder / "etc" / "slurm.conf").write_text(SETTINGS.format(folder=folder))
    (folder / "munge.key").write_bytes(secrets.token_bytes(128))
    (folder / "munge.key").chmod(0o400)
    apart = ["unshare", "--mount", "--net", "--uts", "--pid", "--fork", "--mount-proc"]
    first = subprocess.Popen(
        [*apart, "--kill-child", "sh", "-ec", FIRST_PROCESS],
        env={**os.environ, "FOLDER": str(folder)},
        stderr=(folder / "first.log").open("w"),
    )
    try:
        cluster = Cluster(folder, _child_of(first, folder))
        cluster.start(CONTROLLER)
        cluster.start(NODE)
        yield cluster
    finally:
        first.kill()
        first.wait()


DEBIAN_PACKAGES = "slurm-wlm munge iproute2"


def _child_of(first: subprocess.Popen, folder: Path) -> int:
    for _ in range(200):
        if (folder / "ready").exists():
            return int(Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text())
        assert first.poll() is None, (folder / "first.log").read_text()
        time.sleep(0.05)
    raise TimeoutError((folder / "first.log").read_text())
