"""Starts programs from a process that has next to no memory: the other side of
:mod:`rdbench.programs.starting`.

What the kernel tells of a program's memory begins with that of the process which it was started
from: execve(2) replaces it, and getrusage(2) remembers it. A worker has hundreds of MiB. This
process has 6, and starts each program as a grandchild that becomes the worker's child, so that the
worker waits for it itself. It is a script of its own, run by an interpreter without packages:
nothing of rdbench is imported here, and as little else as can be.
"""

import errno
import marshal
import os
import signal
import socket
import sys

PLACES = 3
"""Descriptors that come with each request: standard input, output and error of the program."""


def main(descriptor: int) -> None:
    """Start what is asked for on the socket ``descriptor``, until it is closed."""
    os.set_inheritable(descriptor, False)
    with socket.socket(fileno=descriptor) as worker:
        while True:
            size, places, _, _ = socket.recv_fds(worker, 8, PLACES)
            if not size:
                return
            request = marshal.loads(received(worker, int.from_bytes(size, "little")))  # noqa: S302
            worker.sendall(b"".join(n.to_bytes(8, "little") for n in started(request, places)))
            for place in places:
                os.close(place)


def received(connection: socket.socket, size: int) -> bytes:
    """So many bytes. Raises :class:`EOFError` where the other side has ended."""
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise EOFError("the other side has ended")
        data += more
    return data


def started(
    request: tuple[list[str], str, dict[bytes, bytes]], places: list[int]
) -> tuple[int, int]:
    """The number of the process that was started, and the error number with which it ended where
    it could not become the program."""
    reader, writer = os.pipe()
    between = os.fork()
    if between == 0:
        child = os.fork()
        if child == 0:
            become(request, places, writer)
        os.write(writer, child.to_bytes(8, "little"))
        os._exit(0)
    os.close(writer)
    # Only when the process between them has ended is the program the worker's child.
    os.waitpid(between, 0)
    told = b""
    while data := os.read(reader, 16):  # until the program has taken the place of its process
        told += data
    os.close(reader)
    # In either order: a process is told by its number, an error by its negative one.
    numbers = [int.from_bytes(told[at : at + 8], "little", signed=True) for at in (0, 8)]
    return max(numbers), -min(numbers)


def become(
    request: tuple[list[str], str, dict[bytes, bytes]], places: list[int], writer: int
) -> None:
    """Become the program, or tell the negative error number and end."""
    arguments, folder, environment = request
    try:
        os.setpgid(0, 0)
        for number, place in enumerate(places):
            os.dup2(place, number)
        os.chdir(folder)
        for name in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores
            signal.signal(name, signal.SIG_DFL)
        os.execve(arguments[0], arguments, environment)  # noqa: S606
    except OSError as error:
        os.write(writer, (-(error.errno or errno.EIO)).to_bytes(8, "little", signed=True))
    finally:
        os._exit(127)


if __name__ == "__main__":
    main(int(sys.argv[1]))
