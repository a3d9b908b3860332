/**
 * The types of Node's that the public surface names, for programs that have `@types/node` and for those that have not. The
 * declarations that ship (`rolldown.types.config.js`) ignore that a module of Node's is unknown: what it exports is then `any`.
 */

import type { Buffer as NodeBuffer } from 'node:buffer';
import type { Readable } from 'node:stream';

type Known<T, Otherwise> = 0 extends 1 & T ? Otherwise : T;

/**
 * The signal that ends a wait: the global `AbortSignal`, of `@types/node` or of the DOM. Without both, as much of it as a program needs that
 * brings one by other means.
 */
export type EndSignal = typeof globalThis extends { AbortSignal: { prototype: infer Signal } }
  ? Signal
  : {
      readonly aborted: boolean;
      readonly reason: unknown;
      /** Throws its reason if it is aborted. */
      readonly throwIfAborted: () => void;
    };

/** Where a module is: the global `URL`, of `@types/node` or of the DOM. Without both, an object that has its `href`. */
export type ModuleUrl = typeof globalThis extends { URL: { prototype: infer Url } } ? Url : { readonly href: string };

/** The output of a child process: Node's `Readable`. Without `@types/node`, as much of it as reading takes. */
export type OutputStream = Known<Readable, AsyncIterable<Uint8Array>>;

/** The bytes of a file: Node's `Buffer`. Without `@types/node`, a `Uint8Array`. */
export type FileBytes = Known<NodeBuffer, Uint8Array>;

/** The variables of a process's environment, as `process.env` has them. */
export interface Environment {
  [name: string]: string | undefined;
}

/** The signals that a process can be sent, by their names: those of Node's `NodeJS.Signals`. */
export type SignalName =
  | 'SIGABRT'
  | 'SIGALRM'
  | 'SIGBREAK'
  | 'SIGBUS'
  | 'SIGCHLD'
  | 'SIGCONT'
  | 'SIGFPE'
  | 'SIGHUP'
  | 'SIGILL'
  | 'SIGINFO'
  | 'SIGINT'
  | 'SIGIO'
  | 'SIGIOT'
  | 'SIGKILL'
  | 'SIGLOST'
  | 'SIGPIPE'
  | 'SIGPOLL'
  | 'SIGPROF'
  | 'SIGPWR'
  | 'SIGQUIT'
  | 'SIGSEGV'
  | 'SIGSTKFLT'
  | 'SIGSTOP'
  | 'SIGSYS'
  | 'SIGTERM'
  | 'SIGTRAP'
  | 'SIGTSTP'
  | 'SIGTTIN'
  | 'SIGTTOU'
  | 'SIGUNUSED'
  | 'SIGURG'
  | 'SIGUSR1'
  | 'SIGUSR2'
  | 'SIGVTALRM'
  | 'SIGWINCH'
  | 'SIGXCPU'
  | 'SIGXFSZ';
