"""A Lockstep client in Python: acquire and release of a lock, as docs/protocol.md has it. Linux only.

    python3 client.py STORE NAME        waits, prints the token, releases when its input ends

It leaves out what a client may leave out: heartbeats, adoption, `try`, judging other machines, and
watching its session file (it polls instead).
"""
import json, os, re, secrets, sys, time

SHARES, MAX_COUNT = 2**20, 2**53 - 1


def count(value):
    return type(value) is int and 0 <= value <= MAX_COUNT


def label(value):  # Lengths are in UTF-16 units.
    return type(value) is str and len(value.encode("utf-16-le", "surrogatepass")) <= 400


def facts_ok(f):
    return type(f) is list and len(f) >= 6 and all(map(count, f[:3] + f[4:5])) and min(f[:2]) > 0 and max(f[:2]) < 2**31 and type(f[3]) is type(f[5]) is str


def array(line):
    try:
        value = json.loads(line.decode("utf-8", "replace"))
        return value if type(value) is list else None
    except (ValueError, RecursionError):
        return None


def stat(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return fields[0], int(fields[19])  # its state, and when it started


class Line:
    def __init__(self, header):
        if header[0] != "lockstep" or header[1] != 1:
            raise OSError(f"not a journal of format 1: {header[:2]}")
        self.config = {key: header[2][key] for key in ("name", "kind", "permits")}
        self.last, self.entries = header[2]["last"], {e[0]: e for e in header[2]["entries"]}  # in order

    def holders(self):  # The front part of the line that fits.
        left, found = self.config["permits"] * SHARES, []
        for ticket, entry in self.entries.items():
            left -= entry[3] * SHARES or 1
            if left < 0:
                break
            found.append(ticket)
        return found

    def apply(self, record):
        verb, id, *rest = record
        if verb in ("enter", "try") and len(rest) >= 4:
            facts, ask, at, text = rest[:4]
            least = 0 if self.config["kind"] == "lock" else 1
            if not (facts_ok(facts) and count(ask) and least <= ask <= self.config["permits"]):
                return
            if not (count(at) and at <= 9 * 10**15 and label(text)) or len(self.entries) >= 65536:
                return
            last, self.last = self.last, max(self.last + 1, at)
            self.entries[self.last] = [self.last, id, [[id[: id.find(":")], facts]], ask, at, text]
            if verb == "try" and self.last not in self.holders():
                del self.entries[self.last]
                self.last = last
        elif rest and count(rest[0]) and rest[0] in self.entries:
            owners = self.entries[rest[0]][2]
            if verb == "leave" or verb == "evict" and len(rest) > 2 and count(rest[2]) and rest[2] in (0, len(owners)):
                del self.entries[rest[0]]
            elif verb == "adopt" and len(rest) > 3 and label(rest[2]) and facts_ok(rest[3]) and len(owners) < 16:
                owners.append(rest[2:4])


class Lock:
    def __init__(self, store, name):
        encoded = "".join(chr(b) if re.match(rb"[A-Za-z0-9._-]", bytes([b])) else f"%{b:02X}" for b in name.encode())
        self.name, self.folder, self.sessions = name, f"{store}/resources/{re.sub('^[.]', '%2E', encoded)}", f"{store}/sessions"
        for folder in (store, f"{store}/resources", self.folder, self.sessions):
            os.path.isdir(folder) or os.makedirs(folder, 0o700, exist_ok=True)
        self.key, self.ids, self.files = secrets.token_hex(6), 0, 0
        namespace = int(re.search(r"\d+", os.readlink("/proc/self/ns/pid"))[0])
        boot = open("/proc/sys/kernel/random/boot_id").read().strip()
        self.facts = [os.getpid(), os.getpid(), stat(os.getpid())[1], boot, namespace, os.uname().nodename]
        self.session = f"{self.sessions}/{os.getpid()}-{self.key}"
        os.close(os.open(self.session, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        self.fd = -1
        self.locate()

    def highest(self):
        return max([int(m[1]) for m in map(re.compile(r"journal\.([1-9]\d{0,14})$").match, os.listdir(self.folder)) if m], default=0)

    def locate(self):
        while True:
            number = self.highest()
            if number == 0:
                self.publish(1, {"name": self.name, "kind": "lock", "permits": 1, "last": 0, "entries": []})
                continue
            try:
                fd = os.open(f"{self.folder}/journal.{number}", os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW)
            except FileNotFoundError:
                continue
            if self.highest() != number:  # The second listing.
                os.close(fd)
                continue
            if self.fd >= 0:
                os.close(self.fd)
            self.fd, self.number, self.sealed, self.pending = fd, number, False, b""
            self.offset, self.line, self.seen = 0, None, None
            self.fold()
            if (self.line.config["kind"], self.line.config["permits"]) != ("lock", 1):
                raise OSError(f"{self.name} is no lock")
            if not self.sealed:
                return
            self.publish(number + 1, {**self.line.config, "last": self.line.last, "entries": list(self.line.entries.values())})

    def publish(self, number, header):
        self.files += 1
        private = f"{self.folder}/next.{number}.{self.key}.{self.files}"
        try:
            with open(os.open(private, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(json.dumps(["lockstep", 1, header], separators=(",", ":")).encode())
                file.flush()
                os.fdatasync(file.fileno())
            os.link(private, f"{self.folder}/journal.{number}")
        except (FileExistsError, FileNotFoundError):
            pass  # Somebody else did it; or did more, and swept our private file away.
        finally:
            if os.path.exists(private):
                os.unlink(private)

    def fold(self):
        """Applies what is new. The tail counts only if it is a whole record already."""
        while chunk := os.pread(self.fd, 1 << 16, self.offset + len(self.pending)):
            self.pending += chunk
        *lines, tail = self.pending.split(b"\n")
        for at, line in enumerate([*lines, tail]):
            is_tail = at == len(lines)
            if self.sealed:
                return
            value = array(line) if self.line is None or 0 < len(line) <= 65535 else None
            if self.line is None:
                self.line = Line(value or [None, None])
            elif value and len(value) > 1 and type(value[0]) is type(value[1]) is str and value[1]:
                self.sealed = value[0] == "seal"
                self.sealed or self.line.apply(value)
                self.seen = value[1] if value[1] == self.awaited else self.seen
            elif is_tail:
                self.offset, self.pending = self.offset + len(self.pending) - len(line), line
                return
        self.offset, self.pending = self.offset + len(self.pending), b""

    awaited = None

    def append(self, verb, *rest):
        self.ids += 1
        self.awaited = f"{self.key}:{self.ids}"
        data = b"\n" + json.dumps([verb, self.awaited, *rest], separators=(",", ":")).encode()
        while True:
            if self.sealed:
                self.locate()
            if os.write(self.fd, data) != len(data) and os.write(self.fd, data) != len(data):
                raise OSError("the disk is full")
            self.fold()
            if self.seen == self.awaited:
                break  # Before the seal: it counts.
        if os.fstat(self.fd).st_size > 128 * 1024:  # Late; anybody may do it, nobody must.
            os.write(self.fd, f'\n["seal","{self.key}:seal{self.number}",{time.time_ns() // 1000}]'.encode())

    def refresh(self):
        self.fold()
        if self.sealed:
            self.locate()

    def dead(self, facts):
        """Only what is certain: a process of this boot and pid namespace that is gone."""
        if facts[3] != self.facts[3] or facts[4] != self.facts[4]:
            return False
        try:
            os.kill(facts[1], 0)
            state, start = stat(f"{facts[0]}/task/{facts[1]}" if facts[1] != facts[0] else facts[0])
            return state in "ZX" or facts[2] != 0 and start != facts[2]
        except ProcessLookupError:
            return True
        except OSError:
            return False

    def acquire(self):
        now = time.time_ns() // 1000
        self.append("enter", self.facts, 1, now, "client.py")
        ours = self.awaited
        self.ticket = next(t for t, entry in self.line.entries.items() if entry[1] == ours)
        while self.ticket not in self.line.holders():
            if self.ticket not in self.line.entries:
                raise OSError("evicted while waiting")
            for ticket, entry in list(self.line.entries.items()):
                if ticket < self.ticket and all(self.dead(facts) for _, facts in entry[2]):
                    self.append("evict", ticket, time.time_ns() // 1000, len(entry[2]), "its process is gone", "client.py")
            time.sleep(0.005)
            self.refresh()
        return self.ticket

    def release(self):
        self.refresh()
        before = self.line.holders()
        if self.ticket not in before:
            raise OSError("the lease was lost")
        self.append("leave", self.ticket, time.time_ns() // 1000)
        for ticket in set(self.line.holders()) - set(before):
            for key, facts in self.line.entries[ticket][2]:
                try:
                    os.utime(f"{self.sessions}/{facts[0]}-{key}")  # The poke.
                except OSError:
                    pass  # It polls, too.

    def close(self):
        os.close(self.fd)
        os.unlink(self.session)


if __name__ == "__main__":
    lock = Lock(sys.argv[1], sys.argv[2])
    print(lock.acquire(), flush=True)
    sys.stdin.read()
    lock.release()
    lock.close()
