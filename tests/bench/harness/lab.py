"""The place of a run: one lab (scripts/lab) with a TAP for each stack in user space and, behind two veth pairs, a namespace of the
kernel's peers.

    10.9.0.1 ─ vt0 ─ Vitrine 10.9.0.2          10.8.0.1 ─ veth, offloads ─ the kernel 10.8.0.2
    10.9.1.1 ─ lw0 ─ lwIP 10.9.1.2             10.8.1.1 ─ veth, no offloads ─ the kernel 10.8.1.2
    10.9.2.1 ─ ce0 ─ the ceiling 10.9.2.2

On the client's side each network has the addresses .16 to .23 as well, for rows with more connections than one address has ports (no more than lwIP's ARP
table holds).
"""
import json
import os
import resource
import shlex
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BUILD = os.path.join(ROOT, "build")
CLIENT = os.path.join(BUILD, "bench-client")
SOURCES = 8
SIZE = int(os.environ.get("BENCH_SIZE_MIB", "1024")) << 20  # bytes of the large file
FRAMES_SIZE = SIZE // 4  # where every frame is by itself
SMALL = 128  # bytes of the small answer


class Failed(Exception):
    """A turn that gave no number; its text says why."""


def run(command, seconds=60, **more):
    """The output of a command that has so many seconds, or Failed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, **more)
    except subprocess.TimeoutExpired as e:
        raise Failed(f"{os.path.basename(command[0])}: not done after {seconds:.0f} s") from e
    except OSError as e:
        raise Failed(str(e)) from e
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-300:]
        raise Failed(said or f"{shlex.join(command)}: ended with {done.returncode}")
    return done.stdout


class Lab:
    def __init__(self):
        # In memory, and in the lab's own view of the file system: it goes with the lab, however that ends.
        self.dir = tempfile.mkdtemp(prefix="vitrine-bench.")
        run(["mount", "-t", "tmpfs", "-o", f"mode=755,size={SIZE + FRAMES_SIZE + (512 << 20)}", "bench", self.dir])
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.root = os.path.join(self.dir, "www")
        os.mkdir(self.root)
        for name, size in (("big", SIZE), ("quarter", FRAMES_SIZE), ("small", SMALL)):
            self.fill(os.path.join(self.root, name), size)
        self.far = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        mine = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{self.far.pid}/ns/net") == mine:
            time.sleep(0.02)
        self.there = ["nsenter", "-t", str(self.far.pid), "--net"]
        # Two cores: one for who serves and one for who asks, the same for all. BENCH_PIN=0: as the scheduler likes.
        pins = os.environ.get("BENCH_PIN", "1") != "0" and len(os.sched_getaffinity(0)) > 1
        cores = sorted(os.sched_getaffinity(0))
        self.on_server = ["taskset", "-c", str(cores[0])] if pins else []
        self.on_client = ["taskset", "-c", str(cores[1])] if pins else []
        self.pinned = pins
        self.lay()

    @staticmethod
    def fill(path, size):
        """Bytes that no compressor and no page of zeros makes cheaper."""
        block = os.urandom(min(size, 1 << 20))
        with open(path, "wb") as f:
            for at in range(0, size, len(block)):
                f.write(block[:size - at])
        os.utime(path, (1e9, 1e9))  # a file that was just written is kept by nobody

    def lay(self):
        far = shlex.join(self.there)
        script = ["ip tuntap add dev lw0 mode tap", "ip tuntap add dev ce0 mode tap",
                  "ip address add 10.9.1.1/24 dev lw0", "ip address add 10.9.2.1/24 dev ce0",
                  f"ip link add k0 type veth peer name k1 netns {self.far.pid}",
                  f"ip link add f0 type veth peer name f1 netns {self.far.pid}",
                  "ip address add 10.8.0.1/24 dev k0", "ip address add 10.8.1.1/24 dev f0",
                  f"{far} ip address add 10.8.0.2/24 dev k1", f"{far} ip address add 10.8.1.2/24 dev f1",
                  f"{far} ip link set lo up"]
        for dev, end, net in (("k0", "k1", "10.8.0"), ("f0", "f1", "10.8.1")):
            script += [f"ip link set {dev} up", f"{far} ip link set {end} up",
                       # The default may be another; a route says it where the system's knobs may not.
                       f"ip route change {net}.0/24 dev {dev} src {net}.1 congctl cubic",
                       f"{far} ip route change {net}.0/24 dev {end} src {net}.2 congctl cubic"]
        for dev in ("lw0", "ce0"):
            script += [f"ip link set {dev} txqueuelen 1000 up"]
        for dev, net in (("vt0", "10.9.0"), ("lw0", "10.9.1"), ("ce0", "10.9.2")):
            script += [f"ip route change {net}.0/24 dev {dev} src {net}.1 congctl cubic"]
        for dev, net in (("vt0", "10.9.0"), ("lw0", "10.9.1"), ("k0", "10.8.0"), ("f0", "10.8.1")):
            script += [f"ip address add {net}.{16 + i}/24 dev {dev}" for i in range(SOURCES)]
        off = "tso off gso off gro off tx off rx off"
        script += [f"ethtool -K f0 {off} >/dev/null", f"{far} ethtool -K f1 {off} >/dev/null",
                   "echo 1024 65535 >/proc/sys/net/ipv4/ip_local_port_range",
                   "for f in /proc/sys/net/ipv4/neigh/default/gc_thresh*; do echo 8192 >$f || :; done 2>/dev/null"]
        for where in ("sh -c", f"{far} sh -c"):
            for name, value in (("tcp_wmem", "4096 16384 67108864"), ("tcp_rmem", "4096 131072 67108864"),
                                ("tcp_no_metrics_save", "1"), ("tcp_max_syn_backlog", "8192")):
                script += [f"{where} 'echo {value} >/proc/sys/net/ipv4/{name}' 2>/dev/null || :"]
        done = subprocess.run(["sh", "-c", "set -e\n" + "\n".join(script)], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed("the lab: " + done.stderr.strip())

    # ---- programs ----

    def start(self, command, name, ready=None, seconds=15, **more):
        """A server; what it prints is in DIR/NAME.log. `ready`: what it says when it is."""
        path = os.path.join(self.dir, name + ".log")
        with open(path, "w") as log:
            process = subprocess.Popen([*self.on_server, *command], stdout=log, stderr=subprocess.STDOUT, **more)
        end = time.time() + seconds
        while ready is not None and ready not in self.log(name):
            if process.poll() is not None or time.time() > end:
                stop(process)
                raise Failed(f"{name} does not start: {self.log(name).strip()[-300:]}")
            time.sleep(0.01)
        return process

    def log(self, name):
        with open(os.path.join(self.dir, name + ".log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def client_command(self, mode, host, port, *options, sources=0):
        command = [*self.on_client, CLIENT, mode, *map(str, options)]
        if sources:
            command += ["--from", f"{host.rsplit('.', 1)[0]}.16", "--sources", str(sources)]
        return [*command, host, str(port)]

    def client(self, mode, host, port, *options, sources=0, seconds=60):
        return json.loads(run(self.client_command(mode, host, port, *options, sources=sources), seconds))

    def close(self):
        stop(self.far)
        subprocess.run(["umount", "-l", self.dir], check=False)
        os.rmdir(self.dir)


def stop(process, seconds=5):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def cpu_seconds(pids):
    """What these processes have used so far, in user and kernel."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat") as f:
                fields = f.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        except OSError:
            pass
    return total / os.sysconf("SC_CLK_TCK")


def pss(pids):
    """Bytes of memory that are theirs: shared pages by their share."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as f:
                for line in f:
                    if line.startswith("Pss:"):
                        total += int(line.split()[1]) * 1024
        except OSError:
            pass
    return total


def slab():
    """Bytes of the kernel's own objects: sockets, their inodes, dentries, epoll items …"""
    with open("/proc/meminfo") as f:
        return sum(int(line.split()[1]) * 1024 for line in f if line.startswith("Slab:"))
