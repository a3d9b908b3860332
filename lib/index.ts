/** Lockstep's whole public surface. */
export type { AcquireOptions, ResourceOptions } from './acquirable.ts';
export { type Beat, type BeatEnd, type HeartbeatOptions, heartbeat } from './beat.ts';
export {
  ConfigMismatchError,
  DeadlockError,
  LeaseLostError,
  LockstepError,
  LockTimeoutError,
  MisuseError,
  type Standing,
  StoreError,
} from './errors.ts';
export { JsonFile, type JsonFileOptions } from './json-file.ts';
export { Lease } from './lease.ts';
export { Lock } from './lock.ts';
export { openStore, openStoreBeside, type StoreOptions } from './open-store.ts';
export { type JoinOptions, Process } from './process.ts';
export type { CommandTarget, ModuleTarget, ProcessOptions } from './process-target.ts';
export { type LockMode, type ModeOptions, RWLock } from './rwlock.ts';
export { type PermitOptions, Semaphore } from './semaphore.ts';
export type { EntryView, LineView, OwnerView, Store } from './store.ts';
