import type { IncomingHttpHeaders } from 'node:http2';

/** How a server ended a call: 0 is success. */
export interface GrpcStatus {
  readonly code: number;
  /** The server's own words. */
  readonly message: string;
}

/** The codes of gRPC by their numbers, in words. */
const WORDS = [
  'ok',
  'cancelled',
  'unknown',
  'invalid argument',
  'deadline exceeded',
  'not found',
  'already exists',
  'permission denied',
  'resource exhausted',
  'failed precondition',
  'aborted',
  'out of range',
  'unimplemented',
  'internal',
  'unavailable',
  'data loss',
  'unauthenticated',
] as const;

export type StatusWord = (typeof WORDS)[number];

/** A code in words; `unknown` for one that gRPC does not have. */
export function statusWord(code: number): StatusWord {
  return WORDS[code] ?? 'unknown';
}

/** The status in trailers, or in the only headers of an answer; null if there is none. */
export function statusIn(headers: IncomingHttpHeaders): GrpcStatus | null {
  const code = headers['grpc-status'];
  if (typeof code !== 'string' || !/^\d{1,3}$/.test(code)) return null;
  const message = headers['grpc-message'];
  return { code: Number(code), message: typeof message === 'string' ? percentDecoded(message) : '' };
}

/** gRPC escapes what is not printable ASCII, byte by byte. Text that is no escape stays as it is. */
export function percentDecoded(text: string): string {
  if (!text.includes('%')) return text;
  const bytes = text.replace(/%([0-9a-fA-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** A time as gRPC writes it: at most eight digits, and a unit. Rounded up, so that no time is none. */
export function grpcTimeout(ms: number): string {
  const whole = Math.max(1, Math.ceil(ms));
  return whole < 1e8 ? `${whole}m` : `${Math.min(Math.ceil(whole / 1000), 99_999_999)}S`;
}
