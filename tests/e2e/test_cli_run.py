# SPDX-License-Identifier: MIT
"""joist run: what a person sees, what stops it, what keeps it from starting."""
import contextlib
import os
import re
import resource
import signal
import socket
import subprocess

import pytest

from lib import net
from lib.client import Client, fetch
from lib.server import BINARY, Joist
from lib.terminal import Terminal

SITE = '[[sites]]\nrespond = "hello"\n'


@contextlib.contextmanager
def claimed():
    claim = net.PortClaim()
    try:
        yield claim
    finally:
        claim.release()


def run(tmp_path, text, *arguments, env=None):
    (tmp_path / "joist.toml").write_text(text)
    return subprocess.run([BINARY, "run", *arguments], capture_output=True, text=True, cwd=tmp_path,
                          env={**os.environ, **(env or {})}, timeout=net.PATIENCE_S, check=False,
                          stdin=subprocess.DEVNULL)


def at_terminal(folder, text, env=None, arguments=("run",)):
    (folder / "joist.toml").write_text(text)
    return Terminal([BINARY, *arguments], folder, {**os.environ, "TERM": "xterm", **(env or {})})


def test_start_screen(tmp_path):
    with claimed() as claim:
        text = f'[log]\naccess = "off"\n[[listeners]]\nbind = "127.0.0.1:{claim.port}"\n{SITE}'
        with at_terminal(tmp_path, text, {"NO_COLOR": "1"}) as terminal:
            shown = terminal.read_until("Press Ctrl-C to stop.")
            assert f"  http://127.0.0.1:{claim.port}\n" in shown
            assert "serves 1 route of joist.toml" in shown
            assert "\033" not in shown
            assert fetch(claim.port).body == b"hello"
            terminal.process.send_signal(signal.SIGINT)
            assert "Ctrl-C again ends at once" in terminal.read_until("at once.")
            assert terminal.process.wait(net.PATIENCE_S) == 0


def test_start_screen_names_a_free_port_and_the_hosts(tmp_path):
    text = ('[log]\naccess = "off"\n[[listeners]]\nbind = ":0"\n'
            '[[sites]]\nhosts = ["a.test", "b.test"]\nrespond = "x"\n')
    with at_terminal(tmp_path, text, arguments=()) as terminal:
        shown = terminal.read_until("Press Ctrl-C to stop.")
        port = int(re.search(r"http://localhost:(\d+)  \(every address", shown).group(1))
        assert port > 0
        assert "answers to: a.test" in shown
        socket.create_connection(("127.0.0.1", port), net.PATIENCE_S).close()


def test_colours_only_on_a_terminal_that_wants_them(tmp_path):
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        with at_terminal(tmp_path, "x = 1\n", env) as terminal:
            shown = terminal.read_until("nothing to serve")
            assert ("\033[1;31merror:\033[0m" in shown) == coloured, env


def test_without_a_terminal_there_is_a_log_line(run_joist):
    joist = run_joist(SITE)
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info LISTENING ",
                    joist.wait_log("LISTENING"))
    assert str(joist.port) in joist.wait_log("LISTENING")
    assert "Press Ctrl-C" not in joist.errors()


def test_a_wrong_file_starts_nothing(tmp_path):
    with claimed() as claim:
        done = run(tmp_path, f'[[listeners]]\nbind = "127.0.0.1:{claim.port}"\n[[sites]]\n'
                             'rooot = "."\nhost = "a..b"\n[server]\nthreads = 0\n')
    assert done.returncode == 1
    assert not done.stdout
    assert re.findall(r"^joist\.toml:(\d+):\d+: error: ", done.stderr, re.M) == ["4", "7"]
    assert "LISTENING" not in done.stderr


def test_who_connects_while_it_starts_is_served(tmp_path):
    """No socket that has listened once is closed again: that would reset who waits in its queue."""
    for number in range(5):
        with Joist(tmp_path / f"{number}", SITE, ready=False) as joist:
            served = net.wait_for(lambda: first_connection(joist.port), "connected", step_s=0)
            assert served.status == 200


def first_connection(port):
    """The answer to a request on the first connection that the port takes; None: it took none."""
    try:
        client = Client(port)
    except ConnectionRefusedError:
        return None
    with client:
        return client.get()


def test_port_in_use_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        done = run(tmp_path, f'{SITE}[[listeners]]\nbind = "127.0.0.1:{port}"\n')
    assert done.returncode == 1
    assert f"joist.toml:4:8: error: " in done.stderr
    assert str(port) in done.stderr and "in use" in done.stderr


def test_default_port_in_use_says_how_to_choose(tmp_path):
    """Nothing in the file says the port: one must learn where to write another."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("0.0.0.0", 8080))
            taken.listen(1)
        except OSError:
            pass  # somebody else has it: as good
        done = run(tmp_path, SITE)
    assert done.returncode == 1
    error, remedy = done.stderr.splitlines()
    assert error.startswith("error: cannot listen on ':8080': ") and " in use by " in error
    assert remedy == 'help: another port: add [[listeners]] with bind = ":8081"'


def test_all_of_two_listeners_or_none(tmp_path):
    with claimed() as claim, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        done = run(tmp_path, f'{SITE}[[listeners]]\nbind = "127.0.0.1:{claim.port}"\n'
                             f'[[listeners]]\nbind = "127.0.0.1:{taken.getsockname()[1]}"\n')
    assert done.returncode == 1


def test_log_that_cannot_be_opened(tmp_path):
    done = run(tmp_path, f'[log]\nerror = "nowhere/at/all.log"\n{SITE}')
    assert done.returncode == 1
    assert "joist.toml:2:9: error: cannot open the log 'nowhere/at/all.log'" in done.stderr
    done = run(tmp_path, f'[log]\naccess = {{ path = "nowhere/at/all.log" }}\n{SITE}')
    assert done.returncode == 1
    assert "joist.toml:2:10: error: cannot open the log 'nowhere/at/all.log'" in done.stderr


def test_file_that_is_not_there(tmp_path):
    done = run(tmp_path, SITE, "other.toml")
    assert done.returncode == 1
    assert done.stderr == "error: cannot read 'other.toml': No such file or directory\n"


def test_missing_root_is_a_warning(tmp_path, run_joist):
    joist = run_joist(f'[[sites]]\nhost = "a.test"\nroot = "nowhere"\n{SITE}')
    assert fetch(joist.port).body == b"hello"
    assert fetch(joist.port, host="a.test").status == 404
    assert re.search(r"joist\.toml:3:8: warning: .*nowhere", joist.errors())


def test_descriptor_limit_is_raised(tmp_path):
    def lower():
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))

    with claimed() as claim:
        (tmp_path / "joist.toml").write_text(
            f'[log]\naccess = "off"\n[[listeners]]\nbind = "127.0.0.1:{claim.port}"\n{SITE}')
        process = subprocess.Popen([BINARY, "run"], cwd=tmp_path, preexec_fn=lower,
                                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            net.wait_for(lambda: can_connect(claim.port), "no listener")
            with open(f"/proc/{process.pid}/limits", encoding="ascii") as limits:
                line = next(text for text in limits if text.startswith("Max open files"))
            soft, hard = line.split()[3:5]
            assert soft == hard
        finally:
            process.terminate()
            assert process.wait(net.PATIENCE_S) == 0


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_server_ends_cleanly(tmp_path, number):
    with Joist(tmp_path, SITE) as joist:
        joist.signal(number)
        assert joist.wait() == 0


def test_variables_reach_the_server(run_joist):
    joist = run_joist('[[sites]]\nrespond = "${GREETING} ${WHO:you}$${x}"\n',
                      env={"GREETING": "hello"})
    assert fetch(joist.port).body == b"hello you${x}"


def test_log_is_opened_anew_after_rotation(run_joist, tmp_path):
    joist = run_joist(f'[log]\naccess = {{ format = "json", path = "access.log" }}\n{SITE}')
    log, moved = joist.folder / "access.log", joist.folder / "access.log.1"

    fetch(joist.port, "/first")
    net.wait_for(lambda: "/first" in log.read_text(), "the first line")
    log.rename(moved)

    def ask():
        fetch(joist.port, "/later")
        return log.exists() and "/later" in log.read_text()

    net.wait_for(ask, "a new file")
    assert "/first" in moved.read_text() and "/first" not in log.read_text()


def test_a_full_disk_costs_lines_and_is_told_once(run_joist):
    joist = run_joist(f'[log]\naccess = {{ path = "/dev/full" }}\n{SITE}')
    for _ in range(3):
        assert fetch(joist.port).body == b"hello"
    assert re.match(r'\d{4}-\d\d-\d\dT[\d:.]+Z warn LOG_FAILED path=/dev/full err="No space left on '
                    r'device" ', joist.wait_log("LOG_FAILED"))
    assert joist.errors().count("LOG_FAILED") == 1


def test_hangup_is_no_end_and_says_so(run_joist):
    """Reload has no signal yet: the server must neither die of it nor keep quiet."""
    joist = run_joist(SITE)
    joist.signal(signal.SIGHUP)
    assert " warn SIGHUP_IGNORED why=" in joist.wait_log("SIGHUP_IGNORED")
    assert fetch(joist.port).body == b"hello"


def test_hangup_of_the_terminal_ends(tmp_path):
    """A window that is closed takes the server in it along, not its port for ever."""
    with claimed() as claim:
        text = f'[log]\naccess = "off"\n[[listeners]]\nbind = "127.0.0.1:{claim.port}"\n{SITE}'
        terminal = at_terminal(tmp_path, text)
        try:
            terminal.read_until("Press Ctrl-C to stop.")
            os.close(terminal.master)
            terminal.process.send_signal(signal.SIGHUP)
            assert terminal.process.wait(net.PATIENCE_S) == 0
        finally:
            if terminal.process.poll() is None:
                terminal.process.kill()
                terminal.process.wait()
