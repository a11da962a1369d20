"""A program that packs a file with zlib, and does what no program should where it is told to.

    faulty encode|decode FAULT SOURCE TARGET

It writes down each call, as a line of JSON, in the file that FAULTY_CALLS names.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import zlib
from pathlib import Path

MIB = 2**20
PICTURE_MIB = 200
FOR_EVER_S = 600


def pack(source, target):
    target.write_bytes(zlib.compress(source.read_bytes()))


def unpack(source, target):
    target.write_bytes(zlib.decompress(source.read_bytes()))


def note(**values):
    if "FAULTY_CALLS" in os.environ:
        with Path(os.environ["FAULTY_CALLS"]).open("a") as file:
            file.write(json.dumps(values) + "\n")


def chatter(mebibytes):
    for _ in range(mebibytes):
        os.write(1, b"x" * MIB)
        os.write(2, b"y" * MIB)


def chatty(source, target):
    chatter(32)
    pack(source, target)


def chatty_exit(source, target):
    chatter(4)
    os.write(2, b"\n\x1b[31;1mno\tsuch\r\n\x1b[0m picture\x07")
    sys.exit(1)


def nothing(source, target):
    pass


def empty(source, target):
    target.write_bytes(b"")


def polite(source, target):
    print("cannot open the picture")


def exit_3(source, target):
    print("giving up at once")
    sys.exit(3)


def segv(source, target):
    os.kill(os.getpid(), signal.SIGSEGV)


def abrt(source, target):
    os.kill(os.getpid(), signal.SIGABRT)


def sleep(source, target):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    (source.parent / "half").write_bytes(b"half")
    print("counting sheep", flush=True)
    time.sleep(FOR_EVER_S)


def ask(source, target):
    """Wait for an answer on standard input."""
    sys.stdin.read()
    pack(source, target)


def child(*, own_session, quiet):
    """Start a process that sleeps for ever; where it leaves the session its parent ends, too."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        if own_session:
            os.setsid()
            if os.fork():
                os._exit(0)
        if quiet:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 1)
            os.dup2(null, 2)
        os.write(writer, str(os.getpid()).encode())
        time.sleep(FOR_EVER_S)
        os._exit(0)
    note(child=int(os.read(reader, 20)))


def fork(source, target):
    child(own_session=False, quiet=True)
    pack(source, target)


def fork_with_pipe(source, target):
    child(own_session=False, quiet=False)
    pack(source, target)


def daemon(source, target):
    child(own_session=True, quiet=True)
    pack(source, target)


def daemon_with_pipe(source, target):
    child(own_session=True, quiet=False)
    print("child is away", flush=True)
    pack(source, target)


def large(source, target):
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    with target.open("wb") as file:
        file.seek(2**40)
        file.write(b"x")


def fill(source, target):
    for number in range(100):
        (source.parent / f"part{number}").write_bytes(b"x" * (15 * MIB))


def parts(source, target):
    """Files that are each within bounds, and are not together."""
    for number in range(20):
        (source.parent / f"part{number}").write_bytes(b"x" * MIB)
    print("and more to come", flush=True)
    time.sleep(FOR_EVER_S)


def hog(source, target):
    hoard = [b"x" * (64 * MIB) for _ in range(100)]
    target.write_bytes(hoard[-1])


def burn(source, target):
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass
    pack(source, target)


def hold(source, target):
    held = b"\1" * (PICTURE_MIB * MIB)
    time.sleep(0.3)
    pack(source, target)
    del held


def half(source, target):
    data = zlib.decompress(source.read_bytes())
    target.write_bytes(data[: len(data) // 2])


def other(source, target):
    """An image of another size, which lies beside the program."""
    target.write_bytes(Path(__file__).with_name(f"other{target.suffix}").read_bytes())


ENCODE = {
    function.__name__: function
    for function in (
        *(chatty, chatty_exit, nothing, empty, polite, exit_3, segv, abrt, sleep),
        *(fork, fork_with_pipe, daemon, daemon_with_pipe, large, fill, parts, hog, burn, hold, ask),
    )
}
DECODE = {
    "half": half,
    "other": other,
    "decode_exit": exit_3,
    "decode_nothing": nothing,
    "decode_sleep": sleep,
}


def main():
    kind, fault, source, target = sys.argv[1:]
    note(
        kind=kind,
        fault=fault,
        pid=os.getpid(),
        parent=os.getppid(),
        argv=sys.argv,
        folder=str(Path.cwd()),
    )
    ordinary, faults = (pack, ENCODE) if kind == "encode" else (unpack, DECODE)
    faults.get(fault, ordinary)(Path.cwd() / source, Path.cwd() / target)


if __name__ == "__main__":
    if sys.argv[1:] == ["--version"]:
        print("faulty 1.2")
    else:
        main()
