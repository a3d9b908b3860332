/** The report of a worker of `map` on an item: that it has taken it, and how its call ended. */
export type MapMessage =
  | { readonly it: 'took'; readonly at: number; readonly attempt: number }
  /** `outcome`: packed. */
  | { readonly it: 'ended'; readonly at: number; readonly outcome: Uint8Array };

/** The first byte of each. That of an outcome by itself, which ends the worker, is a small number. */
const TOOK = 100;
const ENDED = 101;
const [AT, REST] = [1, 5];

export function packMessage(message: MapMessage): Buffer {
  const head = Buffer.alloc(REST);
  head[0] = message.it === 'took' ? TOOK : ENDED;
  head.writeUInt32BE(message.at, AT);
  if (message.it === 'ended') return Buffer.concat([head, message.outcome]);
  const attempt = Buffer.alloc(4);
  attempt.writeUInt32BE(message.attempt);
  return Buffer.concat([head, attempt]);
}

/** Null if it is none. */
export function unpackMessage(bytes: Buffer): MapMessage | null {
  const [kind] = bytes;
  if (kind === TOOK) return { it: 'took', at: bytes.readUInt32BE(AT), attempt: bytes.readUInt32BE(REST) };
  return kind === ENDED ? { it: 'ended', at: bytes.readUInt32BE(AT), outcome: bytes.subarray(REST) } : null;
}
