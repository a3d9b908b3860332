import { MisuseError } from '../errors.ts';
import { durationIn } from '../time/duration.ts';
import { nearestOf } from './nearest.ts';

export interface OptionHints {
  /** The option that a number in place of the options is meant for. */
  number?: string;
  /** The same for a text. */
  string?: string;
  /** For names that are no options here, but are elsewhere: what to do instead. */
  instead?: Readonly<Record<string, string>>;
}

/**
 * The names of the options that one call takes. An option that is not among them would have no effect, and the caller would
 * not learn of it: `acquire({ tiemout: 5_000 })` would wait without limit.
 */
export class OptionNames<Options extends object = object> {
  readonly #call: string;
  readonly #names: ReadonlySet<string>;
  readonly #hints: OptionHints;

  /** @param call how the call is written, with `…` for the options: `acquire(…)`, `new CLASS(name, …)` */
  constructor(call: string, names: Record<keyof Required<Options>, true>, hints: OptionHints = {}) {
    this.#call = call;
    this.#names = new Set(Object.keys(names));
    this.#hints = hints;
  }

  /**
   * Every `acquire` calls it, so what is right must cost next to nothing.
   *
   * @param type the name of the class, for a constructor that several classes have
   * @throws {MisuseError}
   */
  check(options: unknown, type?: string): void {
    if (typeof options !== 'object' || options === null || Array.isArray(options))
      throw new MisuseError(this.#notAnObject(options, callOf(this.#call, type)));
    for (const name in options)
      if (!this.#names.has(name)) throw new MisuseError(this.#unknown(name, options, callOf(this.#call, type)));
  }

  #notAnObject(given: unknown, call: string): string {
    const { number, string } = this.#hints;
    const ms = typeof given === 'string' ? durationIn(given) : given;
    const takes = `${nameIn(call)} takes its options as an object, not ${shownValue(given)}`;
    if (number !== undefined && typeof ms === 'number' && !Number.isNaN(ms))
      return `${takes}: write ${withOptions(call, `{ ${number}: ${ms} }`)}`;
    if (string !== undefined && typeof given === 'string')
      return `${takes}: write ${withOptions(call, `{ ${string}: ${shownValue(given)} }`)}`;
    return `${takes}. It takes ${listOf(this.#names)}`;
  }

  #unknown(name: string, options: object, call: string): string {
    const whole = isSignal(options) ? 'signal' : isStoreLike(options) ? 'store' : '';
    if (this.#names.has(whole))
      return `${nameIn(call)} takes its options as an object, not a ${whole} alone: write ${withOptions(call, `{ ${whole} }`)}`;
    const near = nearestOf(name, this.#names);
    const meant = this.#hints.instead?.[name] ?? (near === null ? '' : `: did you mean ${near}?`);
    return `${nameIn(call)} has no option '${name}'${meant}${meant.endsWith('?') ? '' : '.'} It takes ${listOf(this.#names)}`;
  }
}

/** A call, in which the constructor's class is filled in. */
function callOf(call: string, type = ''): string {
  return call.replace('CLASS', () => type);
}

/** `acquire`, `new Lock`. */
function nameIn(call: string): string {
  return call.replace(/\(.*/, '');
}

function withOptions(call: string, options: string): string {
  return call.replace('…', () => options);
}

function shownValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40)).replace(/^"(.*)"$/, "'$1'");
  if (typeof value === 'function') return 'a function';
  return Array.isArray(value) ? 'an array' : String(value);
}

function listOf(names: ReadonlySet<string>): string {
  const list = [...names];
  return [list.slice(0, -1).join(', '), ...list.slice(-1)].filter(Boolean).join(' and ');
}

/** Whether a value is an `AbortSignal`, of this realm or another. */
export function isSignal(value: unknown): value is AbortSignal {
  if (typeof value !== 'object' || value === null) return false;
  const { aborted, addEventListener, throwIfAborted } = value as Partial<AbortSignal>;
  return [addEventListener, throwIfAborted].every((own) => typeof own === 'function') && typeof aborted === 'boolean';
}

/** Whether a value is a store: of this copy of the package, or of another one. */
export function isStoreLike(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { place, join } = value as { place?: unknown; join?: unknown };
  return typeof place === 'string' && typeof join === 'function';
}

/** @throws {MisuseError} unless a switch is on, off or not given */
export function checkSwitch(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return;
  throw new MisuseError(`${name} must be true or false, not ${shownValue(value)}`);
}

/** @throws {MisuseError} unless a time is a number of ms, or not given */
export function checkMs(name: string, value: unknown): void {
  if (value === undefined || (typeof value === 'number' && value >= 0)) return;
  throw new MisuseError(`${name} must be a number of milliseconds from 0 up, not ${String(value)}`);
}

/** @throws {MisuseError} unless it is a function */
export function checkFunction(call: string, work: unknown): void {
  if (typeof work === 'function') return;
  throw new MisuseError(`${call} takes a function first, not ${shownValue(work)}`);
}
