"""Runs a command in a pseudo terminal of its own: python3 terminal.py COLUMNS ROWS COMMAND [ARGUMENT...]

It reads one JSON array a line: ["write", text], ["resize", columns, rows], ["flags"], ["hang up"].
It writes one JSON object a line: {"pid": ...}, {"out": base64}, {"flags": ...}, {"stopped": true}, {"status": code or signal}.
"""
import base64, fcntl, json, os, select, signal, struct, sys, termios


def say(**what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def resize(fd, columns, rows):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def flags(fd):
    iflag, oflag, cflag, lflag, ispeed, ospeed, chars = termios.tcgetattr(fd)
    return [iflag, oflag, cflag, lflag, ispeed, ospeed, [c if isinstance(c, int) else c.hex() for c in chars]]


def drain(fd):
    while select.select([fd], [], [], 0)[0]:
        try:
            data = os.read(fd, 65536)
        except OSError:
            return
        if not data:
            return
        say(out=base64.b64encode(data).decode())


def main():
    columns, rows, *command = sys.argv[1:]
    wake, wakened = os.pipe()
    os.set_blocking(wakened, False)
    signal.set_wakeup_fd(wakened)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    master, slave = os.openpty()
    resize(slave, int(columns), int(rows))
    before = flags(slave)
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(master)
        login(slave)
        os.execvp(command[0], command)
    # The slave stays open here, so that its flags can be read after the command has ended.
    say(pid=pid, flags=before)
    pending = b""
    while True:
        ready, _, _ = select.select([0, wake] + ([master] if master >= 0 else []), [], [])
        if master in ready:
            drain(master)
        if wake in ready:
            os.read(wake, 4096)
            while True:
                ended, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
                if ended == 0:
                    break
                if os.WIFSTOPPED(status):
                    say(stopped=True)
                    continue
                if master >= 0:
                    drain(master)
                    say(flags=flags(slave))
                say(status=os.WEXITSTATUS(status) if os.WIFEXITED(status) else signal.Signals(os.WTERMSIG(status)).name)
                return
        if 0 in ready:
            data = os.read(0, 65536)
            if not data:
                os.killpg(pid, signal.SIGKILL)
                return
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                verb, *rest = json.loads(line)
                if verb == "write":
                    os.write(master, rest[0].encode())
                elif verb == "resize":
                    resize(master, *rest)
                elif verb == "flags":
                    say(flags=flags(slave))
                elif verb == "hang up":
                    os.close(slave)
                    os.close(master)
                    master = -1


def login(slave):
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
    if slave > 2:
        os.close(slave)


main()
