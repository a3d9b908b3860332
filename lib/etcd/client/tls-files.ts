import { readNamedFile } from './named-file.ts';

/** The files of a connection by TLS, by their paths. Without `ca`, the authorities that Node knows are trusted. */
export interface TlsFiles {
  readonly ca?: string;
  /** This client's own certificate, and its key: both, or none. */
  readonly cert?: string;
  readonly key?: string;
  /** The name that the servers' certificates are for, where it is not the host's. */
  readonly serverName?: string;
}

export interface TlsMaterial {
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
}

/**
 * Reads the files: for each connection anew, because certificates are renewed while programs run.
 *
 * @throws {StoreError} if one cannot be read
 */
export function readTlsFiles({ ca, cert, key }: TlsFiles): TlsMaterial {
  return {
    ...(ca === undefined ? {} : { ca: readNamedFile(ca) }),
    ...(cert === undefined ? {} : { cert: readNamedFile(cert) }),
    ...(key === undefined ? {} : { key: readNamedFile(key) }),
  };
}
