import type { SimDisk } from './sim-disk.ts';

/**
 * One call on what processes share: the step between which the explorer switches. The last three are not
 * the operating system's: `linkOver` is a broken link for the mutations, the others are the test's own.
 */
export interface Call {
  readonly op:
    | 'openForAppend'
    | 'create'
    | 'read'
    | 'write'
    | 'look'
    | 'list'
    | 'link'
    | 'remove'
    | 'makeDirectory'
    | 'removeDirectory'
    | 'rename'
    | 'readText'
    | 'state'
    | 'linkOver'
    | 'pause'
    | 'gather';
  readonly path?: string;
  readonly to?: string;
  readonly fd?: number;
  /** A position to read from, a pid, a stage. */
  readonly number?: number;
  readonly length?: number;
  readonly text?: string;
}

export interface Outcome {
  /** Tells it apart from every other outcome of the same call. */
  readonly key: string;
  readonly value: unknown;
  /** The error's code, or empty. */
  readonly error: string;
  /** The inode behind an fd that was opened. */
  readonly inode?: string;
  /** The id of the content that was read. */
  readonly seen?: number;
}

export type Dispatch = (call: Call) => unknown;
export type Fds = ReadonlyMap<number, string>;

export function done(value: unknown): Outcome {
  return { key: String(value), value, error: '' };
}

function failed(error: string): Outcome {
  return { key: error, value: undefined, error };
}

/** Does a file call on a disk, changing it. */
export function perform(disk: SimDisk, fds: Fds, call: Call): Outcome {
  const { op, path = '', to = '', fd = -1, number = 0, length = 0, text = '' } = call;
  switch (op) {
    case 'openForAppend': {
      const inode = disk.inodeAt(path);
      if (inode === undefined) return failed(disk.isDirectory(path) ? 'EISDIR' : 'ENOENT');
      return opened(fds, inode);
    }
    case 'create': {
      const made = disk.create(path);
      return 'code' in made ? failed(made.code) : opened(fds, made.inode);
    }
    case 'read': {
      const inode = fds.get(fd);
      if (inode === undefined) return failed('EBADF');
      const content = disk.contentOf(inode);
      const value = content.text.slice(number, number + length);
      return { key: String(content.id), value, error: '', seen: content.id };
    }
    case 'write': {
      const inode = fds.get(fd);
      if (inode === undefined) return failed('EBADF');
      disk.append(inode, text);
      return done(text.length);
    }
    case 'look': {
      const inode = disk.inodeAt(path);
      if (inode === undefined) return done(disk.isDirectory(path) ? 0 : null);
      return done(disk.pool.inodeNumber(inode));
    }
    case 'list': {
      const names = disk.list(path);
      return { key: names?.join(' ') ?? '', value: names, error: '' };
    }
    case 'linkOver':
      if (disk.inodeAt(path) !== undefined) disk.remove(to);
      return perform(disk, fds, { op: 'link', path, to });
    case 'link': {
      const linked = disk.link(path, to);
      return linked === null ? failed('ENOENT') : done(linked);
    }
    case 'remove':
      return done(disk.remove(path));
    case 'makeDirectory': {
      const made = disk.makeDirectory(path);
      return made === null ? failed('ENOENT') : done(made);
    }
    case 'removeDirectory':
      return done(disk.removeDirectory(path));
    case 'rename': {
      const code = disk.renameDirectory(path, to);
      return code === '' ? done(true) : failed(code);
    }
    case 'readText': {
      const inode = disk.inodeAt(path);
      const content = inode === undefined ? null : disk.contentOf(inode);
      return { key: String(content?.id), value: content?.text ?? null, error: '' };
    }
    default:
      throw new Error(`${op} is no file call`);
  }
}

/** The lowest free fd, as POSIX has it. */
function opened(fds: Fds, inode: string): Outcome {
  let fd = 3;
  while (fds.has(fd)) fd++;
  return { key: `${fd}=${inode}`, value: fd, error: '', inode };
}

/** What a call answers to the program, or the system's error. */
export function answer({ op, path }: Call, { value, error }: Outcome): unknown {
  if (error === '') return value;
  throw Object.assign(new Error(`${error}: simulated, ${op} '${path ?? ''}'`), { code: error });
}

export function describe(call: Call, { value, error }: Outcome): string {
  const { op, ...args } = call;
  return `${op}(${Object.values(args)
    .map((arg) => JSON.stringify(arg))
    .join(', ')}) → ${error || JSON.stringify(value)}`;
}
