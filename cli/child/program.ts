import fs from 'node:fs';
import path from 'node:path';
import { shown } from '../text/escape.ts';
import { CANNOT_RUN, NOT_FOUND } from './status.ts';

/** Why a command cannot be run. */
export interface Refusal {
  /** As of a shell: 126, or 127. */
  status: number;
  message: string;
}

const MAX_PATH_SHOWN = 80;
/** No kernel reads more of a script's first line. */
const FIRST_LINE_BYTES = 256;
const INTERPRETER = /^#![ \t]*([^\s\0]+)([^\n]*)/;

/**
 * Why a command cannot be run, or null if nothing speaks against it. It is looked up as `exec` does: a name with a slash is a path,
 * any other is looked for in `PATH`. A command that cannot be judged is not refused: `exec` decides.
 *
 * To be asked before waiting in line: a name that was mistyped is no reason to wait for an hour.
 */
export function whyNotRun(name: string, env: NodeJS.ProcessEnv = process.env): Refusal | null {
  if (name === '') return { status: NOT_FOUND, message: 'the command is an empty word' };
  if (name.includes('/')) return whyNotFile(name, name);
  const { PATH } = env;
  if (PATH === undefined || process.platform === 'win32') return null;
  const files = PATH.split(path.delimiter).map((directory) => path.join(directory || '.', name));
  const refusals: Refusal[] = [];
  for (const file of files.filter((one) => fs.existsSync(one))) {
    const refusal = whyNotFile(file, name);
    if (refusal === null) return null;
    refusals.push(refusal);
  }
  // That of cron is short, and surprises; that of a user is long.
  const where = PATH.length <= MAX_PATH_SHOWN ? ` (${shown(PATH)})` : '';
  const missing = { status: NOT_FOUND, message: `${shown(name)}: command not found in PATH${where}` };
  return refusals[0] ?? missing;
}

function whyNotFile(file: string, name: string): Refusal | null {
  const refused = (message: string) => ({ status: CANNOT_RUN, message: `${shown(name)}: ${message}` });
  try {
    if (fs.statSync(file).isDirectory()) return refused('it is a directory');
    fs.accessSync(file, fs.constants.X_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return { ...refused('there is no such file'), status: NOT_FOUND };
    if (code === 'ENOTDIR') return refused('a part of its path is no directory');
    return code === 'EACCES' ? refused('permission denied; an executable file has the mode x (chmod +x)') : null;
  }
  const interpreter = missingInterpreter(file);
  if (interpreter === null) return null;
  const isDos = interpreter.endsWith('\r') ? '; its lines end as on Windows, with a carriage return' : '';
  return {
    ...refused(`there is no ${shown(interpreter)}, which its first line says is to run it${isDos}`),
    status: NOT_FOUND,
  };
}

/** The interpreter that a script's first line names, if there is no such file. */
function missingInterpreter(file: string): string | null {
  const match = INTERPRETER.exec(firstLineOf(file));
  if (!match) return null;
  const [, word = '', rest = ''] = match;
  const interpreter = rest === '\r' ? `${word}\r` : word;
  return interpreter.startsWith('/') && !fs.existsSync(interpreter) ? interpreter : null;
}

function firstLineOf(file: string): string {
  let fd: number | undefined;
  try {
    // A FIFO would keep us waiting.
    fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    const bytes = Buffer.alloc(FIRST_LINE_BYTES);
    return bytes.toString('latin1', 0, fs.readSync(fd, bytes));
  } catch {
    // It may be executed, and not read.
    return '';
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}
