import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { Process, type ProcessOptions } from '../../../lib/index.ts';
import { type HandedOn, makePipe, type PipeEnds } from '../../../lib/internal.ts';

export type Output = 'stdout' | 'stderr';

export interface MemberOptions {
  command: readonly string[];
  name: string;
  /** Whether its output is read here; else it is ours. */
  isRead: boolean;
  handedOn: HandedOn;
  options?: Pick<ProcessOptions, 'daemon' | 'grace'>;
}

/**
 * A process of `with`, and its output. The outputs are pipes of our own where the system lets us make some: those of Node are
 * sockets, which a program cannot open again as `/dev/stderr`.
 */
export class Member {
  readonly process: Process;
  readonly #pipes: Record<Output, PipeEnds> | null;
  readonly #streams: Partial<Record<Output, Readable>> = {};

  constructor({ command, name, isRead, handedOn, options }: MemberOptions) {
    this.#pipes = isRead ? twoPipes() : null;
    const outputs = this.#pipes ? { output: this.#pipes.stdout.writer, errors: this.#pipes.stderr.writer } : {};
    const output = isRead && !this.#pipes ? 'pipe' : 'inherit';
    this.process = new Process({ command, name, output, ...options }, { ...handedOn, ...outputs });
  }

  start(): void {
    this.process.start();
    for (const [name, { reader, writer }] of Object.entries(this.#pipes ?? {})) {
      // From here on only the process, and what it starts, keep the pipe open.
      closeSync(writer);
      this.#streams[name as Output] = new Socket({ fd: reader, readable: true, writable: false });
    }
  }

  /** Its output, after `start()`; null if that is ours. */
  output(name: Output): Readable | null {
    return this.#streams[name] ?? this.process[name];
  }
}

function twoPipes(): Record<Output, PipeEnds> | null {
  const stdout = makePipe();
  const stderr = stdout && makePipe();
  if (stdout && stderr) return { stdout, stderr };
  if (stdout) for (const fd of [stdout.reader, stdout.writer]) closeSync(fd);
  return null;
}
