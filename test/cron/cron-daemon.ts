import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import type { Program, Rig } from '../support/cli-rig.ts';

/**
 * In a mount namespace of its own, so that nothing of this machine's cron is touched: an empty /run for its pid file, and our
 * own crontabs. What it mails goes to a `sendmail` that writes a file a mail.
 */
const SETUP = `set -e
mount --make-rprivate /
mount -t tmpfs none /run
mkdir -p upper work empty mail spool
mount -t overlay overlay -o lowerdir=/usr/sbin,upperdir="$PWD/upper",workdir="$PWD/work" /usr/sbin
cat > /usr/sbin/sendmail <<END
#!/bin/sh
file=$PWD/mail/\\$(date +%s%N).\\$\\$
cat > "\\$file.part" && mv "\\$file.part" "\\$file.mail"
END
chmod 755 /usr/sbin/sendmail
mount --bind spool /var/spool/cron/crontabs
mount --bind empty /etc/cron.d
: > crontab
mount --bind crontab /etc/crontab
exec /usr/sbin/cron -f
`;

/** Why no cron daemon can be run here; empty if one can. */
export function whyNoCron(): string {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'this needs Linux, and root';
  if (!fs.existsSync('/usr/sbin/cron')) return 'this needs Debian’s cron: apt-get install cron';
  const { status } = spawnSync('unshare', ['-m', 'true']);
  return status === 0 ? '' : 'this needs a mount namespace: unshare -m';
}

export interface Mail {
  /** The line of the crontab that it is about. */
  subject: string;
  to: string;
  body: string;
}

/** A real cron daemon with one crontab, root's. */
export class CronDaemon {
  readonly #rig: Rig;
  readonly program: Program;

  constructor(rig: Rig, crontab: string) {
    this.#rig = rig;
    // The rig's directory may be in /tmp: that stays what it is in the new namespace.
    fs.mkdirSync(rig.path('spool'));
    rig.write('spool/root', crontab, 0o600);
    this.program = rig.start('unshare', ['-m', '/bin/sh', '-c', SETUP], { input: '' });
  }

  mails(): Mail[] {
    const directory = this.#rig.path('mail');
    if (!fs.existsSync(directory)) return [];
    const files = fs.readdirSync(directory).filter((file) => file.endsWith('.mail'));
    return files.sort().map((file) => {
      const text = this.#rig.read(`mail/${file}`);
      const [head = '', ...body] = text.split('\n\n');
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(head)?.[1] ?? '';
      return { subject: field('Subject'), to: field('To'), body: body.join('\n\n') };
    });
  }
}
