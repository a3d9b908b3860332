"""Acquires and releases uncontended locks in batches, commanded by `bench/peers/python.ts` over stdin and stdout.

Argument: a directory. A line of input is the name of a lock and the number of cycles; its answer is one line, a list of the
ms of each cycle. It begins with one line, a list of the locks that there are.
"""
import json
import multiprocessing
import os
import sys
import time


def locks_in(directory):
    semaphore = multiprocessing.Lock()
    locks = {"multiprocessing": (semaphore.acquire, semaphore.release)}
    try:
        import filelock
    except ImportError:
        return locks
    lock = filelock.FileLock(os.path.join(directory, "filelock.lock"))
    return {**locks, "filelock": (lock.acquire, lock.release)}


def batch(acquire, release, cycles):
    each = []
    last = time.perf_counter_ns()
    for _ in range(cycles):
        acquire()
        release()
        now = time.perf_counter_ns()
        each.append((now - last) / 1e6)
        last = now
    return each


def main():
    locks = locks_in(sys.argv[1])
    print(json.dumps(list(locks)), flush=True)
    for line in sys.stdin:
        name, cycles = line.split()
        print(json.dumps(batch(*locks[name], int(cycles))), flush=True)


main()
