import { existsSync } from 'node:fs';
import { ownFile } from '../../host/own-file.ts';
import { KEEPER_CODE } from './keeper-code.ts';

/** Instead of a file: Node reads its program from its standard input. */
const FROM_INPUT = '-';

/** Where a keeper that was started without a file finds its program, to pass it on to its guard. */
const own = globalThis as { lockstepKeeper?: string };

let packed: string | undefined;

/** How a keeper process is started. */
export interface KeeperProgram {
  /** The argument that Node is given on its command line. */
  readonly file: string;
  /** One line of ASCII, for its standard input. Null: the program is a file. */
  readonly input: string | null;
}

/**
 * The program of a keeper process: `file`, by default the one beside this module, or in a bundle its text. Null if there is neither:
 * Lockstep is not built.
 */
export function keeperProgram(file = ownFile(import.meta.url, 'keeper-main.js')): KeeperProgram | null {
  if (file !== null) return { file, input: null };
  if (KEEPER_CODE === null) return null;
  // Loaded here alone: a command line that has loaded it keeps no compiled code for its next call.
  packed ??= process.getBuiltinModule('node:zlib').deflateRawSync(KEEPER_CODE).toString('base64');
  return fromInput(packed);
}

/** The program of this process, a keeper. Null if its file is gone. */
export function ownKeeperProgram(): KeeperProgram | null {
  if (own.lockstepKeeper !== undefined) return fromInput(own.lockstepKeeper);
  const [, file] = process.argv;
  return file !== undefined && existsSync(file) ? { file, input: null } : null;
}

/** As short as it can be: a guard has all of it before the command begins. */
function fromInput(code: string): KeeperProgram {
  const unpacked = `require('node:zlib').inflateRawSync(Buffer.from(lockstepKeeper='${code}','base64')).toString()`;
  return { file: FROM_INPUT, input: `require('node:vm').runInThisContext(${unpacked})` };
}
