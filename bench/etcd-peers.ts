import http from 'node:http';
import { fileURLToPath } from 'node:url';
import { credentials, loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { Etcd3 } from 'etcd3';
import { EtcdClient } from '../lib/etcd/client/etcd-client.ts';
import { parseEtcdUrl } from '../lib/etcd/client/url.ts';

const PROTO = fileURLToPath(new URL('../../test/etcd/rpc.proto', import.meta.url));

/** One way to speak to etcd. */
export interface EtcdPeer {
  readonly name: string;
  put(key: string, value: string): Promise<unknown>;
  delete(key: string): Promise<unknown>;
  close(): void;
}

export function ourClient(endpoint: string): EtcdPeer {
  const client = new EtcdClient(parseEtcdUrl(`etcd://${endpoint}`), { credentials: null });
  return {
    name: 'EtcdClient (node:http2)',
    put: (key, value) => client.put({ key, value }, { timeoutMs: 30_000 }),
    delete: (key) => client.deleteRange({ key }, { timeoutMs: 30_000 }),
    close: () => client.close(),
  };
}

export function grpcClient(endpoint: string): EtcdPeer {
  const definition = loadPackageDefinition(loadSync(PROTO)) as unknown as {
    etcdserverpb: { KV: ServiceClientConstructor };
  };
  const client = new definition.etcdserverpb.KV(endpoint, credentials.createInsecure());
  const call = (method: 'Put' | 'DeleteRange', request: object) =>
    new Promise((resolve, reject) => {
      const done = (error: Error | null, answer: unknown) => (error === null ? resolve(answer) : reject(error));
      client[method]?.(request, done);
    });
  return {
    name: '@grpc/grpc-js with proto-loader',
    put: (key, value) => call('Put', { key: Buffer.from(key), value: Buffer.from(value) }),
    delete: (key) => call('DeleteRange', { key: Buffer.from(key) }),
    close: () => client.close(),
  };
}

export function etcd3Client(endpoint: string): EtcdPeer {
  const client = new Etcd3({ hosts: `http://${endpoint}` });
  return {
    name: 'etcd3',
    put: async (key, value) => client.put(key).value(value),
    delete: async (key) => client.delete().key(key),
    close: () => client.close(),
  };
}

/** etcd's gateway: JSON over HTTP/1. */
export function gatewayClient(endpoint: string): EtcdPeer {
  const agent = new http.Agent({ keepAlive: true });
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const post = (path: string, body: object) =>
    new Promise((resolve, reject) => {
      const request = http.request(`http://${endpoint}${path}`, { method: 'POST', agent }, (response) => {
        response.setEncoding('utf8');
        let text = '';
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve(JSON.parse(text)));
      });
      request.on('error', reject);
      request.end(JSON.stringify(body));
    });
  return {
    name: 'JSON gateway (node:http)',
    put: (key, value) => post('/v3/kv/put', { key: base64(key), value: base64(value) }),
    delete: (key) => post('/v3/kv/deleterange', { key: base64(key) }),
    close: () => agent.destroy(),
  };
}
