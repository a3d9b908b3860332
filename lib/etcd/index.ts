/**
 * `lockstep/etcd`: stores on an etcd cluster, for programs on several machines that coordinate. `openStore('etcd://…')` and
 * `{ store: 'etcd://…' }` load it by themselves; import it to open a store with options.
 *
 * @module lockstep/etcd
 */

export { Credentials } from './client/credentials.ts';
export type { Endpoint } from './client/endpoint.ts';
export { type EtcdCode, EtcdError } from './client/etcd-error.ts';
export type { GrpcStatus } from './client/grpc-status.ts';
export type { TlsFiles } from './client/tls-files.ts';
export { type EtcdAddress, parseEtcdUrl } from './client/url.ts';
export { type EtcdStoreOptions, openEtcdStore } from './open-etcd-store.ts';
export type { EtcdStore } from './store/etcd-store.ts';
