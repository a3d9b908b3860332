"""A crowd of Python processes that compete for one lock, commanded by `bench/crowd.ts` over stdin and stdout.

Arguments: the lock (`flock` or `multiprocessing`), the number of processes, the file of the lock, the file of the counter.
A line of input is a window, {"from": ms, "until": ms}; its answer is one line, a list of what each process did.
"""
import fcntl
import json
import multiprocessing
import os
import sys
import time

DIGITS = 12


class Flock:
    """`flock` on a file that each process opens by itself: the kernel puts the waiters to sleep."""

    def __init__(self, path):
        self.path = path

    def open(self):
        self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)

    def acquire(self):
        fcntl.flock(self.fd, fcntl.LOCK_EX)

    def release(self):
        fcntl.flock(self.fd, fcntl.LOCK_UN)


class Inherited:
    """`multiprocessing.Lock`: a semaphore in shared memory, which only the children of its maker can use."""

    def __init__(self, context):
        lock = context.Lock()
        self.acquire, self.release = lock.acquire, lock.release

    def open(self):
        pass


def now():
    return time.monotonic_ns() / 1e6


def compete(lock, fd, own, window):
    turns = {"counted": 0, "own": 0, "changes": 0, "waits": []}
    while True:
        asked = now()
        lock.acquire()
        granted = now()
        if granted >= window["from"]:
            turns["waits"].append(granted - asked)
        if granted >= window["until"]:
            break
        text = os.pread(fd, 2 * DIGITS, 0)
        os.pwrite(fd, b"%012d%012d" % (int(text[:DIGITS]) + 1, own), 0)
        turns["counted"] += 1
        if granted >= window["from"]:
            turns["own"] += 1
            turns["changes"] += int(text[DIGITS:]) != own
        lock.release()
    lock.release()
    return turns


def worker(lock, counter, own, commands):
    lock.open()
    fd = os.open(counter, os.O_RDWR)
    commands.send("ready")
    while (window := commands.recv()) is not None:
        commands.send(compete(lock, fd, own, window))


def main():
    kind, processes, path, counter = sys.argv[1:]
    context = multiprocessing.get_context("fork")
    lock = Flock(path) if kind == "flock" else Inherited(context)
    pipes = [context.Pipe() for _ in range(int(processes))]
    children = [
        context.Process(target=worker, args=(lock, counter, at + 1, inner), daemon=True)
        for at, (_, inner) in enumerate(pipes)
    ]
    for child in children:
        child.start()
    outer = [pipe for pipe, _ in pipes]
    for pipe in outer:
        pipe.recv()
    print("ready", flush=True)
    for line in sys.stdin:
        for pipe in outer:
            pipe.send(json.loads(line))
        print(json.dumps([pipe.recv() for pipe in outer]), flush=True)
    for pipe in outer:
        pipe.send(None)
    for child in children:
        child.join()


main()
