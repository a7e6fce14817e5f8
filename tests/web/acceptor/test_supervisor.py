"""Processes: what lives when another dies, and in which order they end."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.faults.direct import Load, eventually, know_a_site, missing, send, send_many
from tests.running import BridgeDiedError, RunningBridge

DIED = "acceptor_died"


@pytest.fixture
def url(tmp_path: Path) -> str:
    made = f"sqlite:///{tmp_path / 'data' / 'zoombridge.db'}"
    know_a_site(made, tmp_path / "data")
    return made


@pytest.fixture
def data(url: str, tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def bridge(data: Path) -> Iterator[RunningBridge]:
    with RunningBridge(data, "--acceptors", "1") as running:
        yield running


def acceptors(bridge: RunningBridge) -> list[int]:
    """The processes that a bridge has started, and that run."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            told = status.read_text()
        except OSError:
            continue  # it has just ended
        if f"\nPPid:\t{bridge.pid}\n" in told and "\nState:\tZ" not in told:
            found.append(int(status.parent.name))
    return found


def another(bridge: RunningBridge, before: list[int]) -> list[int]:
    """Wait until those that were there have made place for as many others."""
    return list(
        eventually(lambda: now if len(now := acceptors(bridge)) == len(before) and now != before else None)
    )


def await_answers(load: Load, moment: int) -> None:
    """Wait until some more have been acknowledged since so many were answered."""
    eventually(lambda: len(load.after(moment, 204)) > 20)


def port_of(bridge: RunningBridge) -> int:
    return int(bridge.url.rpartition(":")[2])


def is_gone(pid: int) -> bool:
    """Whether a process has ended, though nobody may have asked for its status yet."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


class TestAcceptorDies:
    def test_nothing_acknowledged_is_lost_and_service_goes_on(
        self, bridge: RunningBridge, url: str, data: Path
    ) -> None:
        with Load([bridge.url]) as load:
            for _ in range(3):
                before = acceptors(bridge)
                sent = len(load.sent)
                await_answers(load, sent)
                for pid in before:
                    os.kill(pid, signal.SIGKILL)
                another(bridge, before)
            sent = len(load.sent)
            await_answers(load, sent)

        assert {one.status for one in load.sent} <= {204, 0}, "what was under way broke off, and comes again"
        assert bridge.log().count(DIED) == 3
        bridge.stop()
        assert missing(url, data, load.sent) == set()

    def test_what_comes_meanwhile_waits(self, bridge: RunningBridge) -> None:
        """The address stays open, because the bridge's process holds it as well."""
        for pid in acceptors(bridge):
            os.kill(pid, signal.SIGKILL)
        assert send(bridge.url).status == 204

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    def test_signals_leave_it_alone(self, bridge: RunningBridge, number: signal.Signals) -> None:
        before = acceptors(bridge)
        for pid in before:
            os.kill(pid, number)
        assert send(bridge.url).status == 204
        assert acceptors(bridge) == before
        assert DIED not in bridge.log()


def start_at(data: Path, port: int) -> RunningBridge | None:
    """Start a bridge; None where the acceptors of the one before still listen, which a busy machine ends late."""
    try:
        return RunningBridge(data, port=port)
    except BridgeDiedError as error:
        if "Cannot listen" not in str(error):
            raise
        return None


class TestBridgeDies:
    def test_its_acceptors_end_with_it(self, data: Path) -> None:
        bridge = RunningBridge(data, "--acceptors", "2")
        pids = acceptors(bridge)
        assert len(pids) == 2
        bridge.kill()
        eventually(lambda: all(map(is_gone, pids)))

    def test_the_next_one_has_the_same_address_at_once(self, data: Path, url: str) -> None:
        sent, port = [], 0
        for _ in range(4):
            bridge = eventually(lambda: start_at(data, port))  # noqa: B023 - at once
            port = port_of(bridge)
            sent += [send(bridge.url) for _ in range(3)]
            bridge.kill()
        assert {one.status for one in sent} == {204}
        assert missing(url, data, sent) == set()

    def test_where_another_listens_it_says_so(self, data: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            done = subprocess.run(
                [*RunningBridge.COMMAND, "serve", "--port", str(other.getsockname()[1]), "--data", str(data)],
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
        assert done.returncode == 1
        assert "Cannot listen" in done.stderr


class TestBridgeHangs:
    def test_zoom_hears_in_time_to_send_again(self, bridge: RunningBridge, url: str, data: Path) -> None:
        before = send_many(bridge.url, 20, at_once=10)
        os.kill(bridge.pid, signal.SIGSTOP)
        try:
            meanwhile = send_many(bridge.url, 40, at_once=20)
        finally:
            os.kill(bridge.pid, signal.SIGCONT)
        after = [eventually(lambda: one if (one := send(bridge.url)).status == 204 else None)]
        assert {one.status for one in before} == {204}
        assert {one.status for one in meanwhile} == {503}
        assert all(one.retry_after for one in meanwhile)
        bridge.stop()
        assert missing(url, data, before + after) == set()


class TestStop:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_answers_what_has_begun_and_leaves_no_process_behind(
        self, bridge: RunningBridge, url: str, data: Path, number: signal.Signals
    ) -> None:
        """A terminal's Ctrl-C, and a service manager's end, reach every process at once."""
        pids = acceptors(bridge)
        with Load([bridge.url], senders=8) as load:
            await_answers(load, 0)
            for pid in [*pids, bridge.pid]:
                os.kill(pid, number)
            eventually(lambda: all(map(is_gone, pids)))
        bridge.stop()
        # What was not accepted any more was refused by the machine, what a busy machine could not store in Zoom's time is
        # sent again; nothing else broke off.
        assert {one.status for one in load.sent} <= {204, 503, 0}
        assert missing(url, data, load.sent) == set()
        assert DIED not in bridge.log()

    def test_a_request_that_is_half_there_is_waited_for(self, bridge: RunningBridge) -> None:
        body = b"{}"
        head = (
            f"POST /sites/s1/wp-json/vczapi/v1/meeting HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        )
        with socket.create_connection(("127.0.0.1", port_of(bridge)), timeout=600) as line:
            line.sendall(f"{head}Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n".encode())
            assert line.recv(1000).startswith(b"HTTP/1.1 100")
            os.kill(bridge.pid, signal.SIGTERM)
            eventually(lambda: "Stopping" in bridge.log())
            line.sendall(body)
            assert line.recv(1000).startswith(b"HTTP/1.1 401")
        bridge.stop()

    def test_an_acceptor_that_hangs_does_not_hold_it_up(self, bridge: RunningBridge) -> None:
        (pid,) = acceptors(bridge)
        os.kill(pid, signal.SIGSTOP)
        bridge.stop()
        eventually(lambda: is_gone(pid))


class TestSeveral:
    def test_take_turns_and_each_may_die(self, data: Path, url: str) -> None:
        with RunningBridge(data, "--acceptors", "3") as bridge:
            before = acceptors(bridge)
            assert len(before) == 3
            sent = send_many(bridge.url, 60, at_once=20)
            os.kill(before[0], signal.SIGKILL)
            another(bridge, before)
            sent += send_many(bridge.url, 60, at_once=20)
        assert [one.status for one in sent].count(204) >= 100
        assert missing(url, data, sent) == set()

    def test_none_is_one_process_as_well(self, data: Path, url: str) -> None:
        with RunningBridge(data, "--acceptors", "0") as bridge:
            assert acceptors(bridge) == []
            sent = send_many(bridge.url, 20, at_once=10)
            assert requests.get(f"{bridge.url}/readyz", timeout=600).status_code == 200
        assert {one.status for one in sent} == {204}
        assert missing(url, data, sent) == set()


class TestSecrets:
    def test_an_acceptor_holds_none(self, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """No key, no address of a database, no file of it: whoever gets into it finds HTTP."""
        with RunningBridge(data, database_url=f"sqlite:///{data / 'zoombridge.db'}") as bridge:
            assert send(bridge.url).status == 204
            pid = acceptors(bridge)[0]
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            opened = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()]
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        assert b"ZOOMBRIDGE" not in environment + command
        assert not [path for path in opened if re.search(r"\.(db|key|lock)", path)]


class TestStart:
    def test_that_fails_says_what_to_do(self, data: Path, tmp_path: Path) -> None:
        """A package that cannot be imported, here: the acceptor says so, and the bridge what else there is."""
        (tmp_path / "broken").mkdir()
        (tmp_path / "broken" / "sitecustomize.py").write_text(
            "import sys\nif 'web.acceptor' in sys.orig_argv: raise SystemExit('no acceptor today')\n"
        )
        done = subprocess.run(
            [*RunningBridge.COMMAND, "serve", "--port", "0", "--data", str(data)],
            env=os.environ | {"PYTHONPATH": str(tmp_path / "broken")},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 1
        assert "no acceptor today" in done.stderr
        assert "--acceptors 0" in done.stderr

    def test_what_lies_in_the_folder_is_not_taken_for_the_bridge(self, data: Path, tmp_path: Path) -> None:
        here = tmp_path / "here"
        (here / "web").mkdir(parents=True)
        (here / "web" / "__init__.py").write_text("raise SystemExit('not the bridge')\n")
        root = Path(__file__).parents[3]
        done = subprocess.Popen(
            [*RunningBridge.COMMAND[:1], "-P", *RunningBridge.COMMAND[1:], "serve", "--port", "0"],
            cwd=here,
            env=os.environ | {"PYTHONPATH": str(root), "ZOOMBRIDGE_DATA": str(data)},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert done.stdout is not None
            assert "serves on" in done.stdout.readline()
        finally:
            done.terminate()
            done.communicate(timeout=300)
