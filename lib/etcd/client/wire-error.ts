/**
 * A message that cannot be what a server of etcd sends: truncated, too large, nested too deep, or with a number that
 * JavaScript cannot represent. It never leaves the client as it is: a call turns it into an `EtcdError`.
 */
export class WireError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'WireError';
  }
}
