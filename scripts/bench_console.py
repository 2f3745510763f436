#!/usr/bin/env python3
"""The part of scripts/bench that needs a terminal: plays one, looks at what is drawn, and times it.

    bench_console.py WIMFORGE WORK STAGE...     stages: paint keys attach log journal

WIMFORGE is the program (a copy of its own: its path names our processes), WORK a folder with lab/disk.img (applied
once) and lab/reference.wim. Prints rows of the table, and after them one sentence for each on how it was taken.
"""

import json
import os
import pty
import random
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from fcntl import ioctl

COLUMNS, ROWS = 80, 24
LIMIT = 60.0

SEQUENCE = re.compile(rb"\x1b(?:\[([0-?]*)[ -/]*([@-~])|[()][0-9A-Za-z]|[@-Z\\^_=>78])")
# What may be the beginning of one.
BEGUN = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[()])?\Z")


class Screen:
    """The cells of a terminal, as far as the console uses one: cursor moves, erasing and text; colours are skipped."""

    def __init__(self):
        self.cells = [[" "] * COLUMNS for _ in range(ROWS)]
        self.row = self.column = 0
        self.rest = b""
        self.in_frame = False

    def feed(self, data):
        data, self.rest = self.rest + data, b""
        at = 0
        while at < len(data):
            if data[at] == 0x1B:
                found = SEQUENCE.match(data, at)
                if not found:
                    if BEGUN.match(data, at):
                        self.rest = data[at:]
                        return
                    raise ValueError(f"an unknown sequence: {data[at:at + 20]!r}")
                if found[2]:
                    self.control(found[1].decode(), found[2].decode())
                at = found.end()
            elif data[at] < 0x20:
                self.column = 0 if data[at] == 0x0D else self.column
                at += 1
            else:
                end = at + 1
                while end < len(data) and data[end] >= 0x20:
                    end += 1
                text = data[at:end]
                try:
                    text = text.decode()
                except UnicodeDecodeError as error:
                    if end < len(data) or error.end < len(text):
                        raise
                    text, self.rest = text[: error.start].decode(), text[error.start :]
                for sign in text:
                    if self.row < ROWS and self.column < COLUMNS:
                        self.cells[self.row][self.column] = sign
                    self.column += 1
                at = end

    def control(self, given, final):
        if final == "H":
            row, _, column = given.partition(";")
            self.row, self.column = int(row or 1) - 1, int(column or 1) - 1
        elif final == "J" and given in ("2", "3"):
            self.cells = [[" "] * COLUMNS for _ in range(ROWS)]
        elif final == "K" and given in ("", "0"):
            self.cells[self.row][self.column :] = [" "] * (COLUMNS - self.column)
        elif given == "?2026":
            self.in_frame = final == "h"
        elif final not in "hlmnqtu":
            raise ValueError(f"an unknown control: {given}{final}")

    def text(self):
        return "\n".join("".join(row) for row in self.cells)


class Ended(RuntimeError):
    """The console has left its terminal."""


class Console:
    """The program in a terminal of 80x24."""

    def __init__(self, *arguments):
        self.screen = Screen()
        self.bytes = 0
        self.master, slave = pty.openpty()
        ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        environment = dict(os.environ, TERM="xterm-256color", LC_ALL="C.UTF-8")
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            arguments, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        os.close(slave)

    def read(self, seconds):
        """Takes in what comes next; the moment it came, or none."""
        ready, _, _ = select.select([self.master], [], [], max(seconds, 0))
        if not ready:
            return None
        try:
            data = os.read(self.master, 1 << 16)
        except OSError:
            data = b""
        at = time.perf_counter()
        if not data:
            raise Ended(f"the console has ended; its screen:\n{self.screen.text()}")
        self.bytes += len(data)
        self.screen.feed(data)
        return at

    def wait(self, wanted, limit=LIMIT):
        """Until the screen is as wanted, after a whole frame; the moment its last bytes came."""
        end = time.perf_counter() + limit
        while True:
            at = self.read(end - time.perf_counter())
            if at is None:
                raise RuntimeError(f"waited in vain; the screen:\n{self.screen.text()}")
            if not self.screen.in_frame and wanted(self.screen.text()):
                return at

    def rest(self, seconds):
        """Reads on for a while."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            self.read(end - time.perf_counter())

    def type(self, keys):
        at = time.perf_counter()
        os.write(self.master, keys.encode())
        return at

    def leave(self):
        """Detaches, and waits for the end of the console."""
        self.type("q")
        try:
            while self.read(LIMIT) is not None:
                pass
        except Ended:
            pass
        self.close()

    def close(self):
        if self.master is None:
            return
        os.close(self.master)
        self.master = None
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def median(values):
    values = sorted(values)
    return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2


def percentile(values, share):
    """The smallest value that at least this share of all does not exceed."""
    values = sorted(values)
    return values[max(0, -(-len(values) * share // 100) - 1)]


def ms(seconds):
    return f"{seconds * 1000:.0f} ms"


def mib(kib):
    return f"{kib / 1024:.0f} MiB"


def size(count):
    for unit in ("bytes", "KB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000


class Bench:
    def __init__(self, wimforge, work):
        self.wimforge, self.work = wimforge, work
        self.disk = f"{work}/lab/disk.img"
        self.consoles = []
        self.notes = []

    def say(self, text):
        print(f"bench: {text}", file=sys.stderr, flush=True)

    def row(self, what, ours, target, note):
        print(f"| {what} | {ours} | | |{f' {target}' if target else ''} |", flush=True)
        self.notes.append(f"{what}: {note}")

    # The engine.

    def sequence(self, name, *steps):
        path = f"{self.work}/{name}.ron"
        with open(path, "w") as file:
            file.write(f'Sequence(schema: 1, name: "bench {name}", steps: [{", ".join(steps)}])\n')
        return path

    def console(self, *arguments):
        self.consoles.append(Console(self.wimforge, *arguments))
        return self.consoles[-1]

    @staticmethod
    def forget():
        """Removes earlier runs."""
        shutil.rmtree(os.environ["WIMFORGE_RUNTIME_DIR"], ignore_errors=True)

    def ctl(self, *arguments):
        done = subprocess.run([self.wimforge, "ctl", *arguments], capture_output=True, text=True)
        if done.returncode not in (0, 1):
            raise RuntimeError(f"ctl {' '.join(arguments)}: {done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def start(self, path, *more):
        """An unattended run, its plain lines unread: the client that started it leaves, the run goes on."""
        self.forget()
        client = subprocess.Popen(
            [self.wimforge, "run", path, "--disk", f"0={self.disk}", "--plain", "--confirm-disk", "0"]
            + ["--confirm-replace", *more],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            state = self.state()
            if state.get("run"):
                os.kill(client.pid, signal.SIGKILL)
                client.wait()
                return state
            if client.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"{path} does not start")

    def state(self):
        done = subprocess.run([self.wimforge, "ctl", "status"], capture_output=True, text=True)
        return json.loads(done.stdout)["Snapshot"] if done.returncode == 0 else {}

    def processes(self):
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                if os.readlink(f"/proc/{name}/exe") == self.wimforge:
                    with open(f"/proc/{name}/cmdline") as file:
                        yield int(name), file.read().split("\0")
            except OSError:
                pass

    def engine(self):
        for pid, line in self.processes():
            if line[1:2] == ["engine"]:
                return pid
        raise RuntimeError("no engine is running")

    def stop(self):
        """Ends consoles, run and engine."""
        while self.consoles:
            self.consoles.pop().close()
        subprocess.run([self.wimforge, "ctl", "cancel", "--kill"], capture_output=True)
        end = time.monotonic() + 20
        while any(True for _ in self.processes()) and time.monotonic() < end:
            subprocess.run([self.wimforge, "ctl", "shutdown"], capture_output=True)
            time.sleep(0.1)
        for pid, _ in self.processes():
            os.kill(pid, signal.SIGKILL)

    # The stages.

    def paint(self, rounds=3, idle_seconds=10):
        path = self.sequence("pause", 'Step(name: "pause", action: Pause(message: "The bench waits."))')
        first, sent, idle = [], [], []
        for _ in range(rounds):
            self.forget()
            console = self.console("run", path, "--disk", f"0={self.disk}")
            at = console.wait(lambda text: "The bench waits." in text)
            first.append(at - console.started)
            sent.append(console.bytes)
            console.rest(1)
            before = console.bytes
            console.rest(idle_seconds)
            idle.append((console.bytes - before) / idle_seconds)
            console.leave()
            self.stop()
        self.row(
            "first paint at 80x24, with the start of the engine",
            f"{ms(median(first))}, {median(sent):.0f} bytes",
            "100 ms, 6 KB",
            f"median of {rounds} starts of `wimforge run`, from exec to the whole frame with the first step's question",
        )
        self.row(
            "idle at a question",
            f"{median(idle):.0f} bytes/s",
            "20 bytes/s",
            f"what the terminal got in {idle_seconds} s, from one second after the question on",
        )

    def captures(self, name, count):
        target = f"{self.work}/ours.wim"
        return self.sequence(
            name,
            *(
                f'Step(name: "capture {n}", action: CaptureOperatingSystem(destination: "{target}", existing: Replace))'
                for n in range(count)
            ),
        )

    def keys(self, presses=200):
        panels = (">1 Steps", ">2 Variables", ">3 Log")
        dice = random.Random(7)

        def panel(text):
            return next((panel for panel in panels if panel in text), None)

        # The same file time and again: the pre-flight check is right to object.
        self.start(self.captures("captures", 30), "--override-preflight", "override")
        console = self.console("attach")
        console.wait(lambda text: panel(text) and "capture 0" in text)
        took = []
        for _ in range(presses):
            console.rest(dice.uniform(0.05, 0.35))
            before = panel(console.screen.text())
            pressed = console.type("\t")
            took.append(console.wait(lambda text: panel(text) not in (None, before)) - pressed)
        state = self.state()
        if state.get("end") or "capture" not in state["plan"]["nodes"][state["current"]]["name"]:
            raise RuntimeError("no capture was going on any more")
        self.row(
            "key press to screen during a capture with all processors",
            f"{ms(median(took))} (median), {ms(percentile(took, 95))} (95th percentile)",
            "50 ms (95th percentile)",
            f"{presses} times Tab at random intervals on a pty, attached to captures of the lab's volume; from the write of "
            f"the key to the bytes that mark the next panel; the longest {ms(max(took))}",
        )
        self.attached("attach to first paint, during the same captures", "capture ")
        self.stop()

    def attached(self, what, name, times=20, more=""):
        took, sent = [], []
        for _ in range(times):
            console = self.console("attach")
            took.append(console.wait(lambda text: "1 Steps" in text and name in text) - console.started)
            sent.append(console.bytes)
            console.leave()
        self.row(
            what,
            f"{ms(median(took))} (median), {ms(max(took))} (longest)",
            "150 ms",
            f"{times} times `wimforge attach` on a pty, from exec to the end of the first frame with the step's name"
            f" ({median(sent):.0f} bytes){more}",
        )

    def attach(self, steps=10_000):
        self.start(
            self.sequence(
                "long",
                'Step(name: "Fill the log", action: RunCommandLine(command: "seq 3000"))',
                'Step(name: "Hold here", action: RunCommandLine(command: "sleep 900"))',
                *(
                    f'Step(name: "Step {n}", action: SetVariable(variable: "V{n}", value: "x"))'
                    for n in range(3, steps + 1)
                ),
            )
        )
        end = time.monotonic() + LIMIT
        while True:
            state = self.state()
            if state["current"] is not None and state["plan"]["nodes"][state["current"]]["name"] == "Hold here":
                break
            if time.monotonic() > end:
                raise RuntimeError("the run does not get to its second step")
            time.sleep(0.2)
        snapshot = len(json.dumps(state, separators=(",", ":"), ensure_ascii=False).encode())
        self.attached(
            f"attach to first paint, {len(state['nodes']):,} steps and {len(state['log']):,} lines of log",
            "Hold here",
            more=f"; the snapshot has {size(snapshot)}",
        )
        self.stop()

    def log(self, lines=10_000_000):
        self.start(
            self.sequence(
                "log",
                'Step(name: "before", action: RunCommandLine(command: "sleep 3"))',
                f"Step(name: \"lines\", action: RunCommandLine(command: \"seq -f 'line %.0f of a long log' 1 {lines}\"))",
                'Step(name: "after", action: RunCommandLine(command: "sleep 4"))',
            )
        )
        engine = self.engine()
        console = self.console("attach")
        console.wait(lambda text: "before" in text)
        console.rest(0.5)

        def memory(pid):
            with open(f"/proc/{pid}/status") as file:
                fields = dict(line.split(":", 1) for line in file)
            return int(fields["VmHWM"].split()[0])

        before = memory(engine), memory(console.process.pid)
        # The frames of the flood are read as a terminal would.
        console.wait(lambda text: "▶ lines" in text)
        flood = console.bytes
        console.wait(lambda text: "▶ after" in text, limit=1800)
        flood = console.bytes - flood
        after = memory(engine), memory(console.process.pid)
        state = self.state()
        step = next(n for n, node in enumerate(state["plan"]["nodes"]) if node["name"] == "lines")
        seconds = state["nodes"][step]["attempts"][-1]["millis"] / 1000
        folder = state["folder"]
        journal = os.path.getsize(f"{folder}/journal.jsonl")
        logs = sum(entry.stat().st_size for entry in os.scandir(folder) if entry.name.endswith(".log"))
        self.row(
            f"a step that logs {lines:,} lines",
            f"{seconds:.1f} s, {lines / seconds:,.0f} lines/s",
            "",
            f"time of the step in its run, with a console attached; journal {size(journal)}, log files {size(logs)}, "
            f"{size(flood)} to the terminal",
        )
        self.row(
            "memory before and after it",
            f"engine {mib(before[0])} and {mib(after[0])}, console {mib(before[1])} and {mib(after[1])}",
            "no growth with the log",
            "the most that each process ever had resident (VmHWM)",
        )
        took = []
        for _ in range(3):
            at = time.perf_counter()
            found = self.ctl("log", "--find", "line 1 of a long log", "--lines", "1")["Log"]
            took.append(time.perf_counter() - at)
            if [line["text"] for line in found["lines"]] != ["line 1 of a long log"]:
                raise RuntimeError(f"the first line was not found: {found}")
        self.row(
            "search of that log from its end to its beginning",
            f"{median(took):.1f} s",
            "",
            "median of 3 times `wimforge ctl log --find` for the first of the lines",
        )
        console.leave()
        self.stop()

    def journal(self, idle_seconds=60):
        """Bytes that a run writes to its journal, an hour."""

        def events(folder):
            with open(f"{folder}/journal.jsonl", "rb") as file:
                file.readline()
                return [(json.loads(line), len(line)) for line in file]

        def rate(bytes_written, seconds):
            return f"{size(bytes_written * 3600 / seconds)} an hour"

        # Build and capture, as it comes with the program.
        self.start(
            "sequences/lab-build-and-capture.ron",
            *("--firmware", "uefi", "--set", f"LabImage={self.work}/lab/reference.wim"),
            *("--set", f"OSDCaptureDestination={self.work}/journal.wim"),
        )
        state = self.until_end()
        whole = events(state["folder"])
        total = sum(length for _, length in whole)
        seconds = (whole[-1][0]["at"] - whole[0][0]["at"]) / 1000
        self.stop()
        self.row(
            "journal of a build and capture in the lab",
            f"{size(total)} in {seconds:.1f} s, {rate(total, seconds)}",
            "",
            f"bytes of its {len(whole)} events, and as if it went on like that",
        )
        # A capture that takes a while; longer ones only write longer.
        self.start(
            self.sequence(
                "slow",
                f'Step(name: "capture", action: CaptureOperatingSystem(destination: "{self.work}/slow.wim", '
                "existing: Replace, compression: Max))",
            )
        )
        state = self.until_end()
        slow = events(state["folder"])
        self.stop()
        begun, writing, written, ended = self.writing([event["body"] for event, _ in slow])
        steady = sum(length for _, length in slow[writing + 1 : written])
        around = sum(length for _, length in slow[begun : ended + 1]) - steady
        seconds = (slow[written][0]["at"] - slow[writing][0]["at"]) / 1000
        self.row(
            "journal of a capture of one hour",
            f"{size(around + steady * 3600 / seconds)}, {rate(steady, seconds)} of it while it writes",
            "",
            f"a capture with the compression Max: {size(around)} for its beginning and end, {size(steady)} in the "
            f"{seconds:.1f} s of writing between",
        )
        # Waiting at a question.
        self.forget()
        path = self.sequence("pause", 'Step(name: "pause", action: Pause(message: "The bench waits."))')
        console = self.console("run", path, "--disk", f"0={self.disk}")
        console.wait(lambda text: "The bench waits." in text)
        folder = self.state()["folder"]
        before = os.path.getsize(f"{folder}/journal.jsonl")
        console.rest(idle_seconds)
        idle = os.path.getsize(f"{folder}/journal.jsonl") - before
        console.leave()
        self.stop()
        self.row(
            "journal of an hour at a question",
            rate(idle, idle_seconds),
            "",
            f"growth of the file in {idle_seconds} s, a console attached",
        )

    @staticmethod
    def writing(bodies):
        """Places of the events at which a capture began, began to write, went on to its next phase, and ended."""
        begun = next(at for at, body in enumerate(bodies) if "StepStarted" in body)
        phases = [at for at, body in enumerate(bodies) if "StepPhase" in body]
        write = next(n for n, at in enumerate(phases) if bodies[at]["StepPhase"]["phase"] == "writing")
        ended = next(at for at, body in enumerate(bodies) if "StepFinished" in body)
        return begun, phases[write], phases[write + 1], ended

    def until_end(self):
        end = time.monotonic() + 600
        while time.monotonic() < end:
            state = self.state()
            if state.get("end"):
                if state["end"]["outcome"] != "Succeeded":
                    raise RuntimeError(f"the run failed: {state['end']['summary']}")
                return state
            time.sleep(0.2)
        raise RuntimeError("the run does not end")


def main():
    wimforge, work, *stages = sys.argv[1:]
    bench = Bench(os.path.realpath(wimforge), work)
    failed = False
    for stage in stages:
        bench.say(f"at a terminal: {stage}")
        try:
            getattr(bench, stage)()
        except (RuntimeError, OSError) as error:
            bench.say(f"{stage} failed: {error}")
            failed = True
        finally:
            bench.stop()
    print()
    for note in bench.notes:
        print(f"- {note}.")
    sys.exit(failed)


main()
