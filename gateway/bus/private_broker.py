"""A RabbitMQ node of our own, for the tests, the demo and the benchmark.

It lives in one folder, listens on loopback only, on ports nobody else uses, and never touches a broker
that the machine already runs: own home, node name, cookie, port mapper and configuration.

It leaves nothing behind. The kernel kills both of its processes when the thread that started them ends
(`PR_SET_PDEATHSIG`), so not even `kill -9` of a test run leaves a broker running. That is why a node is
started from the main thread: a worker thread that ends would take its broker with it.

Everything here blocks: it is meant for set-up code, not for the reactor.
"""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from gateway.bus.probe import speaks_amqp

HOME_OF_RABBITMQ = Path("/usr/lib/rabbitmq/bin")

# Busy waiting of idle schedulers would take the processor from what is being tested beside the broker.
_ERLANG_ARGUMENTS = (
    "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none -start_epmd false "
    "-kernel inet_dist_use_interface {127,0,0,1}"
)

_CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{port}
log.file.level = warning
log.console = false
vm_memory_high_watermark.absolute = 512MiB
disk_free_limit.absolute = 50MB
raft.wal_max_size_bytes = 33554432
{extra}
"""


class BrokerFailed(RuntimeError):
    """The node did not do what was asked; the message carries the end of its log."""


def installed() -> bool:
    """Tell whether RabbitMQ is there to be started; `scripts/install-rabbitmq` installs it."""
    return (HOME_OF_RABBITMQ / "rabbitmq-server").exists()


class PrivateBroker:
    """One RabbitMQ node in `folder`. Its address stays the same across restarts.

    Args:
        folder: Where everything of the node is kept; created when missing.
        extra_config: More lines for `rabbitmq.conf`, for example a TLS listener.
        plugins: RabbitMQ's own, for example `rabbitmq_stomp`.
    """

    def __init__(self, folder: Path, extra_config: str = "", plugins: Sequence[str] = ()) -> None:
        self.folder = folder.resolve()
        self.port, self._dist_port, self._epmd_port, self._ctl_port = free_ports(4)
        self._node = f"tongqu-{secrets.token_hex(4)}@localhost"
        self._extra_config = extra_config
        self._plugins = plugins
        self._server: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The AMQP address, with the default account that RabbitMQ admits from loopback only."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    @property
    def pid(self) -> int:
        """The process of the node, for tests and for measuring what it costs."""
        if self._server is None:
            raise BrokerFailed("the broker is not running")
        return self._server.pid

    def start(self, timeout: float = 60.0) -> None:
        """Start the node and return once it speaks AMQP."""
        if threading.current_thread() is not threading.main_thread():
            raise BrokerFailed(
                "start the broker from the main thread: it ends with the thread that started it"
            )
        self._prepare()
        self._start_port_mapper()
        self._server = self._spawn(
            str(HOME_OF_RABBITMQ / "rabbitmq-server"), "-noinput", log=self.folder / "server.out"
        )
        self._wait_until(lambda: speaks_amqp("127.0.0.1", self.port, 1.0), timeout)

    def stop(self) -> None:
        """Stop the node in an orderly way; does nothing when it is not running."""
        self.resume()
        _end(self._server, signal.SIGTERM, patience=15.0)
        _end(self._epmd, signal.SIGKILL)
        self._server = self._epmd = None

    def kill(self) -> None:
        """End the node without any warning, as a power failure would."""
        _end(self._server, signal.SIGKILL)
        _end(self._epmd, signal.SIGKILL)
        self._server = self._epmd = None

    def restart(self) -> None:
        """Stop the node if it runs, and start it with what it has on disk."""
        self.stop()
        self.start()

    def wipe(self) -> None:
        """Kill the node, throw away all it knew, and start it empty."""
        self.kill()
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        self.start()

    def sync(self) -> None:
        """Make the node write down which queues it has.

        RabbitMQ 3.10 keeps the names of new quorum queues in memory for some seconds. Killed within them, it
        comes back with the queue but without its log: confirmed messages are gone, and the queue stays
        without a leader. Call this before `kill` where the test is not about that.
        """
        self.rabbitmqctl("eval", "[dets:sync(Table) || Table <- dets:all()].")

    def freeze(self) -> None:
        """Keep the node's connections open but let nothing move, as a hung machine would."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `freeze`."""
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGCONT)

    def rabbitmqctl(self, *arguments: str) -> str:
        """Run `rabbitmqctl` against this node and return what it printed. Takes about two seconds."""
        done = subprocess.run(  # noqa: S603 (a fixed program; the arguments are our own)
            [str(HOME_OF_RABBITMQ / "rabbitmqctl"), *arguments],
            env=self._environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise BrokerFailed(f"rabbitmqctl {arguments[0]}: {done.stderr or done.stdout}")
        return done.stdout

    def __enter__(self) -> PrivateBroker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _prepare(self) -> None:
        for name in ("data", "log"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        cookie = self.folder / ".erlang.cookie"
        if not cookie.exists():
            cookie.touch(mode=0o600)
            cookie.write_text(secrets.token_hex(16))
            cookie.chmod(0o400)
        (self.folder / "enabled_plugins").write_text(f"[{','.join(self._plugins)}].\n")
        (self.folder / "rabbitmq.conf").write_text(
            _CONFIGURATION.format(port=self.port, extra=self._extra_config)
        )

    def _environment(self) -> dict[str, str]:
        """Build the whole environment: nothing that is set for another broker may leak in."""
        folder = self.folder
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_CTL_DIST_PORT_MIN": str(self._ctl_port),
            "RABBITMQ_CTL_DIST_PORT_MAX": str(self._ctl_port + 5),
            "RABBITMQ_CTL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _ERLANG_ARGUMENTS,
            # The start script then becomes the node itself instead of waiting beside it, so that the
            # process we know is the one to stop, to freeze and to kill.
            "RABBITMQ_ALLOW_INPUT": "1",
        }

    def _start_port_mapper(self) -> None:
        """Run Erlang's port mapper as our child: started by Erlang it would outlive the node."""
        self._epmd = self._spawn(
            "epmd", "-address", "127.0.0.1", "-port", str(self._epmd_port), log=self.folder / "epmd.out"
        )
        self._wait_until(lambda: _listening(self._epmd_port), 10.0)

    def _spawn(self, *command: str, log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 (fixed programs)
                ["/usr/bin/setpriv", "--pdeathsig", "KILL", *command],
                env=self._environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C at the terminal is for whoever started us; they stop the broker in their own order.
                start_new_session=True,
            )

    def _wait_until(self, ready: object, timeout: float) -> None:
        assert callable(ready)
        deadline = time.monotonic() + timeout
        while not ready():
            dead = [
                child
                for child in (self._server, self._epmd)
                if child is not None and child.poll() is not None
            ]
            if dead or time.monotonic() > deadline:
                self.kill()
                raise BrokerFailed(f"the broker in {self.folder} did not start: {self._last_words()}")
            time.sleep(0.1)

    def _last_words(self) -> str:
        for name in ("server.out", "epmd.out"):
            with contextlib.suppress(OSError):
                if text := (self.folder / name).read_text(errors="replace").strip():
                    return text[-1000:]
        return "nothing was printed"


def free_ports(count: int) -> list[int]:
    """Find loopback ports below the range that the kernel gives to outgoing connections.

    A port from that range could be taken by somebody's connection while the broker restarts.
    """
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(20000, 32000)  # noqa: S311 (nothing secret about a port)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            # 25672 is where a default node talks to its cluster.
            if port != 25672 and port not in found:
                found.append(port)
    return found


def _listening(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False


def _end(process: subprocess.Popen[bytes] | None, how: signal.Signals, patience: float = 0.0) -> None:
    if process is None:
        return
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(patience or None)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
