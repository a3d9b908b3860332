"""A Lockstep client in Python: acquire, steal and release of a lock, as docs/protocol.md has it. Linux only.

    python3 client.py STORE NAME        waits, prints the token, releases when its input ends

It leaves out the optional parts: keepalives, adoption, `try`, judging other machines, deadlock detection,
and watching its session file (it polls instead).
"""
import errno, hashlib, itertools, json, os, re, secrets, shutil, sys, time

MAX_COUNT, SHARES = 2**53 - 1, 2**20


def count(value):
    return type(value) is int and 0 <= value <= MAX_COUNT


def label(value):  # Lengths are in UTF-16 units.
    return type(value) is str and len(value.encode("utf-16-le", "surrogatepass")) <= 400


def facts_ok(f):
    return type(f) is list and len(f) >= 6 and all(map(count, f[:3] + f[4:5])) and min(f[:2]) > 0 and max(f[:2]) < 2**31 and type(f[3]) is type(f[5]) is str


def facts_of(f):
    return f[:7] if len(f) > 6 and count(f[6]) else f[:6]


def number(text):  # As in the library, 5.0 is 5. (And `int` refuses NaN, which is not JSON.)
    value = float(text)
    return int(value) if value.is_integer() else value


def array(line):
    try:
        value = json.loads(line.decode("utf-8", "replace"), parse_int=number, parse_float=number, parse_constant=int)
        return value if type(value) is list else None
    except (ValueError, RecursionError):
        return None


def now():  # For records, which can have no other time.
    return min(max(time.time_ns() // 1000, 0), 9 * 10**15)


def stat(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return fields[0], int(fields[19])  # its state and its start time


class Line:
    def __init__(self, name, header):
        if header[:2] != ["lockstep", 2]:
            raise OSError(f"{name}: not a journal of format 2: {header[:2]}")
        self.config = {key: header[2][key] for key in ("name", "kind", "permits", "value")}
        if list(self.config.values())[:3] != [name, "lock", 1]:
            raise OSError(f"{name} is no lock: {self.config}")
        self.last, self.token, self.forgotten = header[2]["last"], header[2]["token"], False
        self.entries = {entry[0]: entry for entry in header[2]["entries"]}  # by ticket, in the line's order
        if len(self.entries) != len(header[2]["entries"]) or self.holders() != [entry[0] for entry in self.front()]:
            raise OSError(f"{name}: its header is damaged")

    def header(self):  # Of the next epoch. A resource that was forgotten is made anew.
        return {**self.config, "last": self.last, "token": self.token, "entries": list(self.entries.values())}

    def holders(self):
        return [ticket for ticket, entry in self.entries.items() if entry[6]]

    def front(self):  # The front part of the line that fits.
        weights = itertools.accumulate(entry[3] * SHARES or 1 for entry in self.entries.values())
        return [entry for entry, weight in zip(self.entries.values(), weights) if weight <= SHARES]

    def grant(self):  # The front part holds, each entry with a token greater than all before.
        for entry in self.front():
            if not entry[6]:
                self.last += entry[0] <= self.token
                self.token = entry[6] = entry[0] if entry[0] > self.token else self.last

    def join(self, verb, id, facts, ask, at, text):
        key = id.partition(":")[0]
        if not (facts_ok(facts) and label(key) and count(ask) and ask < 2 and count(at) and at <= 9 * 10**15 and label(text)):
            return
        if len(self.entries) >= 65536 or verb == "try" and sum(e[3] * SHARES or 1 for e in self.entries.values()) + (ask * SHARES or 1) > SHARES:
            return
        self.last = max(self.last + 1, at)
        entry = {self.last: [self.last, id, [[key, facts_of(facts)]], ask, at, text, 0]}
        if verb == "steal":  # In front of all waiters; all holders are ended.
            self.entries = entry | {ticket: waiter for ticket, waiter in self.entries.items() if not waiter[6]}
        else:
            self.entries |= entry
        self.grant()

    def apply(self, record):
        verb, id, *rest = record
        if verb in ("enter", "try") and len(rest) > 3:
            return self.join(verb, id, *rest[:4])
        if verb == "steal" and len(rest) > 2:
            return self.join(verb, id, rest[0], 1, *rest[1:3])
        if verb == "forget" and len(rest) > 1 and type(rest[1]) is int and rest[1] == self.config["value"] and not self.entries:
            self.forgotten = True
        entry = self.entries.get(rest[0]) if rest and count(rest[0]) else None
        if not entry:
            return
        owners = entry[2]
        if verb == "leave" or verb == "evict" and len(rest) > 2 and count(rest[2]) and rest[2] in (0, len(owners)):
            del self.entries[rest[0]]
            self.grant()
        elif verb == "adopt" and len(rest) > 3 and label(rest[2]) and facts_ok(rest[3]) and len(owners) < 16:
            if len(rest) > 4 and rest[4] is True:
                owners[:] = [owner[:2] + [True] for owner in owners]
            owners.append([rest[2], facts_of(rest[3])])
        elif verb == "keep" and len(rest) > 3 and type(rest[2]) is list and len(rest[2]) <= 64 and count(rest[3]):
            if all(type(kept) is list and len(kept) > 1 and label(kept[0]) and count(kept[1]) for kept in rest[2]):
                entry[7:] = [[kept[:2] for kept in rest[2]], rest[3]] if rest[2] or rest[3] else []


class Lock:
    rotate_bytes = 128 * 1024  # Late: sealing is optional.
    awaited, fd, ids, files, ticket, token = None, -1, 0, 0, 0, 0

    def __init__(self, store, name):
        encoded = "".join(chr(b) if re.match(rb"[A-Za-z0-9._-]", bytes([b])) else f"%{b:02X}" for b in name.encode())
        encoded = re.sub("^[.]", "%2E", encoded)
        if len(encoded) > 200:
            encoded = f"{encoded[:160]}~{hashlib.sha256(name.encode()).hexdigest()[:32]}"
        self.name, self.store, self.folder, self.sessions = name, store, f"{store}/resources/{encoded}", f"{store}/sessions"
        if os.path.lexists(f"{store}/guarded"):
            raise ValueError(f"{store} is a guarded store, and this client does not guard its appends")
        for folder in (store, f"{store}/resources", f"{store}/new", self.sessions):
            os.path.isdir(folder) or os.makedirs(folder, 0o700, exist_ok=True)
        self.key = secrets.token_hex(6)
        pids, clock = (int(re.search(r"\d+", os.readlink(f"/proc/self/ns/{kind}"))[0]) for kind in ("pid", "time"))
        boot = open("/proc/sys/kernel/random/boot_id").read().strip()
        self.facts = [os.getpid(), os.getpid(), stat(os.getpid())[1], boot, pids, os.uname().nodename, clock]
        self.session = f"{self.sessions}/{os.getpid()}-{self.key}"
        os.close(os.open(self.session, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        private = f"{self.sessions}/.line.{self.key}"
        os.mkfifo(private, 0o600)
        self.lifeline = os.open(private, os.O_RDONLY | os.O_NONBLOCK)  # Open before it has its name.
        os.rename(private, f"{self.session}.life")
        self.locate()

    def names(self):
        return os.listdir(self.folder) if os.path.lexists(self.folder) else []

    def highest(self):
        return max([int(m[1]) for m in map(re.compile(r"journal\.([1-9]\d{0,14})$").match, self.names()) if m], default=0)

    def locate(self):
        while True:
            number = self.highest()
            if number == 0:
                self.begin()
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
            if not self.sealed:
                return
            self.publish(number + 1, self.line.header())

    def begin(self):
        """Makes the resource's directory with its first epoch in it."""
        self.files += 1
        prepared = f"{self.store}/new/.new.{self.key}.{self.files}"
        os.mkdir(prepared, 0o700)
        try:
            epoch, last = self.floor()  # When the directory is there, not before.
            empty = {"name": self.name, "kind": "lock", "permits": 1, "value": 0, "last": last, "token": 0, "entries": []}
            self.write(f"{prepared}/journal.{epoch + 1}", empty)
            os.rename(prepared, self.folder)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY):
                raise
            shutil.rmtree(prepared, ignore_errors=True)  # Another client was first; or one removed ours.
            self.clear()

    def clear(self):
        """Removes the directory, if only private files are left in it."""
        if self.highest() == 0:
            try:
                for name in self.names():
                    name.startswith("next.") and os.unlink(f"{self.folder}/{name}")
                os.rmdir(self.folder)
            except OSError:
                pass  # Another client does the same, or was first.

    def floor(self):
        try:
            with open(f"{self.store}/forgotten") as file:
                lines = [tuple(map(int, line.split())) for line in file if re.match(r"\d{1,16} \d{1,16}$", line)]
        except FileNotFoundError:
            lines = []
        return max([line[0] for line in lines], default=0), max([line[1] for line in lines], default=0)

    def publish(self, number, header):
        self.files += 1
        private = f"{self.folder}/next.{number}.{self.key}.{self.files}"
        try:
            self.write(private, header)
            if os.stat(f"{self.folder}/journal.{number - 1}").st_ino == os.fstat(self.fd).st_ino:
                os.link(private, f"{self.folder}/journal.{number}")
        except (FileExistsError, FileNotFoundError):
            pass  # Another client was first; or the private file, or the directory, was removed.
        try:
            os.unlink(private)
        except FileNotFoundError:
            pass  # As above.

    def write(self, path, header):
        with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(json.dumps(["lockstep", 2, header], separators=(",", ":")).encode())
            file.flush()
            os.fdatasync(file.fileno())

    def fold(self):
        """Applies new records. The tail counts only if it is a whole record already."""
        while chunk := os.pread(self.fd, 1 << 16, self.offset + len(self.pending)):
            self.pending += chunk
        *lines, tail = self.pending.split(b"\n")
        for at, line in enumerate([*lines, tail]):
            is_tail = at == len(lines)
            if self.sealed:
                return
            value = array(line) if self.line is None or 0 < len(line) <= 65535 else None
            if self.line is None:
                self.line = Line(self.name, value or [])
            elif value and len(value) > 1 and type(value[0]) is type(value[1]) is str and value[1]:
                self.sealed = value[0] == "seal"
                self.sealed or self.line.apply(value)
                self.sealed = self.sealed or self.line.forgotten
                self.seen = value[1] if value[1] == self.awaited else self.seen
            elif is_tail:
                self.offset, self.pending = self.offset + len(self.pending) - len(line), line
                return
        self.offset, self.pending = self.offset + len(self.pending), b""

    def append(self, verb, *rest):
        self.ids, before = self.ids + 1, {ticket: (entry[6], entry[2]) for ticket, entry in self.line.entries.items()}
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
        if not self.sealed and os.fstat(self.fd).st_size > self.rotate_bytes:
            os.write(self.fd, f'\n["seal","{self.key}:seal{self.number}",{now()}]'.encode())
        self.poke(before)

    def poke(self, before):  # Touches the session files of entries that were let in or ended.
        for ticket, (token, owners) in before.items():
            if ticket not in self.line.entries or self.line.entries[ticket][6] != token:
                for key, facts, *_ in owners:
                    try:
                        key == self.key or os.utime(f"{self.sessions}/{facts[0]}-{key}")
                    except (OSError, ValueError):
                        pass  # The waiter also polls.

    def refresh(self):
        self.fold()
        if self.sealed:
            self.locate()

    def lifeline_held(self, path):  # None: there is none.
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW))
            return True
        except OSError as error:
            return False if error.errno == errno.ENXIO else None

    def dead(self, key, facts):
        """True only if certain. Its lifeline must agree; where the pid says nothing, the lifeline alone decides."""
        name = f"{self.sessions}/{facts[0]}-{key}"
        own = self.lifeline_held(f"{name}.life")
        if facts[3:5] != self.facts[3:5]:  # Another boot or pid namespace; the store is on a local file system.
            command = self.lifeline_held(f"{name}.command")
            return True not in (own, command) and False in (own, command)
        try:
            os.kill(facts[1], 0)
            state, start = stat(f"{facts[0]}/task/{facts[1]}" if facts[1] != facts[0] else facts[0])
            reused = facts[2] != 0 and start != facts[2] and facts[6:7] == self.facts[6:7]
            return (state in "ZX" or reused) and own is not True
        except ProcessLookupError:
            return own is not True
        except OSError:
            return own is False

    def acquire(self, steal=False):
        ask = [] if steal else [1]
        self.append("steal" if steal else "enter", self.facts, *ask, now(), "client.py")
        self.ticket = next((ticket for ticket, entry in self.line.entries.items() if entry[1] == self.awaited), 0)
        while not self.held():
            if self.ticket not in self.line.entries:
                raise OSError("the line is full, or we were put out of it")
            for ticket, entry in list(self.line.entries.items()):
                if ticket == self.ticket:
                    break
                if all(relieved or self.dead(key, facts) for key, facts, *relieved in entry[2]):
                    self.append("evict", ticket, now(), len(entry[2]), "its process is gone", "client.py")
            time.sleep(0.005)
        self.token = self.line.entries[self.ticket][6]
        return self.token

    def held(self):
        """Whether we hold it now. A holder that calls this from time to time detects its loss."""
        self.refresh()
        return self.ticket in self.line.holders()

    def release(self):
        if not self.held():
            raise OSError("the lease was lost")
        self.append("leave", self.ticket, now())

    def close(self):
        os.close(self.fd)
        os.unlink(self.session)


if __name__ == "__main__":
    lock = Lock(sys.argv[1], sys.argv[2])
    print(lock.acquire(), flush=True)
    sys.stdin.read()
    lock.release()
    lock.close()
