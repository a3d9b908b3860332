/** What a file says. Interned: the same bytes are the same object, so states compare by `id`. */
export interface Content {
  readonly id: number;
  /** The bytes, one per character (latin1). */
  readonly text: string;
  readonly longer: Map<string, Content>;
}

/** All contents, and inode numbers, of one family of disks. */
export class ContentPool {
  readonly empty: Content;
  readonly #byText = new Map<string, Content>();
  readonly #inodes = new Map<string, number>();

  constructor() {
    this.empty = this.#intern('');
  }

  append(content: Content, text: string): Content {
    let longer = content.longer.get(text);
    if (!longer) {
      longer = this.#intern(content.text + text);
      content.longer.set(text, longer);
    }
    return longer;
  }

  inodeNumber(inode: string): number {
    const known = this.#inodes.get(inode) ?? this.#inodes.size + 1;
    this.#inodes.set(inode, known);
    return known;
  }

  #intern(text: string): Content {
    let content = this.#byText.get(text);
    if (!content) {
      content = { id: this.#byText.size, text, longer: new Map() };
      this.#byText.set(text, content);
    }
    return content;
  }
}

/**
 * A file system in memory that is cheap to copy: names → inodes → bytes.
 *
 * An inode is named after the path at which it was last linked (its maker has closed it by then), and a
 * number if that name is in use, so that the same disk reached by two interleavings is the same value.
 */
export class SimDisk {
  readonly pool: ContentPool;
  /** Shared by copies until one makes a directory. */
  #directories: Set<string>;
  readonly #paths: string[];
  readonly #inodes: string[];
  readonly #contents: Map<string, Content>;

  constructor(pool = new ContentPool(), from?: SimDisk) {
    this.pool = pool;
    this.#directories = from ? from.#directories : new Set(['/']);
    this.#paths = from ? [...from.#paths] : [];
    this.#inodes = from ? [...from.#inodes] : [];
    this.#contents = new Map(from ? from.#contents : []);
  }

  copy(): SimDisk {
    return new SimDisk(this.pool, this);
  }

  inodeAt(path: string): string | undefined {
    return this.#inodes[this.#paths.indexOf(path)];
  }

  contentOf(inode: string): Content {
    return this.#contents.get(inode) ?? this.pool.empty;
  }

  isDirectory(path: string): boolean {
    return this.#directories.has(path);
  }

  /** False if something is there, null if there is no directory to make it in. */
  makeDirectory(path: string): boolean | null {
    if (!this.#directories.has(parentOf(path))) return null;
    if (this.#directories.has(path) || this.#paths.includes(path)) return false;
    this.#directories = new Set([...this.#directories, path]);
    return true;
  }

  /** False if there is none, or it is not empty. */
  removeDirectory(path: string): boolean {
    if (!this.#directories.has(path) || this.#isUsed(path)) return false;
    this.#directories = new Set([...this.#directories].filter((one) => one !== path));
    return true;
  }

  /** Renames a directory of files; an empty directory of that name is replaced. The error's code, or empty. */
  renameDirectory(from: string, to: string): '' | 'ENOENT' | 'ENOTEMPTY' {
    if (!this.#directories.has(from) || !this.#directories.has(parentOf(to))) return 'ENOENT';
    if (this.#isUsed(to)) return 'ENOTEMPTY';
    this.#directories = new Set([...[...this.#directories].filter((one) => one !== from), to]);
    for (const path of this.#paths.filter((one) => parentOf(one) === from)) {
      this.link(path, `${to}${path.slice(from.length)}`);
      this.remove(path);
    }
    return '';
  }

  #isUsed(directory: string): boolean {
    return [...this.#paths, ...this.#directories].some((path) => path !== '/' && parentOf(path) === directory);
  }

  /** The new file's inode, or why there is none. */
  create(path: string): { inode: string } | { code: 'EEXIST' | 'ENOENT' } {
    if (this.#paths.includes(path) || this.#directories.has(path)) return { code: 'EEXIST' };
    if (!this.#directories.has(parentOf(path))) return { code: 'ENOENT' };
    const inode = this.#unused(path);
    this.#contents.set(inode, this.pool.empty);
    this.#insert(path, inode);
    return { inode };
  }

  append(inode: string, text: string): void {
    this.#contents.set(inode, this.pool.append(this.contentOf(inode), text));
  }

  /** False if the target is there, null if the source is not. */
  link(from: string, to: string): boolean | null {
    const inode = this.inodeAt(from);
    if (inode === undefined) return null;
    if (this.#paths.includes(to)) return false;
    const known = this.#unused(to);
    this.#contents.set(known, this.contentOf(inode));
    this.#contents.delete(inode);
    this.#inodes[this.#paths.indexOf(from)] = known;
    this.#insert(to, known);
    return true;
  }

  remove(path: string): boolean {
    const at = this.#paths.indexOf(path);
    if (at === -1) return false;
    this.#paths.splice(at, 1);
    this.#inodes.splice(at, 1);
    return true;
  }

  list(directory: string): string[] | null {
    if (!this.#directories.has(directory)) return null;
    const names = [];
    for (const path of this.#paths) if (parentOf(path) === directory) names.push(path.slice(directory.length + 1));
    for (const path of this.#directories)
      if (path !== '/' && parentOf(path) === directory) names.push(path.slice(directory.length + 1));
    return names;
  }

  /** Forgets the contents of files that have no name and that nobody has open. */
  forget(isOpen: (inode: string) => boolean): void {
    for (const inode of this.#contents.keys()) {
      if (!this.#inodes.includes(inode) && !isOpen(inode)) this.#contents.delete(inode);
    }
  }

  /** Files that have no name any more. */
  unnamed(): string[] {
    return [...this.#contents.keys()].filter((inode) => !this.#inodes.includes(inode));
  }

  /** Equal for equal disks. */
  key(): string {
    let key = '';
    for (const directory of [...this.#directories].sort()) key += `${directory}/ `;
    for (let at = 0; at < this.#paths.length; at++) key += `${this.#paths[at]}=${this.#inodes[at]} `;
    for (const inode of [...this.#contents.keys()].sort()) key += `${inode}:${this.contentOf(inode).id} `;
    return key;
  }

  #unused(path: string): string {
    let inode = path;
    for (let again = 2; this.#contents.has(inode); again++) inode = `${path}#${again}`;
    return inode;
  }

  #insert(path: string, inode: string): void {
    let at = this.#paths.length;
    while (at > 0 && (this.#paths[at - 1] as string) > path) at--;
    this.#paths.splice(at, 0, path);
    this.#inodes.splice(at, 0, inode);
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}
