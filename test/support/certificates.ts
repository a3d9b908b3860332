import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

export interface Certificate {
  cert: string;
  key: string;
}

/** An authority and its certificates, as files in a folder. They are valid for a day. */
export class Authority {
  readonly ca: string;
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    this.ca = path.join(directory, 'ca.crt');
    const key = path.join(directory, 'ca.key');
    openssl('req', '-x509', ...newKey(key), '-days', '1', '-subj', '/CN=lockstep test', '-out', this.ca);
  }

  /** @param names as `IP:127.0.0.1` or `DNS:etcd.example` */
  issue(name: string, names: string): Certificate {
    const [cert, key, request, extensions] = ['crt', 'key', 'csr', 'ext'].map((end) =>
      path.join(this.#directory, `${name}.${end}`),
    ) as [string, string, string, string];
    fs.writeFileSync(extensions, `subjectAltName=${names}\nextendedKeyUsage=serverAuth,clientAuth\n`);
    openssl('req', ...newKey(key), '-subj', `/CN=${name}`, '-out', request);
    const signer = ['-CA', this.ca, '-CAkey', this.ca.replace(/crt$/, 'key'), '-CAcreateserial'];
    openssl('x509', '-req', '-in', request, ...signer, '-days', '1', '-extfile', extensions, '-out', cert);
    return { cert, key };
  }
}

function newKey(file: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', file];
}

function openssl(...words: string[]): void {
  execFileSync('openssl', words, { stdio: ['ignore', 'ignore', 'pipe'] });
}
