import path from 'node:path';
import type { Belonging, FileFacts, Host } from '../host/host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { withRealPath } from '../host/pinned-files.ts';
import { StoreGround, type StorePolicy, type StoreWishes } from './store-ground.ts';
import { directoryAt, factsOf, modeText, refusal } from './store-place.ts';

/** The name of a store beside a file. */
const NAME = '.lockstep';
/** A journal has command lines in it, which do not belong into a repository. */
const IGNORE = '.gitignore';
const IGNORE_ALL = Buffer.from('*\n');

export interface WishesBeside extends StoreWishes {
  /** The file's name is not known: another process has opened the store, and has checked its owner. */
  reopened?: boolean;
}

/**
 * The store that lives beside a file, `.lockstep` in the file's directory. If it is not there it is made at its first use,
 * not here. A user that may replace files in that directory, as its owner or a member of its group, may use it too. Where
 * all users may write, as in `/tmp`, it is for its owner alone.
 *
 * @throws {StoreError}
 */
export function openDirectoryBeside(host: Host, file: string, wishes: WishesBeside = {}): StoreDirectory {
  const directory = path.join(path.dirname(file), NAME);
  const ground = new StoreGround(host, directory, wishes, new BesideStorePolicy(host, file, wishes.reopened ?? false));
  ground.check();
  return ground;
}

/** How to make a store: root makes it as the owner would have. */
interface Plan {
  mode: number;
  belonging?: Belonging;
}

class BesideStorePolicy implements StorePolicy {
  readonly #host: Host;
  readonly #file: string;
  readonly #around: string;
  readonly #directory: string;
  readonly #reopened: boolean;

  constructor(host: Host, file: string, reopened: boolean) {
    this.#host = host;
    this.#file = file;
    this.#around = path.dirname(file);
    this.#directory = path.join(this.#around, NAME);
    this.#reopened = reopened;
  }

  plannedMode(): number {
    return this.#plan(directoryAt(this.#host, this.#around)).mode;
  }

  /** By a descriptor of the directory around it: a link that takes that one's place must not lead root elsewhere. */
  make(): void {
    const { files } = this.#host;
    directoryAt(this.#host, this.#around);
    const around = files.openDirectory(this.#around);
    try {
      this.#makeIn(around.at, this.#plan(factsOf(this.#host, this.#around, around)));
    } catch (error) {
      throw withRealPath(error, around.at, this.#around);
    } finally {
      files.closeDirectory(around);
    }
  }

  #makeIn(around: string, { mode, belonging }: Plan): void {
    const { files, processes } = this.#host;
    try {
      files.makeDirectory(`${around}/${NAME}`, mode, belonging);
    } catch (error) {
      // The owner of a directory need not be of its group. Then it is for the owner alone; never for another group.
      const isGroups = (mode & 0o070) !== 0 && processes.uid() !== 0;
      if (!isGroups || (error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
      files.makeDirectory(`${around}/${NAME}`, 0o700);
    }
  }

  #plan(around: FileFacts): Plan {
    const uid = this.#host.processes.uid();
    if (uid === -1) return { mode: 0o700 };
    const isRoot = uid === 0;
    if (isForAll(around)) {
      const owner = isRoot ? this.#host.files.look(this.#file) : null;
      return owner === null ? { mode: 0o700 } : { mode: 0o700, belonging: { uid: owner.uid, gid: owner.gid } };
    }
    const belonging = { uid: isRoot ? around.uid : null, gid: around.gid };
    if (isForGroup(around)) return { mode: 0o2770, belonging };
    return isRoot ? { mode: 0o700, belonging } : { mode: 0o700 };
  }

  check(facts: FileFacts): number {
    const uid = this.#host.processes.uid();
    if (uid === -1) return 0o700;
    const around = directoryAt(this.#host, this.#around);
    const isOfGroup = facts.gid === around.gid;
    if (!this.#isTrusted(facts, around) && !(isForGroup(around) && isOfGroup))
      throw refusal(this.#directory, `it belongs to another user (uid ${facts.uid})`);
    if (isForAll(facts))
      throw refusal(this.#directory, `everybody may write in it (mode ${modeText(facts)}); chmod o-w corrects that`);
    if (!isForGroup(facts)) return 0o700;
    if (!isOfGroup)
      throw refusal(
        this.#directory,
        `its group may write in it (gid ${facts.gid}, mode ${modeText(facts)}), and is not the group of the directory around it (gid ${around.gid}); chgrp -R ${around.gid} corrects that, or chmod -R g-rwx`,
      );
    return facts.mode;
  }

  #isTrusted(facts: FileFacts, around: FileFacts): boolean {
    const uid = this.#host.processes.uid();
    if (facts.uid === uid || facts.uid === around.uid) return true;
    // root works for the owner of the file.
    if (uid !== 0 || !isForAll(around)) return false;
    return this.#reopened || facts.uid === this.#host.files.look(this.#file)?.uid;
  }

  /** Written whole under a private name, then linked: so it is never empty, and never takes the place of another one. */
  furnish({ files, processes }: Host, fileMode: number): void {
    const place = path.join(this.#directory, IGNORE);
    if (files.look(place) !== null) return;
    const own = path.join(this.#directory, `.make.${processes.nonce()}`);
    try {
      const fd = files.create(own, fileMode);
      try {
        if (files.write(fd, IGNORE_ALL, IGNORE_ALL.length) === IGNORE_ALL.length) files.link(own, place);
      } finally {
        files.close(fd);
        files.remove(own);
      }
    } catch {
      // The store works without it; the next process that makes something here tries again.
    }
  }
}

function isForAll({ mode }: FileFacts): boolean {
  return (mode & 0o002) !== 0;
}

function isForGroup({ mode }: FileFacts): boolean {
  return (mode & 0o020) !== 0;
}
