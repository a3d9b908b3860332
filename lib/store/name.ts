import { MisuseError } from '../errors.ts';

const MAX_NAME_BYTES = 200;
/** A file name has 255 bytes on every common file system, and percent-encoding can triple a name. */
const MAX_ENCODED = 200;
const SAFE = /[A-Za-z0-9._-]/;
/** A valid name that its directory has, too. Most are. */
const PLAIN = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/;

/**
 * Checks a resource's name: 1–200 bytes of UTF-8, no NUL. Every other name is valid, also `../x`,
 * `a/b` and emoji: `encodeName` keeps it inside the store.
 *
 * @throws {MisuseError}
 */
export function checkName(name: string): void {
  if (typeof name === 'string' && PLAIN.test(name)) return;
  const shown = JSON.stringify(String(name).slice(0, 40));
  if (typeof name !== 'string') throw new MisuseError(`a resource's name must be a string, not ${typeof name}`);
  if (name === '') throw new MisuseError("a resource's name must not be empty");
  if (name.includes('\0')) throw new MisuseError(`a resource's name must not contain a NUL character: ${shown}`);
  if (!name.isWellFormed()) throw new MisuseError(`a resource's name must be well-formed Unicode: ${shown}`);
  const bytes = Buffer.byteLength(name);
  if (bytes > MAX_NAME_BYTES) {
    throw new MisuseError(`a resource's name may have ${MAX_NAME_BYTES} bytes, and this one has ${bytes}: ${shown}…`);
  }
}

/** Whether this can be a resource's name. */
export function isName(name: string): boolean {
  return name !== '' && !name.includes('\0') && name.isWellFormed() && Buffer.byteLength(name) <= MAX_NAME_BYTES;
}

/**
 * The directory name of a resource: a character that is not `[A-Za-z0-9._-]`, and a leading dot, is
 * percent-encoded, byte by byte. Past 200 characters it is the first 160 of them, `~`, and 32 digits
 * of the name's SHA-256; the journal's header has the name itself.
 */
export function encodeName(name: string): string {
  if (typeof name === 'string' && PLAIN.test(name)) return name;
  checkName(name);
  let encoded = '';
  for (const byte of Buffer.from(name)) {
    const character = String.fromCharCode(byte);
    const plain = SAFE.test(character) && !(encoded === '' && character === '.');
    encoded += plain ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  if (encoded.length <= MAX_ENCODED) return encoded;
  return `${encoded.slice(0, 160)}~${sha256(name).slice(0, 32)}`;
}

/** Loaded only when a name is that long: it would cost every start of the command line 3 ms. */
function sha256(text: string): string {
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(text).digest('hex');
}
