import fs from 'node:fs';

export interface Mount {
  /** Where it is mounted. */
  at: string;
  type: string;
  options: string[];
}

export interface Space {
  bytes: number;
  /** Null if the file system does not count files. */
  files: number | null;
}

/** The system as the checks see it, in one place, so that a test can replace it. */
export interface System {
  nodeVersion: string;
  platform: NodeJS.Platform;
  /** The mount that a path is on; null if unknown. */
  mountOf(path: string): Mount | null;
  spaceIn(directory: string): Space;
  /** A small file of the system, or null. */
  read(path: string): string | null;
  isExecutable(path: string): boolean;
  /** The inotify instances that this user has open, as far as they are visible. */
  inotifyInstances(): number;
}

export const realSystem: System = {
  nodeVersion: process.versions.node,
  platform: process.platform,
  mountOf(path) {
    const table = realSystem.read('/proc/self/mountinfo');
    return table === null ? null : mountIn(table, path);
  },
  spaceIn(directory) {
    const { bavail, bsize, files, ffree } = fs.statfsSync(directory);
    return { bytes: bavail * bsize, files: files === 0 ? null : ffree };
  },
  read(path) {
    try {
      return fs.readFileSync(path, 'utf8');
    } catch {
      return null;
    }
  },
  isExecutable(path) {
    try {
      fs.accessSync(path, fs.constants.X_OK);
      return true;
    } catch {
      return false;
    }
  },
  inotifyInstances() {
    const pids = listed('/proc').filter((name) => /^\d+$/.test(name));
    return pids.flatMap(inotifyOf).length;
  },
};

/** The innermost mount that a path is on. Of several mounts at one place, the last one hides the others. */
export function mountIn(table: string, path: string): Mount | null {
  let found: Mount | null = null;
  for (const line of table.split('\n')) {
    const [own = '', other = ''] = line.split(' - ');
    const [, , , , at = '', options = ''] = own.split(' ').map(plain);
    const [type = '', , superOptions = ''] = other.split(' ').map(plain);
    const isOn = at !== '' && (path === at || path.startsWith(at === '/' ? at : `${at}/`));
    if (!isOn || (found && found.at.length > at.length)) continue;
    found = { at, type, options: [...options.split(','), ...superOptions.split(',')] };
  }
  return found;
}

/** Decodes the octal escapes with which the kernel writes blanks and the like. */
function plain(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function inotifyOf(pid: string): string[] {
  if (statOf(`/proc/${pid}`)?.uid !== process.geteuid?.()) return [];
  return listed(`/proc/${pid}/fd`).filter((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === 'anon_inode:inotify');
}

function listed(directory: string): string[] {
  return quietly(() => fs.readdirSync(directory)) ?? [];
}

function statOf(path: string): fs.Stats | null {
  return quietly(() => fs.statSync(path));
}

function linkOf(path: string): string | null {
  return quietly(() => fs.readlinkSync(path));
}

/** Null if a call fails: processes end during the check. */
function quietly<T>(call: () => T): T | null {
  try {
    return call();
  } catch {
    return null;
  }
}
